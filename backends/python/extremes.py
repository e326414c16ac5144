"""What live Keras and PyTorch make of a gradient whose norm is infinite or not a number, when they clip by it: `golden/extremes.json`.

    python extremes.py > golden/extremes.json

The smallest models that come there: vocabulary 20, embedding and hidden size 2, one layer, all weights 0 but the input kernel and the head's. With these at 1e10
the gradient of the embedding is finite and its square beyond float32 ("norm"); at 1e30 it is infinite itself ("entry"), which makes a weight that is not a
number, so that nothing of a second step is ("nothing"). What is written is, for each weight by the harness' name, how far each element moved, null for what is
not a number; and Keras' bias corrections, which are float32.
"""

import json
import os
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402  (reads the variables above)
import numpy as np  # noqa: E402
import torch  # noqa: E402

from keras_worker import in_order  # noqa: E402

VOCABULARY, SIZE, RATE = 20, 2, 0.01
TOKENS, LABELS = [[3, 3, 4], [5, 3, 5]], [1, 1]
# The size of the weights that are not 0, and how many steps are taken.
CASES = {"norm": (1e10, 1), "entry": (1e30, 1), "nothing": (1e30, 2)}
KERAS = {"rnn": keras.layers.SimpleRNN, "gru": keras.layers.GRU, "lstm": keras.layers.LSTM}
PYTORCH = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}


def steps_of_keras(cell, case, clip):
    """Steps of `train_on_batch` with an argument of the optimiser that clips."""
    size, steps = CASES[case]
    tokens = keras.Input((3,), dtype="int32")
    recurrent = KERAS[cell](SIZE)
    outputs = keras.layers.Dense(1)(recurrent(keras.layers.Embedding(VOCABULARY, SIZE)(tokens)))
    model = keras.Model(tokens, outputs)
    before = [np.zeros_like(weight) for weight in model.get_weights()]
    before[1][:] = before[-2][:] = size
    model.set_weights(before)
    model.compile(keras.optimizers.Adam(RATE, **clip), keras.losses.BinaryCrossentropy(from_logits=True))
    for _ in range(steps):
        model.train_on_batch(np.array(TOKENS, np.int32), np.array(LABELS, np.float32)[:, None])
    embedding, kernel, recurrent_kernel, bias, head, head_bias = (
        after - old for after, old in zip(model.get_weights(), before)
    )
    biases = zip(["bias_ih", "bias_hh"], bias if bias.ndim == 2 else [bias])
    return {
        "embedding.weight": embedding,
        "rnn.weight_ih_l0": in_order(kernel.T, cell),
        "rnn.weight_hh_l0": in_order(recurrent_kernel.T, cell),
        **{f"rnn.{name}_l0": in_order(vector, cell) for name, vector in biases},
        "head.weight": head.T,
        "head.bias": head_bias,
    }


def steps_of_pytorch(cell, case, clip):
    """Steps with `clip_grad_norm_` to this norm."""
    size, steps = CASES[case]
    recurrent, head = PYTORCH[cell](SIZE, SIZE, batch_first=True), torch.nn.Linear(SIZE, 1)
    module = torch.nn.ModuleDict({"embedding": torch.nn.Embedding(VOCABULARY, SIZE), "rnn": recurrent, "head": head})
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        module["rnn"].weight_ih_l0.fill_(size)
        module["head"].weight.fill_(size)
    before = {name: weight.clone() for name, weight in module.state_dict().items()}
    optimizer = torch.optim.Adam(module.parameters(), RATE)
    for _ in range(steps):
        optimizer.zero_grad()
        outputs, _ = module["rnn"](module["embedding"](torch.tensor(TOKENS)))
        logits = module["head"](outputs[:, -1]).squeeze(1)
        labels = torch.tensor(LABELS, dtype=torch.float32)
        torch.nn.functional.binary_cross_entropy_with_logits(logits, labels).backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), clip)
        optimizer.step()
    return {name: (weight - before[name]).numpy() for name, weight in module.state_dict().items()}


def run(framework, cell, case, form, moved):
    moved = {name: [None if np.isnan(value) else float(value) for value in values.ravel()] for name, values in moved.items()}
    return {"framework": framework, "cell": cell, "case": case, "form": form, "moved": moved}


def runs():
    for cell in KERAS:
        for case in CASES:
            yield run("pytorch", cell, case, "gradient", steps_of_pytorch(cell, case, 1.0))
            for form, argument in [("occurrences", "global_clipnorm"), ("each-variable", "clipnorm")]:
                yield run("keras", cell, case, form, steps_of_keras(cell, case, {argument: 1.0}))


def corrections():
    """Keras' own bias corrections `1 - beta^step`, of a step on its own as `Adam.update_step` computes them."""
    steps = [*range(1, 60), 100, 200, 500, 1000, 2000, 5000, 10000]

    def correction(beta, step):
        power = keras.ops.power(keras.ops.cast(beta, "float32"), keras.ops.cast(step, "float32"))
        return float(1 - power)

    return [
        {"beta": beta, "step": step, "correction": correction(beta, step)} for beta in [0.9, 0.95, 0.99, 0.999, 0.9999] for step in steps
    ]


if __name__ == "__main__":
    found = {"keras": keras.__version__, "torch": torch.__version__, "runs": list(runs()), "corrections": corrections()}
    json.dump(found, sys.stdout)
