#!/usr/bin/env python3
"""Prints learning rates that the real ReduceLROnPlateau of Keras and of PyTorch give over epochs with drawn losses, as JSON.

Settings stand under the names that a study has for them. Beside drawn ones there is the case of a rate that is small already.
"""

import json
import os
import random

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import torch

EPOCHS = 30


def pytorch(settings, rate, losses):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.tensor(0.0))], lr=rate)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer,
        factor=settings["factor"],
        patience=settings["patience"],
        threshold=settings["threshold"],
        threshold_mode={"relative": "rel", "absolute": "abs"}[settings["threshold_mode"]],
        cooldown=settings["cooldown"],
        min_lr=settings["min_learning_rate"],
        eps=settings["min_change"],
    )
    rates = []
    for loss in losses:
        scheduler.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def of_keras(settings, rate, losses):
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(rate), loss="mse")
    callback = keras.callbacks.ReduceLROnPlateau(
        monitor="loss",
        factor=settings["factor"],
        patience=settings["patience"],
        min_delta=settings["threshold"],
        cooldown=settings["cooldown"],
        min_lr=settings["min_learning_rate"],
    )
    callback.set_model(model)
    callback.on_train_begin()
    rates = []
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"loss": loss})
        rates.append(float(model.optimizer.learning_rate.numpy()))
    return rates


def drawn(stream, framework):
    # Powers of two, so that Keras' float32 holds the same rates.
    settings = {
        "factor": 0.5,
        "patience": stream.choice([0, 1, 2, 4]),
        "threshold": stream.choice([0.0, 0.001, 0.05]),
        "threshold_mode": "absolute",
        "patience_rule": "at-patience",
        "cooldown": stream.choice([0, 0, 1, 3]),
        "min_learning_rate": stream.choice([0.0, 0.0, 2.0**-6]),
        "min_change": 0.0,
    }
    if framework == "pytorch":
        settings["threshold_mode"] = stream.choice(["relative", "absolute"])
        settings["patience_rule"] = "after-patience"
        settings["min_change"] = stream.choice([0.0, 1e-8, 2.0**-5])
    losses = [round(max(0.05, 0.7 - 0.02 * epoch * stream.random() + 0.05 * stream.gauss(0, 1)), 3) for epoch in range(EPOCHS)]
    return settings, 1.0, losses


def main():
    stream = random.Random(1)
    cases = []
    for framework, function in [("keras", of_keras), ("pytorch", pytorch)]:
        for _ in range(20):
            settings, rate, losses = drawn(stream, framework)
            cases.append({"framework": framework, "settings": settings, "rate": rate, "losses": losses, "rates": function(settings, rate, losses)})
    small = {
        "factor": 0.1,
        "patience": 0,
        "threshold": 1e-4,
        "threshold_mode": "relative",
        "patience_rule": "after-patience",
        "cooldown": 0,
        "min_learning_rate": 0.0,
        "min_change": 1e-8,
    }
    losses = [0.5] * 5
    cases.append({"framework": "pytorch", "settings": small, "rate": 1e-7, "losses": losses, "rates": pytorch(small, 1e-7, losses)})
    versions = f"keras {keras.__version__}, torch {torch.__version__}"
    lines = ",\n".join(json.dumps(case) for case in cases)
    print(f'{{"made_with": {json.dumps(versions)}, "cases": [\n{lines}\n]}}')


if __name__ == "__main__":
    main()
