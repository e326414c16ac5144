"""What Keras does when its user says nothing, read off the live framework: configurations of fresh layers, their weights, default
arguments, and small experiments. A source that begins with `convention:` is a default that nothing in the framework holds.

    python keras_defaults.py > golden/keras_defaults.json
"""

import inspect
import json
import math
import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402  (reads the variables above)
import numpy as np  # noqa: E402

CELLS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
HIDDEN, INPUT = 6, 4


def native_defaults():
    """Every default that the harness asks for, as `native_defaults` of the wire format."""
    adam = inspect.signature(keras.optimizers.Adam.__init__).parameters
    return {
        "initializers": initializers(),
        "bias_vectors": {
            cell: live({1: "one", 2: "two"}[bias_of(cell).ndim], f"shape of a fresh {layer.__name__}'s bias")
            for cell, layer in CELLS.items()
        },
        "gru_form": live(
            "reset-after" if keras.layers.GRU(HIDDEN).get_config()["reset_after"] else "reset-before",
            "GRU().get_config()['reset_after']",
        ),
        "adam": live(
            {
                "beta1": adam["beta_1"].default,
                "beta2": adam["beta_2"].default,
                "epsilon": adam["epsilon"].default,
                "epsilon_placement": epsilon_placement(),
                "repeated_words": repeated_words(),
                "bias_correction": bias_correction(),
            },
            "default arguments of Adam.__init__; placement from one step with a large epsilon; repeated words from the velocity "
            "after a step on an embedding that met a word twice; bias corrections from a step with beta_2=0.999999",
        ),
        "learning_rate": live(adam["learning_rate"].default, "default argument of Adam.__init__"),
        "clip_stabiliser": live(clip_stabiliser(), "a step of SGD with global_clipnorm on a gradient of norm 1e-6"),
        "clip_form": live(
            clip_form(), "steps of SGD and Adam with global_clipnorm on an embedding that met a word twice"
        ),
        "weight_decay_form": live(weight_decay_form(), "a step of Adam(weight_decay=0.5) with gradient 0"),
        "dropout_places": {
            "value": ["between-layers", "after-last"],
            "source": f"convention: keras {keras.__version__} Dropout is a layer of its own, put after each recurrent layer; no "
            "default of the framework places it",
        },
        "padding": live(side(keras.utils.pad_sequences([[1], [2, 3]])[0].tolist(), [0, 1]), "pad_sequences([[1], [2, 3]])"),
        "truncation": live(
            side(keras.utils.pad_sequences([[1, 2]], maxlen=1)[0].tolist(), [2]), "pad_sequences([[1, 2]], maxlen=1)"
        ),
        "batching": live(
            {(2, 3): "static"}[keras.utils.pad_sequences([[1], [1, 2, 3]]).shape],
            "pad_sequences, which gives one array of one length for all sequences",
        ),
        "masking": live(
            keras.layers.Embedding(5, INPUT).get_config()["mask_zero"], "Embedding().get_config()['mask_zero']"
        ),
        "pooling": live(pooling(), "a fresh LSTM's output against the last step of its sequence"),
        "plateau": live(plateau(), "default arguments of ReduceLROnPlateau.__init__; threshold and patience from its callbacks"),
    }


def live(value, source):
    """A default with where it was read."""
    return {"value": value, "source": f"keras {keras.__version__} live: {source}"}


def initializers():
    """Initialisers per tensor group, from configurations that all three cells share."""

    def of_cells(argument):
        names = {name_of(layer(HIDDEN).get_config()[argument]) for layer in CELLS.values()}
        if len(names) != 1:
            raise ValueError(f"the cells differ in {argument}: {names}")
        return names.pop()

    embedding = keras.layers.Embedding(5, INPUT).get_config()["embeddings_initializer"]
    dense, norm = keras.layers.Dense(1).get_config(), keras.layers.LayerNormalization().get_config()
    if of_cells("recurrent_initializer") != "orthogonal" or not is_orthogonal_as_a_whole():
        raise ValueError("the recurrent kernel is not orthogonal as a whole")
    return {
        "embedding": live(name_of(embedding), "Embedding().get_config()['embeddings_initializer']"),
        "input-kernel": live(of_cells("kernel_initializer"), "SimpleRNN, LSTM, GRU get_config()['kernel_initializer']"),
        "recurrent-kernel": live(
            "orthogonal",
            "SimpleRNN, LSTM, GRU get_config()['recurrent_initializer']; rows of fresh recurrent kernels, all gates together, "
            "are orthonormal",
        ),
        "input-bias": live(input_bias(), "biases of fresh SimpleRNN, LSTM, GRU"),
        "recurrent-bias": live(constant(bias_of("gru")[1]), "second row of a fresh GRU's bias"),
        "norm-scale": live(name_of(norm["gamma_initializer"]), "LayerNormalization().get_config()['gamma_initializer']"),
        "norm-shift": live(name_of(norm["beta_initializer"]), "LayerNormalization().get_config()['beta_initializer']"),
        "head-kernel": live(name_of(dense["kernel_initializer"]), "Dense().get_config()['kernel_initializer']"),
        "head-bias": live(name_of(dense["bias_initializer"]), "Dense().get_config()['bias_initializer']"),
    }


def name_of(config):
    """The harness' name of an initialiser from its configuration."""
    arguments = config["config"]
    match config["class_name"]:
        case "Zeros":
            return "zeros"
        case "Ones":
            return "ones"
        case "GlorotUniform":
            return "glorot-uniform"
        case "Orthogonal" | "OrthogonalInitializer" if arguments["gain"] == 1.0:
            return "orthogonal"
        case "RandomUniform":
            return {"uniform": {"low": arguments["minval"], "high": arguments["maxval"]}}
    raise ValueError(f"the initialiser {config} has no name in the harness")


def fresh(cell):
    """Kernel, recurrent kernel and bias of a fresh layer."""
    layer = CELLS[cell](HIDDEN)
    layer.build((None, None, INPUT))
    return layer.get_weights()


def bias_of(cell):
    return fresh(cell)[2]


def is_orthogonal_as_a_whole():
    """Whether recurrent kernels, `[hidden, gates * hidden]`, have orthonormal rows."""
    kernels = [fresh(cell)[1] for cell in CELLS]
    return all(np.allclose(kernel @ kernel.T, np.eye(HIDDEN), atol=1e-5) for kernel in kernels)


def input_bias():
    """The initialiser that the biases of all three cells follow."""
    lstm = np.repeat([0.0, 1.0, 0.0, 0.0], HIDDEN)
    if np.array_equal(bias_of("lstm"), lstm) and {constant(bias_of("rnn")), constant(bias_of("gru")[0])} == {"zeros"}:
        return "unit-forget-bias"
    raise ValueError("biases are neither 0 nor 1 for the forget gate")


def constant(values):
    """The name of an initialiser that gives these equal values."""
    return {0.0: "zeros", 1.0: "ones"}[np.unique(values).item()]


def variable(value):
    return keras.Variable(np.float32(value), dtype="float32")


def epsilon_placement():
    """Where a step of rate 1 on a gradient of 1 with an epsilon of 1 puts it: `1 / (1 + 1)` after the correction of moments, else
    `sqrt(1 - b2) / (1 - b1) * (1 - b1) / (sqrt(1 - b2) + 1)`."""
    weight = variable(0.0)
    optimizer = keras.optimizers.Adam(learning_rate=1.0, beta_1=0.5, beta_2=0.75, epsilon=1.0)
    optimizer.apply([keras.ops.convert_to_tensor(1.0)], [weight])
    return nearest(-float(weight.value), {"after-correction": 0.5, "hat": 0.5 / 1.5})


def repeated_words():
    """How a word that occurs twice with gradient 1 each enters the second moment: as 4 or as 2."""
    import tensorflow as tf

    embedding = keras.layers.Embedding(3, 1)
    embedding.build()
    optimizer = keras.optimizers.Adam(beta_2=0.5)
    optimizer.build(embedding.trainable_variables)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(embedding(tf.constant([[1, 1, 2]])))
    optimizer.apply(tape.gradient(loss, embedding.trainable_variables), embedding.trainable_variables)
    velocity = next(v for v in optimizer.variables if v.path.endswith("velocity"))
    return nearest(float(velocity.numpy()[1, 0]), {"sum-then-square": 2.0, "square-then-sum": 1.0})


def bias_correction():
    """How far a step of rate 1 on a gradient of 1 goes with a second beta whose nearest float32 lies 1 % closer to 1 or farther off: 1 where
    the correction is exact, else the root of that."""
    weight = variable(0.0)
    optimizer = keras.optimizers.Adam(learning_rate=1.0, beta_2=0.999999, epsilon=1e-20)
    optimizer.apply([keras.ops.convert_to_tensor(1.0)], [weight])
    nearest_float = float(np.sqrt((1 - float(np.float32(0.999999))) / 1e-6))
    return nearest(-float(weight.value), {"float64": 1.0, "float32": nearest_float})


def clip_form():
    """Whether clipping takes the norm of a word's summed gradient, here 2, or that over its occurrences, and what then enters Adam's second
    moment: the square of the sum also where a norm that is never reached is all that was set."""
    import tensorflow as tf

    def after(optimizer):
        embedding = keras.layers.Embedding(3, 1, embeddings_initializer="zeros")
        embedding.build()
        optimizer.build(embedding.trainable_variables)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(embedding(tf.constant([[1, 1]])))
        optimizer.apply(tape.gradient(loss, embedding.trainable_variables), embedding.trainable_variables)
        return embedding.get_weights()[0], optimizer

    moved, _ = after(keras.optimizers.SGD(learning_rate=1.0, global_clipnorm=1.0))
    form = nearest(-float(moved[1, 0]), {"gradient": 1.0, "occurrences": 2 / math.sqrt(2)})
    _, adam = after(keras.optimizers.Adam(beta_2=0.5, global_clipnorm=1e9))
    velocity = next(v for v in adam.variables if v.path.endswith("velocity"))
    summed = nearest(float(velocity.numpy()[1, 0]), {"summed": 2.0, "apart": 1.0}) == "summed"
    if summed != (form == "occurrences"):
        raise ValueError(f"clipping by the norm of {form} leaves occurrences {'summed' if summed else 'apart'}")
    return form


def clip_stabiliser():
    """What is added to a norm of 1e-6 that is clipped to 1e-7, to a billionth."""
    weight = variable(0.0)
    keras.optimizers.SGD(learning_rate=1.0, global_clipnorm=1e-7).apply([keras.ops.convert_to_tensor(1e-6)], [weight])
    return round(1e-6 * 1e-7 / -float(weight.value) - 1e-6, 9) + 0.0


def weight_decay_form():
    """Whether decay of rate 0.5 moves a weight of 1 by `0.1 * 0.5`, or by a whole step of Adam at rate 0.1."""
    weight = variable(1.0)
    optimizer = keras.optimizers.Adam(learning_rate=0.1, weight_decay=0.5)
    optimizer.apply([keras.ops.convert_to_tensor(0.0)], [weight])
    return nearest(float(weight.value), {"decoupled": 0.95, "coupled": 0.9})


def nearest(value, expected):
    """The name of the expected value that was found."""
    name = min(expected, key=lambda name: abs(expected[name] - value))
    if abs(expected[name] - value) > 1e-5:
        raise ValueError(f"found {value}, which is none of {expected}")
    return name


def side(found, if_front):
    return "front" if found == if_front else "end"


def pooling():
    """Which step an LSTM answers with when it gives one output."""
    layer, x = keras.layers.LSTM(HIDDEN), np.random.default_rng(1).normal(size=(2, 5, INPUT)).astype("float32")
    one = np.asarray(layer(x))
    layer.return_sequences = True
    if np.array_equal(one, np.asarray(layer(x))[:, -1]):
        return "last-step"
    raise ValueError("an LSTM doesn't answer with its last step")


def plateau():
    """ReduceLROnPlateau: its arguments, and what it does with losses."""
    arguments = {name: p.default for name, p in inspect.signature(keras.callbacks.ReduceLROnPlateau.__init__).parameters.items()}
    return {
        "factor": arguments["factor"],
        "patience": arguments["patience"],
        "threshold": arguments["min_delta"],
        # From 100 to 60 is less than half of 100 and more than 0.5.
        "threshold_mode": "relative" if reductions([100.0, 60.0], patience=1, min_delta=0.5) else "absolute",
        # Two epochs without improvement, with a patience of two.
        "patience_rule": "at-patience" if reductions([1.0, 1.0, 1.0], patience=2) else "after-patience",
        "cooldown": arguments["cooldown"],
        "min_learning_rate": float(arguments["min_lr"]),
        "min_change": least_change(),
    }


def least_change():
    """The change of the learning rate that is too small to be made: none, since a rate of 2^-99 is halved like any other."""
    if reductions([1.0, 1.0], rate=2.0**-99, patience=1) != 100:
        raise ValueError("a small learning rate stays as it is")
    return 0.0


def reductions(losses, rate=1.0, **arguments):
    """How often the learning rate falls over epochs with these losses."""
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(rate), loss="mse")
    callback = keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, **arguments)
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"loss": loss})
    return round(-np.log2(float(model.optimizer.learning_rate.numpy())))


if __name__ == "__main__":
    print(json.dumps(native_defaults(), indent=2))
