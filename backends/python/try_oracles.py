"""Trains one step of a small recurrent classifier in Keras and in PyTorch, to see that the environment works."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402  (reads the variables above)
import numpy as np  # noqa: E402
import sklearn  # noqa: E402
import tensorflow as tf  # noqa: E402
import torch  # noqa: E402

BATCH, TIME, WORDS = 8, 12, 50


def main() -> None:
    """Prints each framework's version and its loss before and after the step; fails if a step changes nothing."""
    random = np.random.default_rng(1)
    tokens = random.integers(0, WORDS, size=(BATCH, TIME))
    labels = (tokens[:, -1] % 2).astype("float32")
    for name, losses in {
        f"keras {keras.__version__} on tensorflow {tf.__version__}": train_keras(tokens, labels),
        f"torch {torch.__version__}": train_torch(tokens, labels),
    }.items():
        before, after = losses
        if not after < before:
            raise SystemExit(f"{name}: the loss went from {before} to {after}")
        print(f"{name}: loss {before:.4f}, after one step {after:.4f}")
    print(f"scikit-learn {sklearn.__version__}, numpy {np.__version__}")


def train_keras(tokens, labels):
    """The loss before and after one step of Adam."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.layers.Embedding(WORDS, 4), keras.layers.LSTM(4), keras.layers.Dense(1, activation="sigmoid")]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="binary_crossentropy")
    before = model.evaluate(tokens, labels, verbose=0)
    model.train_on_batch(tokens, labels)
    return before, model.evaluate(tokens, labels, verbose=0)


def train_torch(tokens, labels):
    """The loss before and after one step of Adam."""
    torch.manual_seed(1)
    embedding, lstm, head = torch.nn.Embedding(WORDS, 4), torch.nn.LSTM(4, 4, batch_first=True), torch.nn.Linear(4, 1)
    parameters = [p for part in (embedding, lstm, head) for p in part.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=0.01)

    def loss():
        states, _ = lstm(embedding(torch.from_numpy(tokens)))
        logits = head(states[:, -1]).squeeze(1)
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(labels))

    before = loss()
    before.backward()
    optimiser.step()
    return before.item(), loss().item()


if __name__ == "__main__":
    main()
