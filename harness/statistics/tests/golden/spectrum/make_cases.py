"""Writes cases.json: singular values and spectral radius as numpy computes them.

    python make_cases.py > cases.json          # numpy 2.4.6; `just golden` does it
"""

import json
import sys

import numpy as np


def case(matrix):
    matrix = np.asarray(matrix, dtype=np.float32)
    exact = matrix.astype(np.float64)
    return {
        "rows": len(matrix),
        "elements": matrix.ravel().tolist(),
        "singular_values": np.linalg.svd(exact, compute_uv=False).tolist(),
        "spectral_radius": float(np.abs(np.linalg.eigvals(exact)).max()),
    }


random = np.random.default_rng(1)
orthogonal = np.linalg.qr(random.normal(size=(16, 16)))[0]
cases = [
    case([[3.0]]),
    case([[0.0, 1.0], [-1.0, 0.0]]),
    case([[0.0, 1.0], [0.0, 0.0]]),
    case(np.eye(4)),
    case(np.zeros((3, 3))),
    case(orthogonal),
    case(random.normal(size=(20, 20)) / 5),
    case(random.uniform(-0.125, 0.125, size=(32, 32))),
    case(np.outer(random.normal(size=6), random.normal(size=6))),
    # On a cyclic permutation the shifts of the QR iteration stand still.
    case(np.roll(np.eye(6), 1, axis=0)),
    # Its radius is 0.9, while one application can stretch a thousand times.
    case([[0.9, 1000.0], [0.0, 0.8]]),
    case(1.3 * orthogonal),
    case(1e-20 * orthogonal),
]
json.dump(cases, sys.stdout)
