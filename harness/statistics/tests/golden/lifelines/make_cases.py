"""Writes lifelines.json: survival curves and restricted means as lifelines computes them, and the exact permutation test by scipy.

    python -m venv venv && venv/bin/pip install lifelines==0.30.3 scipy==1.17.1
    venv/bin/python make_cases.py > lifelines.json

lifelines is not among the oracles of `just oracles`, so `just golden` does not make this file.
"""

import json
import sys
from importlib.metadata import version

import numpy as np
from lifelines import KaplanMeierFitter
from lifelines.utils import restricted_mean_survival_time
from scipy import stats


def fitted(times, happened):
    return KaplanMeierFitter().fit(times, event_observed=happened)


def case(name, times, happened, horizon):
    fit = fitted(times, happened)
    table = fit.event_table.iloc[1:]
    return {
        "name": name,
        "times": [float(time) for time in times],
        "happened": [bool(one) for one in happened],
        "horizon": horizon,
        "steps": [
            [float(time), int(row.at_risk), int(row.observed), int(row.censored), float(fit.survival_function_.loc[time].iloc[0])]
            for time, row in table.iterrows()
        ],
        "restricted_mean": float(restricted_mean_survival_time(fit, t=horizon)),
    }


def comparison(name, first, second, last):
    """Epochs of two arms, None for a run that never escaped and is censored at the last epoch."""
    restricted = [np.array([last if epoch is None else epoch for epoch in arm], dtype=float) for arm in (first, second)]
    happened = [[epoch is not None for epoch in arm] for arm in (first, second)]
    means = [
        float(restricted_mean_survival_time(fitted(times, of), t=last)) for times, of in zip(restricted, happened)
    ]
    test = stats.permutation_test(
        restricted, lambda a, b, axis=-1: a.mean(axis=axis) - b.mean(axis=axis), n_resamples=np.inf, vectorized=True
    )
    return {
        "name": name,
        "first": first,
        "second": second,
        "last": last,
        "means": means,
        "p_value": float(test.pvalue),
        "splits": int(len(test.null_distribution)),
    }


def main():
    rng = np.random.default_rng(3)
    times = rng.integers(1, 15, 30)
    cases = [
        case("escape", [2, 3, 3, 5, 10, 10, 10, 10], [1, 1, 1, 1, 1, 0, 0, 0], 10.0),
        case("none", [10] * 8, [0] * 8, 10.0),
        case("all_at_once", [4] * 8, [1] * 8, 10.0),
        # Freireich et al. (1963), 6-MP arm, the textbook example.
        case(
            "leukaemia",
            [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35],
            [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0],
            30.0,
        ),
        case("random", times.tolist(), (rng.random(30) < 0.6).tolist(), 9.5),
    ]
    comparisons = [
        comparison("eight", [2, 3, 2, 4, 2, 3, 3, 5], [4, 6, None, 3, None, 8, 5, 7], 10.0),
        comparison("alike", [2, 3, None, 4, 9, 3, 3, 5], [2, 4, None, 3, None, 3, 5, 7], 10.0),
        comparison("never", [2] * 8, [None] * 8, 10.0),
        comparison("four_and_eight", [1, 2, 2, None], [3, 5, 6, None, None, 2, 4, 10], 10.0),
    ]
    json.dump({"lifelines": version("lifelines"), "scipy": version("scipy"), "cases": cases, "comparisons": comparisons}, sys.stdout)
    sys.stdout.write("\n")


main()
