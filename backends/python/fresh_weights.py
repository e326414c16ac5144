"""What fresh weights look like, in few numbers: the part that the two frameworks share. `keras_fresh.py` and `pytorch_fresh.py` draw them.

A tensor that is the same in every draw is written as its values gate by gate. Of any other the draws are pooled and written as how many there
are, their extremes and moments, and `QUANTILES - 1` order statistics between the extremes: the empirical distribution at
those values is known exactly, so a two-sample Kolmogorov-Smirnov statistic can be computed to 1 / QUANTILES without the draws.
"""

import json

import numpy as np

EMBEDDING, HIDDEN, VOCABULARY = 12, 8, 50
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
QUANTILES = 256


def summary(cell, tensor, draws):
    """One entry of a golden file from draws of one tensor, `[count, *shape]`, shaped and with gates ordered as PyTorch has them."""
    entry = {"cell": cell, "tensor": tensor, "shape": list(draws.shape[1:])}
    gates = GATES[cell] if cell and "rnn." in tensor else 1
    blocks = draws.reshape(len(draws), gates, -1)
    if all(np.unique(blocks[:, gate]).size == 1 for gate in range(gates)):
        return {**entry, "gates": [float(blocks[0, gate, 0]) for gate in range(gates)]}
    entry["drawn"] = distribution(draws)
    if "weight_hh" in tensor:
        square = draws.reshape(len(draws), gates, HIDDEN, HIDDEN)
        # A QR decomposition whose signs are not taken out shows on the diagonal first.
        entry["diagonal"] = distribution(np.diagonal(square[:, 0], axis1=1, axis2=2))
        entry["orthonormal"] = {
            "whole": from_orthonormal(draws),
            "per_gate": max(from_orthonormal(square[:, gate]) for gate in range(gates)),
        }
    return entry


def distribution(draws):
    """Pooled draws in few numbers."""
    pooled = np.sort(draws.astype(np.float64).ravel())
    ranks = np.arange(1, QUANTILES) * len(pooled) // QUANTILES
    return {
        "count": len(pooled),
        "low": pooled[0],
        "high": pooled[-1],
        "mean": pooled.mean(),
        "square": (pooled**2).mean(),
        "fourth": (pooled**4).mean(),
        # `k * count // QUANTILES` of the draws are smaller than the k-th of these, k from 1.
        "quantiles": pooled[ranks].tolist(),
    }


def from_orthonormal(draws):
    """How far the columns of any of these matrices are from orthonormal: the largest entry of |W'W - 1|."""
    grams = np.einsum("nij,nik->njk", draws.astype(np.float64), draws.astype(np.float64))
    return float(np.abs(grams - np.eye(draws.shape[-1])).max())


def write(versions, entries):
    """Prints a golden file. Seven digits are many more than chance leaves of a distribution."""
    text = json.dumps({**versions, "tensors": entries})
    short = json.loads(text, parse_float=lambda number: float(f"{float(number):.7g}"))
    # A line a tensor, so that a change can be seen where it is.
    tensors = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in short.pop("tensors"))
    head = json.dumps(short, separators=(",", ":"))
    print(f'{head[:-1]},"tensors":[\n{tensors}\n]}}')
