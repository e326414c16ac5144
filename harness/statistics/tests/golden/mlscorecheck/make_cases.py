"""Writes mlscorecheck.json: how many confusion matrices give printed figures, as mlscorecheck counts them.

    python -m venv venv && venv/bin/pip install mlscorecheck==1.0.3
    venv/bin/python make_cases.py > mlscorecheck.json

Figures are those of random matrices, correctly rounded or with some digits changed, with two to four of the four figures printed. mlscorecheck
allows for half a unit of the last digit with both ends included; an odd last digit excludes the upper end here, so cases in which a matrix
lies exactly on an end are left out. It is not among the oracles of `just oracles`, so `just golden` does not make this file.
"""

import json
import logging
import random
import sys
from fractions import Fraction
from importlib.metadata import version

from mlscorecheck.check.binary import check_1_testset_no_kfold

logging.disable(logging.CRITICAL)
NAMES = {"accuracy": "acc", "precision": "ppv", "recall": "sens", "f1": "f1p"}


def shares(tp, fp, positives, negatives):
    return {
        "accuracy": Fraction(tp + negatives - fp, positives + negatives),
        "precision": Fraction(tp, tp + fp),
        "recall": Fraction(tp, positives),
        "f1": Fraction(2 * tp, tp + fp + positives),
    }


def counted(positives, negatives, figures, units):
    scores = {NAMES[name]: float(text) for name, text in figures}
    eps = {NAMES[name]: units * 10.0 ** -len(text.split(".")[1]) for name, text in figures}
    found = check_1_testset_no_kfold(
        testset={"p": positives, "n": negatives}, scores=scores, eps=eps, numerical_tolerance=1e-10
    )
    number = 0 if found["inconsistency"] else found["n_valid_tptn_pairs"]
    assert (number == 0) == found["inconsistency"]
    return int(number)


def on_an_end(positives, negatives, figures):
    """Whether some matrix gives a figure exactly half a unit or a unit away."""
    ends = {}
    for name, text in figures:
        unit = Fraction(1, 10 ** len(text.split(".")[1]))
        ends[name] = [Fraction(text) + step * unit / 2 for step in (-2, -1, 1, 2)]
    for tp in range(1, positives + 1):
        for fp in range(negatives + 1):
            of = shares(tp, fp, positives, negatives)
            if any(of[name] in ends[name] for name in ends):
                return True
    return False


def main():
    rng = random.Random(12_500)
    cases = []
    while len(cases) < 120:
        positives, negatives = rng.randint(20, 150), rng.randint(20, 150)
        tp, fp = rng.randint(1, positives), rng.randint(0, negatives)
        of = shares(tp, fp, positives, negatives)
        figures = []
        for name in rng.sample(sorted(NAMES), rng.randint(2, 4)):
            places = rng.randint(2, 4)
            value = round(of[name] * 10**places) + (rng.choice([-3, -2, -1, 1, 2, 3]) if rng.random() < 0.35 else 0)
            figures.append([name, f"{min(max(value, 1), 10**places) / 10**places:.{places}f}"])
        if on_an_end(positives, negatives, figures):
            continue
        cases.append({"name": f"random {len(cases)}", "positives": positives, "negatives": negatives, "figures": figures})
    published = {
        "Keras LSTM": (".511", ".519", ".271", ".356"),
        "Keras GRU": (".507", ".535", ".110", ".182"),
        "PyTorch SimpleRNN": (".502", ".501", ".939", ".653"),
        "PyTorch LSTM": (".511", ".571", ".087", ".151"),
        "PyTorch GRU": (".868", ".850", ".893", ".871"),
    }
    for name, figures in published.items():
        figures = [[key, "0" + text] for key, text in zip(("accuracy", "precision", "recall", "f1"), figures)]
        cases.append({"name": name, "positives": 12_500, "negatives": 12_500, "figures": figures})
    for case in cases:
        case["nearest"] = counted(case["positives"], case["negatives"], case["figures"], 0.5)
        case["one_unit"] = counted(case["positives"], case["negatives"], case["figures"], 1.0)
    json.dump({"mlscorecheck": version("mlscorecheck"), "cases": cases}, sys.stdout)
    sys.stdout.write("\n")


main()
