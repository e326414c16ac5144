"""Draws fresh weights of Keras' layers, made with no argument but their sizes, and prints what they look like, in the harness' layout.

    python keras_fresh.py > golden/keras_fresh.json
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402  (reads the variables above)
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from fresh_weights import EMBEDDING, GATES, HIDDEN, VOCABULARY, summary, write  # noqa: E402
from keras_worker import in_order  # noqa: E402

CELLS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


def draws(count, make, shape):
    """Every weight of `count` fresh layers built for inputs of this shape, in the order of `get_weights`, `[count, *shape]`."""

    def fresh():
        layer = make()
        layer.build(shape)
        return layer.get_weights()

    return [np.stack(values) for values in zip(*(fresh() for _ in range(count)))]


def recurrent(cell, layer):
    """Entries of layer `layer` of a stack: 0 reads the embedding, 1 the layer below."""
    size = [EMBEDDING, HIDDEN][layer]
    kernels, recurrents, biases = draws(300, lambda: CELLS[cell](HIDDEN), (None, None, size))
    named = {"weight_ih": canonical(kernels, cell), "weight_hh": canonical(recurrents, cell)}
    # A GRU's bias has a row for each vector, the others' is one vector.
    vectors = biases.reshape(len(biases), -1, GATES[cell] * HIDDEN)
    for row, name in zip(range(vectors.shape[1]), ["bias_ih", "bias_hh"]):
        named[name] = canonical(vectors[:, row, None, :], cell)[..., 0]
    return [summary(cell, f"rnn.{name}_l{layer}", values) for name, values in named.items()]


def canonical(kernels, cell):
    """Kernels `[count, in, gates * hidden]` as PyTorch has them, `[count, gates * hidden, in]`, gates in its order."""
    return np.stack([in_order(kernel.T, cell) for kernel in kernels])


def main():
    keras.utils.set_random_seed(1)
    entries = [entry for cell in CELLS for layer in range(2) for entry in recurrent(cell, layer)]
    (embedding,) = draws(50, lambda: keras.layers.Embedding(VOCABULARY, EMBEDDING), None)
    kernels, biases = draws(4000, lambda: keras.layers.Dense(1), (None, HIDDEN))
    scales, shifts = draws(2, keras.layers.LayerNormalization, (None, HIDDEN))
    entries += [
        summary(None, "embedding.weight", embedding),
        summary(None, "head.weight", kernels.transpose(0, 2, 1)),
        summary(None, "head.bias", biases),
        summary(None, "norm.weight_l0", scales),
        summary(None, "norm.bias_l0", shifts),
    ]
    write({"keras": keras.__version__, "tensorflow": tf.__version__}, entries)


if __name__ == "__main__":
    main()
