"""Writes proc.json: three markers of 113 patients as ranks, and what pROC publishes of their AUCs.

    Rscript -e 'data(aSAH, package = "pROC"); write.csv(aSAH, "aSAH.csv")'
    python make_cases.py aSAH.csv > proc.json

The patients are those of N. Turck et al., Intensive Care Medicine 36 (2010), which X. Robin et al., "pROC: an open-source package for R and S+ to
analyze and compare ROC curves", BMC Bioinformatics 12:77 (2011) uses throughout. An AUC and DeLong's variance of it depend on the order of
the values alone, so ranks are kept here. The expected figures are those of pROC's own tests (version 1.18.0, `test-auc.R`, `test-ci.auc.R`, `test-var.R`,
`test-roc.test.R`); the documentation of `roc.test` prints the first comparison as Z = 2.209, p = 0.02718.

R is not among the oracles of `just oracles`, so `just golden` does not make this file.
"""

import csv
import json
import sys

AUCS = {"s100b": 0.731368563685637, "ndka": 0.611957994579946, "wfns": 0.823678861788618}
VARIANCES = {"wfns": 0.00146991470882363, "ndka": 0.0031908105493913, "s100b": 0.00266868245717244}
INTERVAL_OF_NDKA = [0.501244999271703, 0.722670989888189]
COMPARISONS = [
    ["wfns", "s100b", 2.20898359144091, 0.0271757822291882, 0.0104061769564846, 0.174214419249478],
    ["wfns", "ndka", 2.79777591868904, 0.00514557970691098, 0.0634011709339876, 0.3600405634833566],
    ["ndka", "s100b", -1.39077002573558, 0.164295175223054, -0.2876917446341914, 0.0488706064228094],
]


def main(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    markers = {}
    for marker in AUCS:
        values = [float(row[marker]) for row in rows]
        order = sorted(set(values))
        markers[marker] = [order.index(value) for value in values]
    found = {
        "labels": [int(row["outcome"] == "Poor") for row in rows],
        "ranks": markers,
        "aucs": AUCS,
        "variances": VARIANCES,
        "interval_of_ndka": INTERVAL_OF_NDKA,
        "comparisons": [dict(zip(["first", "second", "z", "p_value", "lower", "upper"], row)) for row in COMPARISONS],
    }
    json.dump(found, sys.stdout)
    sys.stdout.write("\n")


main(sys.argv[1])
