"""Writes statsmodels.json: McNemar's test, two one-sided tests and Holm's correction as statsmodels computes them.

    python -m venv venv && venv/bin/pip install statsmodels==0.15.0
    venv/bin/python make_cases.py > statsmodels.json

statsmodels is not among the oracles of `just oracles`, so `just golden` does not make this file.
"""

import json
import sys
from importlib.metadata import version

import numpy as np
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import ttost_ind


def discordant(first, second):
    return {"discordant": [first, second], "exact": float(mcnemar([[50, first], [second, 60]], exact=True).pvalue)}


def equivalence(a, b, margin):
    p_value, lower, upper = ttost_ind(a, b, -margin, margin, usevar="unequal")
    return {
        "first": a.tolist(),
        "second": b.tolist(),
        "margin": margin,
        "p_value": float(p_value),
        "above_lower": float(lower[1]),
        "below_upper": float(upper[1]),
    }


def holm(p_values):
    return {"p_values": p_values, "adjusted": multipletests(p_values, method="holm")[1].tolist()}


def main():
    rng = np.random.default_rng(5)
    found = {
        "statsmodels": version("statsmodels"),
        "mcnemar": [discordant(*pair) for pair in [(1, 7), (0, 4), (6, 6), (40, 21), (1300, 1200)]],
        "equivalence": [
            equivalence(0.86 + 0.004 * rng.normal(size=8), 0.861 + 0.006 * rng.normal(size=8), 0.01),
            equivalence(0.94 + 0.001 * rng.normal(size=8), 0.943 + 0.001 * rng.normal(size=5), 0.005),
            equivalence(rng.normal(size=12), rng.normal(size=9), 1.0),
            equivalence(rng.normal(size=3), 5 + rng.normal(size=3), 1.0),
        ],
        "holm": [
            holm([0.01]),
            holm([0.01, 0.04, 0.03, 0.005]),
            holm([0.00016, 0.00016, 0.04, 0.9, 0.3, 0.0155, 1.0, 0.02]),
            holm([0.5, 0.6, 0.7]),
            holm(rng.random(20).tolist()),
        ],
    }
    json.dump(found, sys.stdout)
    sys.stdout.write("\n")


main()
