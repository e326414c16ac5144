"""Writes scipy.json: intervals, tests and effect sizes of a few arms as scipy computes them, and reliability curves as scikit-learn does.

    python -m venv venv && venv/bin/pip install scipy==1.17.1 scikit-learn==1.9.1
    venv/bin/python make_cases.py > scipy.json

`just golden scipy.json` makes the file anew.
"""

import itertools
import json
import sys

import numpy as np
import scipy
import sklearn
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_auc_score

EVERY = np.inf


def share_interval(successes, trials, confidence):
    interval = stats.binomtest(successes, trials).proportion_ci(confidence, method="exact")
    return {"successes": successes, "trials": trials, "confidence": confidence, "interval": [interval.low, interval.high]}


def fisher(a, n, b, m):
    table = [[a, n - a], [b, m - b]]
    sides = {side: stats.fisher_exact(table, alternative=side).pvalue for side in ("two-sided", "greater", "less")}
    return {"first": [a, n], "second": [b, m], "two_sided": sides["two-sided"], "greater": sides["greater"], "less": sides["less"]}


def welch_t(a, b, axis=-1):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(stats.ttest_ind(a, b, equal_var=False, axis=axis).statistic, nan=0.0)


def arms(name, a, b):
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    welch = stats.ttest_ind(a, b, equal_var=False)
    interval = welch.confidence_interval(0.95)
    mean = stats.t.interval(0.95, len(a) - 1, a.mean(), a.std(ddof=1) / np.sqrt(len(a)))
    permuted = {}
    for what, statistic in (("welch", welch_t), ("means", lambda x, y, axis=-1: x.mean(axis=axis) - y.mean(axis=axis))):
        for side in ("two-sided", "greater", "less"):
            test = stats.permutation_test((a, b), statistic, n_resamples=EVERY, vectorized=True, alternative=side)
            permuted[f"{what}_{side.replace('-', '_')}"] = float(test.pvalue)
    return {
        "name": name,
        "first": a.tolist(),
        "second": b.tolist(),
        "mean_interval": [float(end) for end in mean] if a.std() > 0 else None,
        "t": float(welch.statistic),
        "degrees": float(welch.df),
        "p_value": float(welch.pvalue),
        "difference_interval": [float(interval.low), float(interval.high)],
        "superiority": float(stats.mannwhitneyu(a, b).statistic / (len(a) * len(b))),
        **permuted,
    }


def mcnemar(first, second):
    rows, fewer = first + second, min(first, second)
    exact = stats.binomtest(first, rows, 0.5).pvalue
    # Fagerland, Lydersen and Laake (2013), equation 4.
    point = stats.binom.pmf(fewer, rows, 0.5)
    mid_p = 1 - point / 2 if first == second else 2 * stats.binom.cdf(fewer, rows, 0.5) - point
    return {"discordant": [first, second], "exact": float(exact), "mid_p": float(mid_p)}


def null_auc(positives, negatives):
    """The standard deviation of the AUC over all rankings, by going through them."""
    rows = positives + negatives
    values = [
        roc_auc_score([row in chosen for row in range(rows)], range(rows))
        for chosen in itertools.combinations(range(rows), positives)
    ]
    return {"positives": positives, "negatives": negatives, "error": float(np.std(values))}


def reliability(name, logits, labels, bins):
    logits = np.asarray(logits, dtype=np.float32).astype(float)
    labels = np.asarray(labels).astype(int)
    probabilities = 1 / (1 + np.exp(-logits))
    positive, predicted = calibration_curve(labels, probabilities, n_bins=bins)
    place = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], probabilities)
    rows = np.bincount(place, minlength=bins)
    rows = rows[rows > 0]
    return {
        "name": name,
        "logits": logits.tolist(),
        "labels": labels.tolist(),
        "bins": bins,
        "rows": rows.tolist(),
        "positive": positive.tolist(),
        "predicted": predicted.tolist(),
        "error": float(np.sum(rows * np.abs(positive - predicted)) / len(labels)),
    }


def main():
    rng = np.random.default_rng(8)
    levels = 0.86 + 0.01 * rng.normal(size=8)
    logits = 2 * rng.normal(size=300)
    labels = rng.random(300) < 1 / (1 + np.exp(-0.5 * logits))
    found = {
        "scipy": scipy.__version__,
        "scikit_learn": sklearn.__version__,
        "shares": [
            share_interval(*case)
            for case in [(0, 8, 0.95), (8, 8, 0.95), (5, 5, 0.95), (3, 8, 0.95), (1, 8, 0.99), (1, 1, 0.95), (490, 1000, 0.95),
                         (12_500, 25_000, 0.95), (3, 100_000, 0.95), (24_950, 25_000, 0.999), (1, 1_000_000, 0.95), (500_000, 1_000_000, 0.99),
                         (999_999, 1_000_000, 0.95), (40, 50, 0.5), (7, 8, 0.95), (2, 24, 0.9999)]
        ],
        "fisher": [
            fisher(*case)
            for case in [(8, 8, 0, 8), (7, 8, 1, 8), (6, 8, 1, 8), (4, 8, 4, 8), (0, 8, 0, 8), (3, 4, 1, 8), (0, 1, 1, 1), (9, 11, 2, 14),
                         (45, 100, 60, 120), (700, 1000, 650, 1000), (10, 1000, 30, 900)]
        ],
        "arms": [
            arms("levels", levels, 0.85 + 0.02 * rng.normal(size=8)),
            arms("unequal_numbers", rng.normal(size=5), 1 + 3 * rng.normal(size=9)),
            arms("ties", [1, 2, 2, 3, 3, 3], [2, 2, 3, 4, 4]),
            arms("far_apart", levels, levels - 0.3),
            arms("two_and_three", [0.5, 0.7], [0.1, 0.3, 0.2]),
            arms("one_arm_without_spread", [2, 2, 2, 2], [3, 4, 5, 6]),
        ],
        "mcnemar": [mcnemar(*case) for case in [(1, 7), (0, 3), (5, 5), (10, 25), (312, 288), (1500, 1400), (6000, 5800), (0, 1)]],
        "null_auc": [null_auc(*case) for case in [(1, 1), (2, 3), (5, 4), (6, 6)]],
        "reliability": [
            reliability("ten", logits, labels, 10),
            reliability("fifteen", logits, labels, 15),
            reliability("one", logits, labels, 1),
            reliability("on_the_edge", [0.0, 0.0, 1.0, -1.0], [0, 1, 1, 0], 2),
            reliability("extreme", [-200.0, 200.0, 50.0, -50.0], [0, 1, 0, 1], 5),
        ],
    }
    json.dump(found, sys.stdout)
    sys.stdout.write("\n")


main()
