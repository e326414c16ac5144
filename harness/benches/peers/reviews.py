"""Encoded reviews as `study bench-peers` writes them: arrays of numpy, a split in three files."""

from pathlib import Path

import numpy as np


def load(folder, split, limit=None):
    """The reviews of a split as a list of token arrays, and their labels; `limit` takes the first so many."""
    folder = Path(folder)
    # Mapped, so that a limit really limits what is read.
    tokens, offsets, labels = (np.load(folder / f"{split}-{part}.npy", mmap_mode="r") for part in ("tokens", "offsets", "labels"))
    count = min(len(labels), limit or len(labels))
    return [np.array(tokens[offsets[i] : offsets[i + 1]]) for i in range(count)], np.array(labels[:count], dtype="float32")
