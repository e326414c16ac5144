"""What the setting of one thing does to another in live Keras and PyTorch, by small experiments: `golden/couplings.json`. `../NUMERICS.md` says of each what the
harness makes of it.

    python couplings.py > golden/couplings.json
"""

import json
import os
import sys
import warnings

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402  (reads the variables above)
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
import torch  # noqa: E402

from keras_defaults import nearest  # noqa: E402

# A norm or a value that no gradient of these experiments reaches.
NEVER = 1e9


def repeated_words_of_keras(regularizer=None, policy="float32", compiled={}, **optimizer):
    """How a word that occurs twice with gradient 1 each enters the second moment after `train_on_batch`: `apart` as 1 + 1, `summed` as the square of 2, or what
    Keras refuses it with."""
    tokens = keras.Input((2,), dtype="int32")
    layer = keras.layers.Embedding(3, 1, embeddings_initializer="zeros", embeddings_regularizer=regularizer, dtype=policy)
    model = keras.Model(tokens, layer(tokens))
    inner = keras.optimizers.Adam(beta_2=0.5, **optimizer)
    model.compile(inner, loss=lambda labels, outputs: tf.reduce_sum(tf.cast(outputs, tf.float32)), **compiled)
    batch = np.array([[1, 1]], np.int32), np.zeros((1, 2, 1), np.float32)
    try:
        for _ in range(optimizer.get("gradient_accumulation_steps") or 1):
            model.train_on_batch(*batch)
    except (TypeError, ValueError, NotImplementedError) as error:
        return f"refused: {type(error).__name__}"
    velocity = next(v for v in inner.variables if v.path.endswith("velocity"))
    return nearest(float(velocity.numpy()[1, 0]), {"summed": 2.0, "apart": 1.0})


def weights_of_keras(optimizer):
    """Weights after three steps on gradients that differ, of a vector and an embedding."""
    vector, table = keras.Variable(np.array([0.5, -1.0], np.float32)), keras.Variable(np.ones((3, 2), np.float32))
    optimizer.build([vector, table])
    for step in range(3):
        sparse = tf.IndexedSlices(tf.constant([[1.0, 0.5], [0.25, step]]), tf.constant([1, 1]), tf.constant([3, 2]))
        optimizer.apply([tf.constant([0.1 * step, -0.3]), sparse], [vector, table])
    return np.concatenate([vector.numpy().ravel(), table.numpy().ravel()])


def same(first, second):
    return "the same bytes" if np.array_equal(first, second) else "other bytes"


def refusal(attempt):
    """The kind of error that an attempt ends with."""
    try:
        attempt()
    except Exception as error:  # noqa: BLE001  (whatever it is, it is what is asked for)
        return f"refused: {type(error).__name__}"
    return "accepted"


def clipped_by_value_of_keras():
    """Whether `clipvalue` of 1 cuts a word's two gradients of 1 one by one, so that both stay, or their sum of 2."""
    table = keras.Variable(np.zeros((3, 1), np.float32))
    optimizer = keras.optimizers.SGD(learning_rate=1.0, clipvalue=1.0)
    gradient = tf.IndexedSlices(tf.constant([[1.0], [1.0]]), tf.constant([1, 1]), tf.constant([3, 1]))
    optimizer.apply([gradient], [table])
    return nearest(-float(table.numpy()[1, 0]), {"each occurrence on its own": 2.0, "the sum": 1.0})


def biases_of_keras():
    """Whether `clipnorm` takes the two bias vectors of a GRU as one variable."""
    layer = keras.layers.GRU(2)
    layer.build((None, None, 2))
    return {3: "one variable", 4: "two variables"}[len(layer.trainable_variables)]


def average_of_keras():
    """Whether `fit` with `use_ema` ends with the average in place of the weights."""

    def trained(**options):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.Adam(0.1, **options), "mse")
        model.fit(np.ones((4, 1)), np.ones((4, 1)), batch_size=1, epochs=2, verbose=0)
        return model.get_weights()[0]

    return {True: "the weights stay", False: "the average replaces the weights"}[
        np.array_equal(trained(), trained(use_ema=True))
    ]


def decay_of_keras():
    """Whether a step's decay looks at the weight before the update, so that a rate of 0.5 and a learning rate of 0.1 leave 0.95 of a weight whose gradient is 0."""
    weight = keras.Variable(np.float32(1.0))
    keras.optimizers.Adam(learning_rate=0.1, weight_decay=0.5, global_clipnorm=1e-3).apply([tf.constant(0.0)], [weight])
    return nearest(float(weight.numpy()), {"decoupled, not clipped": 0.95, "clipped": 1.0})


def of_keras():
    regularizer = keras.regularizers.L2(0.5)
    return {
        "global_clipnorm, never reached": repeated_words_of_keras(global_clipnorm=NEVER),
        "clipnorm, never reached": repeated_words_of_keras(clipnorm=NEVER),
        "clipvalue, never reached": repeated_words_of_keras(clipvalue=NEVER),
        "clipvalue": clipped_by_value_of_keras(),
        "clipnorm and global_clipnorm": refusal(lambda: keras.optimizers.Adam(clipnorm=1.0, global_clipnorm=1.0)),
        "clipnorm, GRU": biases_of_keras(),
        "weight_decay": repeated_words_of_keras(weight_decay=0.1),
        "weight_decay, global_clipnorm": decay_of_keras(),
        "AdamW": same(
            weights_of_keras(keras.optimizers.Adam(0.1, weight_decay=0.3)), weights_of_keras(keras.optimizers.AdamW(0.1, weight_decay=0.3))
        ),
        "AdamW, weight_decay": f"{keras.optimizers.AdamW().weight_decay} unless given",
        "embeddings_regularizer": repeated_words_of_keras(regularizer=regularizer),
        "amsgrad": repeated_words_of_keras(amsgrad=True),
        "use_ema": repeated_words_of_keras(use_ema=True),
        "use_ema, fit": average_of_keras(),
        "loss_scale_factor": repeated_words_of_keras(loss_scale_factor=2.0),
        "gradient_accumulation_steps": repeated_words_of_keras(gradient_accumulation_steps=2),
        "mixed_float16": repeated_words_of_keras(policy="mixed_float16"),
        "run_eagerly": repeated_words_of_keras(compiled={"run_eagerly": True}),
        "jit_compile": repeated_words_of_keras(compiled={"jit_compile": True}),
        "nothing": repeated_words_of_keras(),
    }


def weights_of_pytorch(optimizer, **options):
    """Weights after five steps on gradients that differ."""
    weight = torch.nn.Parameter(torch.linspace(-1, 1, 7))
    stepper = optimizer([weight], lr=0.1, **options)
    for step in range(5):
        weight.grad = torch.cos(weight.detach() * (step + 1))
        stepper.step()
    return weight.detach().numpy()


def apart(first, second):
    """`to rounding` where weights differ by less than 1e-6."""
    return same(first, second) if np.array_equal(first, second) else "to rounding" if np.abs(first - second).max() < 1e-6 else "otherwise"


def norm_of_pytorch(values):
    """What `clip_grad_norm_` to 1 makes of the gradients (1, 2) and this one."""
    first, second = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(1))
    first.grad, second.grad = torch.tensor([1.0, 2.0]), torch.tensor(values)
    torch.nn.utils.clip_grad_norm_([first, second], 1.0)
    return [str(value) for value in [*first.grad.tolist(), *second.grad.tolist()]]


def sparse_of_pytorch():
    embedding = torch.nn.Embedding(3, 1, sparse=True)
    embedding(torch.tensor([1, 1])).sum().backward()
    torch.optim.Adam(embedding.parameters()).step()


def short_of_norm_of_pytorch():
    """The factor that a gradient of exactly the norm is clipped by."""
    weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    weight.grad = torch.ones(1, dtype=torch.float64)
    torch.nn.utils.clip_grad_norm_([weight], 1.0)
    return nearest(weight.grad.item() * 1e6, {"scaled by 1 / (1 + 1e-6)": 1e6 / (1 + 1e-6), "left": 1e6})


def of_pytorch():
    adam = torch.optim.Adam
    return {
        "clip_grad_norm_, infinite": norm_of_pytorch([float("inf")]),
        "clip_grad_norm_, beyond float32": norm_of_pytorch([3e30]),
        "clip_grad_norm_, not a number": norm_of_pytorch([float("nan")]),
        "clip_grad_norm_, exactly the norm": short_of_norm_of_pytorch(),
        "Embedding(sparse=True)": refusal(sparse_of_pytorch),
        "AdamW": same(
            weights_of_pytorch(adam, weight_decay=0.3, decoupled_weight_decay=True), weights_of_pytorch(torch.optim.AdamW, weight_decay=0.3)
        ),
        "AdamW, weight_decay": f"{torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))]).defaults['weight_decay']} unless given",
        "foreach": apart(weights_of_pytorch(adam), weights_of_pytorch(adam, foreach=True)),
        "fused": apart(weights_of_pytorch(adam), weights_of_pytorch(adam, fused=True)),
        "capturable": refusal(lambda: weights_of_pytorch(adam, capturable=True)),
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    found = {f"keras: {what}": how for what, how in of_keras().items()}
    found |= {f"pytorch: {what}": how for what, how in of_pytorch().items()}
    json.dump(found, sys.stdout, indent=1)
