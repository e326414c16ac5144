"""Draws fresh weights of PyTorch's modules, made as their documentation makes them, and prints what they look like.

    python pytorch_fresh.py > golden/pytorch_fresh.json
"""

import numpy as np
import torch

from fresh_weights import EMBEDDING, HIDDEN, VOCABULARY, summary, write

CELLS = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}


def draws(count, make):
    """Every parameter of `count` fresh modules by name, `[count, *shape]`."""
    made = [dict(make().named_parameters()) for _ in range(count)]
    return {name: np.stack([parameters[name].detach().numpy() for parameters in made]) for name in made[0]}


def main():
    torch.manual_seed(1)
    entries = []
    for cell, layer in CELLS.items():
        for name, values in draws(300, lambda: layer(EMBEDDING, HIDDEN, num_layers=2)).items():
            entries.append(summary(cell, f"rnn.{name}", values))
    for prefix, count, make in [
        ("embedding.", 50, lambda: torch.nn.Embedding(VOCABULARY, EMBEDDING)),
        ("head.", 4000, lambda: torch.nn.Linear(HIDDEN, 1)),
        ("norm.", 2, lambda: torch.nn.LayerNorm(HIDDEN)),
    ]:
        end = "_l0" if prefix == "norm." else ""
        entries += [summary(None, f"{prefix}{name}{end}", values) for name, values in draws(count, make).items()]
    write({"torch": torch.__version__}, entries)


if __name__ == "__main__":
    main()
