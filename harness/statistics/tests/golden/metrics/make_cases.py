"""Writes cases.json: metrics of hand-picked and random logits as scikit-learn computes them.

    python -m venv venv && venv/bin/pip install scikit-learn==1.9.1
    venv/bin/python make_cases.py > cases.json

Logits are rounded to 32 bits first, since that is what a backend hands over. scikit-learn's log loss
clips probabilities to [eps, 1 - eps]; `log_loss_clipped` is its value given the column pair (1 - p, p), and
`log_loss` the same mean from numpy's logaddexp, which clips nothing.
"""

import json
import sys

import numpy as np
import sklearn
from scipy.special import expit
from sklearn import metrics


def case(name, logits, labels):
    logits = np.asarray(logits, dtype=np.float32).astype(np.float64)
    labels = np.asarray(labels).astype(int)
    predicted = (logits > 0).astype(int)
    tn, fp, fn, tp = metrics.confusion_matrix(labels, predicted, labels=[0, 1]).ravel()
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, predicted, average="binary", zero_division=0
    )
    curves = {}
    for drop in (False, True):
        fpr, tpr, thresholds = metrics.roc_curve(labels, logits, drop_intermediate=drop)
        # JSON has no infinity: the first threshold is written as null.
        assert np.isinf(thresholds[0]) and np.all(np.isfinite(thresholds[1:]))
        curves["roc_dropped" if drop else "roc_full"] = [
            [f, t, None if np.isinf(s) else s]
            for f, t, s in zip(fpr.tolist(), tpr.tolist(), thresholds.tolist())
        ]
    return {
        "name": name,
        "logits": logits.tolist(),
        "labels": labels.tolist(),
        # By the key of the metric in `harness/statistics/src/metrics/list.rs`.
        "metrics": {
            "accuracy": float(metrics.accuracy_score(labels, predicted)),
            "precision": float(precision),
            "recall": float(recall),
            "f1": float(f1),
            "auc": float(metrics.roc_auc_score(labels, logits)),
            "log_loss": float(np.mean(np.logaddexp(0.0, np.where(labels == 1, -logits, logits)))),
            "mcc": float(metrics.matthews_corrcoef(labels, predicted)),
        },
        "log_loss_clipped": float(
            metrics.log_loss(labels, np.column_stack([expit(-logits), expit(logits)]), labels=[0, 1])
        ),
        "confusion": [int(tn), int(fp), int(fn), int(tp)],
        **curves,
    }


def main():
    rng = np.random.default_rng(20240607)
    labels = rng.integers(0, 2, 200)
    noisy = rng.normal(size=200) + labels
    cases = [
        case("two_rows", [-1.0, 1.0], [0, 1]),
        case("two_rows_backwards", [1.0, -1.0], [0, 1]),
        case("two_rows_tied", [0.25, 0.25], [0, 1]),
        case("textbook", [0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]),
        case("all_logits_equal", [0.7] * 9, [0, 1, 0, 1, 1, 0, 0, 0, 1]),
        case("zero_logits_are_negative", [0.0, -0.0, 0.0, 1.0, -1.0], [1, 0, 0, 1, 0]),
        case("nothing_predicted_positive", -np.abs(noisy) - 0.01, labels),
        case("everything_predicted_positive", np.abs(noisy) + 0.01, labels),
        case("noisy", noisy, labels),
        case("noisy_coarse_ties", np.round(noisy), labels),
        case("noisy_quarter_ties", np.round(noisy * 4) / 4, labels),
        case("perfect", np.where(labels == 1, 1.0, -1.0) * (0.1 + rng.random(200)), labels),
        case("backwards", np.where(labels == 1, -1.0, 1.0) * (0.1 + rng.random(200)), labels),
        case("one_positive_in_many", noisy, np.arange(200) == 17),
        case("one_negative_in_many", noisy, np.arange(200) != 17),
        case("large_logits", 12.0 * noisy, labels),
        case("extreme_logits", rng.choice([-1e4, -80.0, -40.0, 40.0, 80.0, 1e4], 60), labels[:60]),
        case("tiny_logits", 1e-30 * noisy, labels),
    ]
    json.dump({"scikit_learn": sklearn.__version__, "numpy": np.__version__, "cases": cases}, sys.stdout)
    sys.stdout.write("\n")


main()
