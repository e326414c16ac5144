"""Trains small models with Keras itself and writes what it reports: losses, logits and weights.

    python keras_training.py > keras_training.json        # with Keras 3.15.1 on TensorFlow 2.21.0; `just golden` does it

Weights and batches come from a formula (`noise`), which tests/keras.rs computes too, so only results are written.
Weights are in Keras' layout; the test permutes and transposes them.
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

VOCABULARY, EMBEDDING, HIDDEN, LAYERS = 20, 5, 6, 2
TIME, BATCH, STEPS, RATE = 9, 4, 20, 0.01
# Norms that act in every step, in some, and in none, by the argument of the optimiser that takes them.
CLIPS = {"global_clipnorm": [0.05, 1.1, 1e3], "clipnorm": [0.02, 0.65, 1e3]}
FORMS = {"global_clipnorm": "occurrences", "clipnorm": "each-variable"}
ACTS = ["always", "seldom", "never"]
CELLS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


def noise(stream, count):
    """`count` numbers in [0, 1): the high 24 bits of a 32-bit mix of stream and index."""
    x = np.arange(count, dtype=np.uint64) + np.uint64(stream * 1_000_003)
    mask = np.uint64(0xFFFFFFFF)
    x = (x * np.uint64(2_654_435_761)) & mask
    x ^= x >> np.uint64(16)
    x = (x * np.uint64(2_246_822_519)) & mask
    x ^= x >> np.uint64(13)
    return (x >> np.uint64(8)).astype(np.float64) / 2**24


def batch(step, padding):
    """Token ids `[BATCH, TIME]` and labels; row b has TIME - b tokens where there is padding."""
    tokens = 1 + np.floor(noise(1000 + step, BATCH * TIME) ** 2 * (VOCABULARY - 1)).astype(np.int32)
    tokens = tokens.reshape(BATCH, TIME)
    for row in range(BATCH):
        if padding == "front":
            tokens[row, :row] = 0
        if padding == "end":
            tokens[row, TIME - row :] = 0
    labels = (noise(2000 + step, BATCH) < 0.5).astype(np.float32)
    return tokens, labels


def train(cell, masking, padding, weight_decay, argument=None, acts=None):
    inputs = keras.Input((TIME,), dtype="int32")
    x = keras.layers.Embedding(VOCABULARY, EMBEDDING, mask_zero=masking)(inputs)
    for layer in range(LAYERS):
        x = CELLS[cell](HIDDEN, return_sequences=layer + 1 < LAYERS)(x)
    model = keras.Model(inputs, keras.layers.Dense(1)(x))
    model.set_weights(
        [
            ((noise(number, w.size) - 0.5) * 1.5).astype(np.float32).reshape(w.shape)
            for number, w in enumerate(model.get_weights())
        ]
    )
    norm = CLIPS[argument][ACTS.index(acts)] if argument else None
    clip = {argument: norm} if argument else {}
    optimizer = keras.optimizers.Adam(RATE, weight_decay=weight_decay, **clip)
    model.compile(optimizer=optimizer, loss=keras.losses.BinaryCrossentropy(from_logits=True))
    probe, _ = batch(STEPS, padding)
    before = model.predict_on_batch(probe).ravel()
    losses = []
    for step in range(STEPS):
        model.reset_metrics()
        tokens, labels = batch(step, padding)
        losses.append(float(model.train_on_batch(tokens, labels[:, None])))
    return {
        "cell": cell,
        "masking": masking,
        "padding": padding,
        "weight_decay": weight_decay or 0.0,
        "clip": {"norm": norm, "form": FORMS[argument], "acts": acts} if argument else None,
        "logits_before": before.tolist(),
        "losses": losses,
        "logits_after": model.predict_on_batch(probe).ravel().tolist(),
        "weights_after": [w.ravel().tolist() for w in model.get_weights()],
    }


keras.utils.set_random_seed(1)
runs = []
for cell in CELLS:
    runs.append(train(cell, False, "none", None))
    runs.append(train(cell, False, "front", None))
    runs.append(train(cell, True, "front", None))
    runs.append(train(cell, True, "end", None))
    runs.append(train(cell, False, "none", 0.05))
    # A norm that is never reached changes what repeated words do, too.
    for argument in CLIPS:
        for acts in ACTS:
            runs.append(train(cell, False, "front", None, argument, acts))
        runs.append(train(cell, True, "end", 0.05, argument, ACTS[0]))
json.dump(
    {"keras": keras.__version__, "tensorflow": tf.__version__, "runs": runs},
    sys.stdout,
    default=float,
)
