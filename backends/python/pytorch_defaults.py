"""What PyTorch does when its user says nothing, read off the live framework: weights of fresh modules, default arguments, and small
experiments. A source that begins with `convention:` is a default that nothing in the framework holds.

    python pytorch_defaults.py > golden/pytorch_defaults.json
"""

import inspect
import json
import math
import warnings

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

CELLS = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
HIDDEN, INPUT = 64, 4


def native_defaults():
    """Every default that the harness asks for, as `native_defaults` of the wire format."""
    with torch.random.fork_rng():
        # Draws that are recognised today are recognised every time.
        torch.manual_seed(1)
        return read_off()


def read_off():
    adam = arguments_of(torch.optim.Adam.__init__)
    return {
        "initializers": initializers(),
        "bias_vectors": {
            cell: live(
                {1: "one", 2: "two"}[sum("bias" in name for name, _ in layer(INPUT, HIDDEN).named_parameters())],
                f"parameters of a fresh nn.{layer.__name__}",
            )
            for cell, layer in CELLS.items()
        },
        "gru_form": live(gru_form(), "a step of a fresh nn.GRU against the formula"),
        "adam": live(
            {
                "beta1": adam["betas"][0],
                "beta2": adam["betas"][1],
                "epsilon": adam["eps"],
                "epsilon_placement": epsilon_placement(),
                "repeated_words": repeated_words(),
                "bias_correction": bias_correction(),
            },
            "default arguments of optim.Adam.__init__; placement from one step with a large epsilon; repeated words from exp_avg_sq "
            "after a step on an nn.Embedding that met a word twice; bias corrections from a step with a second beta of 0.999999",
        ),
        "learning_rate": live(adam["lr"], "default argument of optim.Adam.__init__"),
        "clip_stabiliser": live(clip_stabiliser(), "clip_grad_norm_ on a gradient of norm 1e-6"),
        "clip_form": live(clip_form(), "clip_grad_norm_ on an nn.Embedding that met a word twice"),
        "weight_decay_form": live(weight_decay_form(), "a step of optim.Adam(weight_decay=0.5) with gradient 0"),
        "dropout_places": live(dropout_places(), "zeros in the output of nn.LSTM(dropout=0.5) and in its layers' dependence on chance"),
        "padding": live(
            {(0, 1): "front", (1, 0): "end"}[padded()], "pad_sequence([tensor([1]), tensor([2, 3])], batch_first=True)"
        ),
        "truncation": {
            "value": "end",
            "source": f"convention: torch {torch.__version__} truncates nothing; tokens[:max_length] keeps the front",
        },
        "batching": live(
            {2: "dynamic"}[len(padded())], "pad_sequence, which pads to the longest sequence it is given and no further"
        ),
        "masking": live(masking(), "nn.LSTM's final state with and without padding behind the tokens"),
        "pooling": live(pooling(), "nn.LSTM's h_n against the last step of its output"),
        "plateau": live(plateau(), "default arguments of ReduceLROnPlateau.__init__; threshold and patience from its steps"),
    }


def live(value, source):
    """A default with where it was read."""
    return {"value": value, "source": f"torch {torch.__version__} live: {source}"}


def arguments_of(function):
    return {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}


def initializers():
    """Initialisers per tensor group, recognised from fresh weights."""

    def of_cells(name):
        found = {cell: recognised(getattr(layer(INPUT, HIDDEN), name), INPUT) for cell, layer in CELLS.items()}
        if len(set(found.values())) != 1:
            raise ValueError(f"the cells differ in {name}: {found}")
        return found["lstm"]

    def cells(name):
        return live(of_cells(name), f"{name} of fresh nn.RNN, nn.LSTM, nn.GRU, by the test of Kolmogorov and Smirnov")

    # Many heads, because each has one bias.
    heads = [torch.nn.Linear(INPUT, 1) for _ in range(500)]
    of_heads = {name: torch.stack([getattr(head, name) for head in heads]) for name in ["weight", "bias"]}
    norm, embedding = torch.nn.LayerNorm(HIDDEN), torch.nn.Embedding(1000, INPUT)
    return {
        "embedding": live(
            {"normal": {"mean": 0.0, "std": 1.0}} if fits(embedding.weight, "normal") else unknown("embedding"),
            "weight of a fresh nn.Embedding, row 0 too, by the test of Kolmogorov and Smirnov",
        ),
        "input-kernel": cells("weight_ih_l0"),
        "recurrent-kernel": cells("weight_hh_l0"),
        "input-bias": cells("bias_ih_l0"),
        "recurrent-bias": cells("bias_hh_l0"),
        "norm-scale": live(constant(norm.weight), "weight of a fresh nn.LayerNorm"),
        "norm-shift": live(constant(norm.bias), "bias of a fresh nn.LayerNorm"),
        "head-kernel": live(recognised(of_heads["weight"], INPUT), "weights of 500 fresh nn.Linear, by the same test"),
        "head-bias": live(recognised(of_heads["bias"], INPUT), "biases of 500 fresh nn.Linear, by the same test"),
    }


def recognised(values, fan_in):
    """Which of PyTorch's uniform distributions these draws are from: the hidden size is 64, the fan 4."""
    bounds = {"hidden-uniform": HIDDEN**-0.5, "fan-in-uniform": fan_in**-0.5}
    found = [name for name, bound in bounds.items() if fits(values, bound)]
    return found[0] if len(found) == 1 else unknown("weights")


def unknown(what):
    raise ValueError(f"fresh {what} follow no distribution that the harness has a name for")


def fits(values, distribution):
    """Whether draws pass the test of Kolmogorov and Smirnov at one in a thousand: against U(-bound, bound), or against N(0, 1)."""
    drawn = torch.sort(values.detach().double().flatten()).values
    if distribution == "normal":
        expected = torch.special.ndtr(drawn)
    else:
        expected = ((drawn / distribution + 1) / 2).clamp(0, 1)
    steps = torch.arange(len(drawn) + 1, dtype=torch.float64) / len(drawn)
    distance = torch.maximum((expected - steps[:-1]).abs().max(), (expected - steps[1:]).abs().max())
    return distance.item() < 1.95 / np.sqrt(len(drawn))


def constant(values):
    """The name of an initialiser that gives these equal values."""
    return {0.0: "zeros", 1.0: "ones"}[torch.unique(values).item()]


def gru_form():
    """Where a GRU applies its reset gate: after the product with the recurrent kernel, bias and all, or before it."""
    gru, x, h = torch.nn.GRU(3, 4), torch.randn(1, 1, 3), torch.randn(1, 1, 4)
    found = gru(x, h)[1][0, 0]
    x, h = x[0, 0], h[0, 0]
    (x_r, x_z, x_n), (u_r, u_z, u_n) = (gru.weight_ih_l0 @ x + gru.bias_ih_l0).chunk(3), gru.weight_hh_l0.chunk(3)
    b_r, b_z, b_n = gru.bias_hh_l0.chunk(3)
    r, z = torch.sigmoid(x_r + u_r @ h + b_r), torch.sigmoid(x_z + u_z @ h + b_z)
    forms = {"reset-after": r * (u_n @ h + b_n), "reset-before": u_n @ (r * h) + b_n}
    fitting = [name for name, part in forms.items() if torch.allclose(found, (1 - z) * torch.tanh(x_n + part) + z * h)]
    return fitting[0] if len(fitting) == 1 else unknown("GRU steps")


def step(optimizer, parameter, gradient):
    """What one step leaves of a parameter."""
    parameter.grad = torch.full_like(parameter, gradient)
    optimizer.step()
    return parameter.item()


def epsilon_placement():
    """Where a step of rate 1 on a gradient of 1 with an epsilon of 1 puts it: `1 / (1 + 1)` after the correction of moments, else
    `sqrt(1 - b2) / (1 - b1) * (1 - b1) / (sqrt(1 - b2) + 1)`."""
    weight = torch.nn.Parameter(torch.tensor(0.0))
    optimizer = torch.optim.Adam([weight], lr=1.0, betas=(0.5, 0.75), eps=1.0)
    return nearest(-step(optimizer, weight, 1.0), {"after-correction": 0.5, "hat": 0.5 / 1.5})


def repeated_words():
    """How a word that occurs twice with gradient 1 each enters the second moment: as 4 or as 2."""
    embedding = torch.nn.Embedding(3, 1)
    optimizer = torch.optim.Adam(embedding.parameters(), betas=(0.9, 0.5))
    embedding(torch.tensor([1, 1, 2])).sum().backward()
    optimizer.step()
    squares = optimizer.state[embedding.weight]["exp_avg_sq"]
    return nearest(squares[1, 0].item(), {"sum-then-square": 2.0, "square-then-sum": 1.0})


def bias_correction():
    """How far a step of rate 1 on a gradient of 1 goes with a second beta whose nearest float32 lies 1 % off: 1 where the correction is exact."""
    weight = torch.nn.Parameter(torch.tensor(0.0))
    optimizer = torch.optim.Adam([weight], lr=1.0, betas=(0.9, 0.999999), eps=1e-20)
    nearest_float = math.sqrt((1 - torch.tensor(0.999999).item()) / 1e-6)
    return nearest(-step(optimizer, weight, 1.0), {"float64": 1.0, "float32": nearest_float})


def clip_form():
    """Whether clipping to 1 takes the norm of a word's summed gradient, here 2, or that over its occurrences."""
    embedding = torch.nn.Embedding(3, 1)
    embedding(torch.tensor([1, 1])).sum().backward()
    torch.nn.utils.clip_grad_norm_(embedding.parameters(), 1.0)
    return nearest(embedding.weight.grad[1, 0].item(), {"gradient": 1.0, "occurrences": 2 / math.sqrt(2)})


def clip_stabiliser():
    """What is added to a norm of 1e-6 that is clipped to 1e-7, to a billionth."""
    weight = torch.nn.Parameter(torch.tensor(0.0))
    weight.grad = torch.tensor(1e-6)
    torch.nn.utils.clip_grad_norm_([weight], 1e-7)
    return round(1e-6 * 1e-7 / weight.grad.item() - 1e-6, 9) + 0.0


def weight_decay_form():
    """Whether decay of rate 0.5 moves a weight of 1 by `0.1 * 0.5`, or by a whole step of Adam at rate 0.1."""
    weight = torch.nn.Parameter(torch.tensor(1.0))
    optimizer = torch.optim.Adam([weight], lr=0.1, weight_decay=0.5)
    return nearest(step(optimizer, weight, 0.0), {"decoupled": 0.95, "coupled": 0.9})


def nearest(value, expected):
    """The name of the expected value that was found."""
    name = min(expected, key=lambda name: abs(expected[name] - value))
    if abs(expected[name] - value) > 1e-5:
        raise ValueError(f"found {value}, which is none of {expected}")
    return name


def dropout_places():
    """Where `dropout=` of a stack acts."""
    x = torch.randn(4, 9, INPUT)
    with warnings.catch_warnings():
        # PyTorch warns that dropout of a single layer does nothing, which is what is to be seen.
        warnings.simplefilter("ignore")
        one, two = torch.nn.LSTM(INPUT, HIDDEN, dropout=0.5), torch.nn.LSTM(INPUT, HIDDEN, num_layers=2, dropout=0.5)
    places = []
    if not torch.equal(one(x)[0], one(x)[0]):
        places += ["after-embedding"]
    if not torch.equal(two(x)[0], two(x)[0]):
        places += ["between-layers"]
    if (two(x)[0] == 0).any():
        places += ["after-last"]
    return places


def padded():
    """The shorter of two sequences after padding."""
    return tuple(pad_sequence([torch.tensor([1]), torch.tensor([2, 3])], batch_first=True)[0].ne(0).int().tolist())


def masking():
    """Whether padding leaves the state as it was."""
    layer, x = torch.nn.LSTM(INPUT, HIDDEN, batch_first=True), torch.randn(1, 5, INPUT)
    padded = torch.nn.functional.pad(x, (0, 0, 0, 3))
    return torch.allclose(layer(x)[1][0], layer(padded)[1][0])


def pooling():
    """Which step the final state of an unpacked input is from."""
    outputs, (final, _) = torch.nn.LSTM(INPUT, HIDDEN, batch_first=True)(torch.randn(2, 5, INPUT))
    return "last-step" if torch.equal(final[0], outputs[:, -1]) else unknown("final states")


def plateau():
    """ReduceLROnPlateau: its arguments, and what it does with losses."""
    arguments = arguments_of(torch.optim.lr_scheduler.ReduceLROnPlateau.__init__)
    return {
        "factor": arguments["factor"],
        "patience": arguments["patience"],
        "threshold": arguments["threshold"],
        # From 100 to 60 is less than half of 100 and more than 0.5.
        "threshold_mode": "relative" if reductions([100.0, 60.0], patience=0, threshold=0.5) else "absolute",
        # Two epochs without improvement, with a patience of two.
        "patience_rule": "at-patience" if reductions([1.0, 1.0, 1.0], patience=2) else "after-patience",
        "cooldown": arguments["cooldown"],
        "min_learning_rate": float(arguments["min_lr"]),
        "min_change": arguments["eps"],
    }


def reductions(losses, **arguments):
    """How often the learning rate falls over epochs with these losses."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.tensor(0.0))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, **arguments)
    for loss in losses:
        scheduler.step(loss)
    return round(-np.log2(optimizer.param_groups[0]["lr"]))


if __name__ == "__main__":
    print(json.dumps(native_defaults(), indent=2))
