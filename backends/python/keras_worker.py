"""Serves real Keras 3 on TensorFlow: public layers, `keras.optimizers.Adam`, one compiled training step."""

import wire

if __name__ == "__main__":
    STREAMS = wire.take_streams()

import gc  # noqa: E402  (the streams come first)
import hashlib  # noqa: E402
import multiprocessing  # noqa: E402
import os  # noqa: E402
import platform  # noqa: E402

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

import checks  # noqa: E402
import keras_exact_adam  # noqa: E402
import keras_defaults  # noqa: E402

LAYERS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}

CAPABILITIES = {
    "cells": ["rnn", "lstm", "gru"],
    "kernels": ["stock"],
    # Two vectors are `GRU(reset_after=True)` alone, whose second one is zero and not trained where the spec has one.
    "bias_vectors": ["one", "two"],
    "gru_forms": ["reset-after", "reset-before"],
    "epsilon_placements": ["hat"],
    "repeated_words": ["square-then-sum"],
    "bias_corrections": ["float32", "float64"],
    "clip_forms": ["occurrences", "each-variable", "gradient"],
    "weight_decay_forms": ["decoupled"],
    "bidirectional": True,
    "layer_norm": False,
    "masking": True,
    "dropout": True,
    "input_gradient_norms": True,
    "label_smoothing": True,
    "update_norm": True,
    "state": "float32",
    "devices": ["cpu"],
    "max_layers": None,
    "exclusions": [
        {"cell": "rnn", "bias_vectors": "two"},
        {"cell": "lstm", "bias_vectors": "two"},
        {"cell": "gru", "gru_form": "reset-before", "bias_vectors": "two"},
    ],
}


class Keras:
    """The backend. TensorFlow takes its thread count once a process, so the first `build` decides it."""

    def __init__(self):
        keras.config.set_floatx("float32")
        tf.config.experimental.enable_op_determinism()
        libraries = {"keras": keras.__version__, "tensorflow": tf.__version__, "python": platform.python_version()}
        # Reading the defaults makes layers, which starts TensorFlow before a thread count is known: a child does it.
        with multiprocessing.get_context("fork").Pool(1) as child:
            defaults = child.apply(keras_defaults.native_defaults)
        self.threads = None
        self.model = self.structure = None
        # Every `build` collects the garbage of the model before; what the libraries made when they were imported stays anyway.
        gc.freeze()
        self.info = {
            "name": "keras",
            "numerics": 1,
            "libraries": [{"name": name, "version": version} for name, version in libraries.items()],
            "capabilities": CAPABILITIES,
            "native_defaults": defaults,
        }

    def build(self, spec, weights):
        """A model with these weights and an optimiser that has taken no step."""
        self.prepare(spec)
        self.model.begin(spec["dropout"]["seed"], weights)
        return self.model

    def resume(self, spec, state):
        """A model that goes on from a state."""
        self.prepare(spec)
        self.model.go_on(state)
        return self.model

    def prepare(self, spec):
        """Makes the model of a spec, whose numbers are still those of an earlier one."""
        if self.threads is None:
            tf.config.threading.set_intra_op_parallelism_threads(spec["threads"])
            tf.config.threading.set_inter_op_parallelism_threads(1)
            self.threads = spec["threads"]
        elif self.threads != spec["threads"]:
            checks.unsupported(
                f"threads = {spec['threads']}", f"one number of threads a process, and this one began with {self.threads}"
            )
        # Tracing a step takes a second, so a model that differs from the last one only in numbers takes its graphs over.
        structure = structure_of(spec)
        if self.model is None or self.structure != structure:
            self.model = None
            # Frees the graphs of the model before.
            keras.backend.clear_session()
            self.model, self.structure = Model(spec), structure


def structure_of(spec):
    """All of a spec that layers, optimiser and graphs depend on."""
    dropout = {place: rate for place, rate in spec["dropout"].items() if place != "seed"}
    return {**spec, "dropout": dropout, "max_time": None, "max_batch": None}


class Model:
    """A Keras model with its optimiser. `begin` gives it its numbers."""

    def __init__(self, spec):
        self.spec = spec
        self.network = Network(spec)
        self.variables = self.network.variables()
        adam = spec["adam"]
        adam_of = {"float32": keras.optimizers.Adam, "float64": keras_exact_adam.ExactAdam}[adam["bias_correction"]]
        clip = spec["clip"]
        self.optimizer = adam_of(
            learning_rate=1.0,
            beta_1=adam["beta1"],
            beta_2=adam["beta2"],
            epsilon=adam["epsilon"],
            weight_decay=spec["weight_decay"]["rate"] or None,
            global_clipnorm=clip["norm"] if kerases(clip) == "global_clipnorm" else None,
            clipnorm=clip["norm"] if kerases(clip) == "clipnorm" else None,
        )
        self.optimizer.build(self.variables)
        self.loss = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=spec.get("label_smoothing", 0.0))
        tokens = [tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.bool)]
        labels = tf.TensorSpec([None], tf.float32)
        # Compiled once for batches of any shape, when first called.
        self.step = tf.function(self.take_step, input_signature=[*tokens, labels])
        self.logits = tf.function(self.network.logits, input_signature=tokens)
        self.input_norms = tf.function(self.take_input_norms, input_signature=[*tokens, labels])

    def begin(self, seed, weights):
        """Takes weights and seed; the optimiser has taken no step then."""
        self.network.set_weights(weights)
        self.network.set_seed(seed)
        for variable in self.optimizer.variables:
            # Moments, the count of steps, and the learning rate, which comes with every step.
            variable.assign(keras.ops.zeros_like(variable))

    def go_on(self, state):
        """Takes all that a state holds."""
        self.network.set_streams(state.streams)
        self.network.set_weights(state.part("weights"))
        self.network.set_weights(state.part("adam.first_moment"), lambda variable: self.moments(variable)[0])
        self.network.set_weights(state.part("adam.second_moment"), lambda variable: self.moments(variable)[1])
        self.optimizer.iterations.assign(state.steps)

    def state(self):
        """All that the steps to come depend on."""
        first = self.network.weights(lambda variable: self.moments(variable)[0])
        second = self.network.weights(lambda variable: self.moments(variable)[1])
        steps = int(self.optimizer.iterations.numpy())
        return checks.state_of(steps, self.network.streams(), self.network.weights(), first, second)

    def moments(self, variable):
        """Adam's first and second moment of a variable, which have no public names."""
        place = self.optimizer._get_variable_index(variable)
        return self.optimizer._momentums[place], self.optimizer._velocities[place]

    def train(self, batch, learning_rate):
        self.optimizer.learning_rate = learning_rate
        loss, norm, clipped = self.step(*tensors(batch), labels_of(batch))
        return float(loss), float(norm), bool(clipped)

    def predict(self, batch):
        return self.logits(*tensors(batch)).numpy()

    def weights(self):
        return self.network.weights()

    def input_gradient_norms(self, batch):
        return self.input_norms(*tensors(batch), labels_of(batch)).numpy()

    def take_step(self, tokens, lengths, front, labels):
        """One optimiser step: the loss before it, the gradient's norm before clipping, and whether it was clipped."""
        with tf.GradientTape() as tape:
            loss = self.loss(labels, self.network.logits(tokens, lengths, front, training=True))
        gradients = tape.gradient(loss, self.variables)
        gradients = [self.network.free(gradient, variable) for gradient, variable in zip(gradients, self.variables)]
        total, (gradients, clipped) = global_norm(gradients), clip_of(self.spec["clip"], gradients)
        self.optimizer.apply(gradients, self.variables)
        clip = self.spec["clip"]
        if clip is not None and clip["form"] == "gradient":
            # A norm that is not a number makes NaN of every gradient, but this one has no rows of the words that are not in the batch.
            embedding = self.variables[0]
            spoilt = tf.math.is_nan(total)
            for variable in [embedding, *self.moments(embedding)]:
                tf.cond(spoilt, lambda: self.fill(variable, float("nan")), lambda: tf.constant(True))
        return loss, total, clipped

    @staticmethod
    def fill(variable, number):
        """Gives every element of a variable this value; always true, for a branch must have one."""
        variable.assign(tf.fill(variable.shape, number))
        return tf.constant(True)

    def take_input_norms(self, tokens, lengths, front, labels):
        """`|dL / d embedding|` of every step, `[rows, time]`."""
        embedded = self.network.embedding(tokens)
        with tf.GradientTape() as tape:
            tape.watch(embedded)
            loss = self.loss(labels, self.network.logits_of(embedded, lengths, front))
        return tf.norm(tape.gradient(loss, embedded), axis=-1)


class Network:
    """The layers: embedding, dropout, recurrent layers with dropout between them, dropout, head."""

    def __init__(self, spec):
        self.spec = spec
        self.gathers = spec["pooling"] == "last-valid-step" and not spec["masking"]
        self.embedding = keras.layers.Embedding(spec["vocabulary_size"], spec["embedding_size"])
        self.embedding.build()
        self.recurrent = []
        size, width = spec["embedding_size"], spec["hidden_size"] * (2 if spec["bidirectional"] else 1)
        for layer in range(spec["layers"]):
            options = {"reset_after": spec["gru_form"] == "reset-after"} if spec["cell"] == "gru" else {}
            sequences = layer + 1 < spec["layers"] or self.gathers
            recurrent = LAYERS[spec["cell"]](spec["hidden_size"], return_sequences=sequences, **options)
            if spec["bidirectional"]:
                recurrent = keras.layers.Bidirectional(recurrent)
            recurrent.build((None, None, size))
            self.recurrent.append(recurrent)
            size = width
        self.head = keras.layers.Dense(1)
        self.head.build((None, width))
        dropout = spec["dropout"]
        places = ["after_embedding"] + ["between_layers"] * (spec["layers"] - 1) + ["after_last"]
        self.dropouts = [keras.layers.Dropout(dropout[place], seed=0) for place in places]

    def logits(self, tokens, lengths, front, training=False):
        """One logit a row, `[rows]`."""
        return self.logits_of(self.embedding(tokens), lengths, front, training)

    def logits_of(self, embedded, lengths, front, training=False):
        """One logit a row, `[rows]`, of embedded tokens, `[rows, time, embedding_size]`."""
        time = tf.shape(embedded)[1]
        starts = tf.where(front, time - lengths, tf.zeros_like(lengths))
        mask = None
        if self.spec["masking"]:
            steps = tf.range(time)[None, :]
            mask = (steps >= starts[:, None]) & (steps < (starts + lengths)[:, None])
        x = self.dropouts[0](embedded, training=training)
        for recurrent, dropout in zip(self.recurrent, self.dropouts[1:]):
            x = recurrent(x, mask=mask, training=training)
            if recurrent is self.recurrent[-1] and self.gathers:
                x = self.pool(x, starts, lengths)
            x = dropout(x, training=training)
        return self.head(x)[:, 0]

    def pool(self, x, starts, lengths):
        """The output at each row's last token, and in the reverse direction at its first."""
        hidden = self.spec["hidden_size"]
        pooled = [tf.gather(x[..., :hidden], starts + lengths - 1, batch_dims=1)]
        if self.spec["bidirectional"]:
            pooled.append(tf.gather(x[..., hidden:], starts, batch_dims=1))
        return tf.concat(pooled, axis=-1)

    def directions(self):
        """Each recurrent layer of one direction with the end of its weights' names."""
        for at, layer in enumerate(self.recurrent):
            if self.spec["bidirectional"]:
                yield layer.forward_layer, f"_l{at}"
                yield layer.backward_layer, f"_l{at}_reverse"
            else:
                yield layer, f"_l{at}"

    def variables(self):
        """Every variable that is trained."""
        layers = [self.embedding, *self.recurrent, self.head]
        return [variable for layer in layers for variable in layer.trainable_variables]

    def free(self, gradient, variable):
        """A gradient without the part that belongs to what must stay zero: a GRU's recurrent bias where the spec has one vector."""
        frozen = self.spec["bias_vectors"] == "one" and self.spec["cell"] == "gru" and variable.shape[0] == 2
        if frozen and variable.name == "bias":
            return gradient * tf.constant([[1.0], [0.0]])
        return gradient

    def set_seed(self, seed):
        """Begins each dropout's masks, with a seed of its own."""
        # What `SeedGenerator` begins with: the seed, and how many numbers were drawn.
        self.set_streams({name: [seed_of(seed, at), 0] for at, name, _ in self.drawing()})

    def drawing(self):
        """Place, name and state of each dropout that draws."""
        for at, dropout in enumerate(self.dropouts):
            if dropout.rate > 0:
                yield at, f"dropout.{at}", dropout.seed_generator.state

    def streams(self):
        """Where each dropout's stream stands: its seed, and how many numbers were drawn."""
        return {name: [int(word) for word in state.numpy()] for _, name, state in self.drawing()}

    def set_streams(self, streams):
        """Takes what `streams` gave."""
        states = {name: state for _, name, state in self.drawing()}
        for name in streams.keys() ^ states.keys():
            raise checks.Refusal("state", f"streams: `{name}` is missing or not a stream of this model")
        for name, position in streams.items():
            if len(position) != 2 or max(position) >= 1 << 32:
                raise checks.Refusal("state", f"streams: the position of `{name}` is not two words of 32 bits")
            states[name].assign(np.array(position, states[name].dtype))

    def set_weights(self, weights, into=lambda variable: variable):
        """Takes the harness' weights, named, shaped and with gates ordered as PyTorch has them. `into` says where what belongs to a variable
        is to be put."""

        def put(layer, arrays):
            for variable, array in zip(layer.trainable_variables, arrays, strict=True):
                into(variable).assign(array)

        put(self.embedding, [weights["embedding.weight"]])
        for layer, end in self.directions():
            kernels = [in_order(weights[f"rnn.{name}{end}"], self.spec["cell"]).T for name in ["weight_ih", "weight_hh"]]
            bias = in_order(weights[f"rnn.bias_ih{end}"], self.spec["cell"])
            if len(layer.cell.bias.shape) == 2:
                second = weights.get(f"rnn.bias_hh{end}", np.zeros_like(bias))
                bias = np.stack([bias, in_order(second, self.spec["cell"])])
            put(layer, [*kernels, bias])
        put(self.head, [weights["head.weight"].T, weights["head.bias"]])

    def weights(self, of=lambda variable: variable):
        """The weights as the harness names, shapes and orders them, or what `of` gives for each variable."""

        def read(layer):
            return [of(variable).numpy() for variable in layer.trainable_variables]

        found = {"embedding.weight": read(self.embedding)[0]}
        for layer, end in self.directions():
            kernel, recurrent_kernel, bias = read(layer)
            found[f"rnn.weight_ih{end}"] = in_order(kernel.T, self.spec["cell"])
            found[f"rnn.weight_hh{end}"] = in_order(recurrent_kernel.T, self.spec["cell"])
            biases = bias if bias.ndim == 2 else [bias]
            for name, vector in zip(["bias_ih", "bias_hh"], biases):
                if name == "bias_ih" or self.spec["bias_vectors"] == "two":
                    found[f"rnn.{name}{end}"] = in_order(vector, self.spec["cell"])
        kernel, bias = read(self.head)
        return {**found, "head.weight": kernel.T, "head.bias": bias}


def in_order(values, cell):
    """Blocks of gates along the first axis, from PyTorch's order to Keras' or back: a GRU's first two change places (r, z, n against
    z, r, h); an LSTM's i, f, g, o are Keras' i, f, c, o."""
    if cell != "gru":
        return values
    first, second, third = np.split(values, 3)
    return np.concatenate([second, first, third])


def seed_of(seed, place):
    """A seed for the dropout at one place: 32 bits, which is what Keras' generators take, of all 64."""
    return int.from_bytes(hashlib.blake2s(f"{seed} {place}".encode(), digest_size=4).digest(), "little")


def global_norm(gradients):
    """The Euclidean norm of all gradients together, a word's being the sum over its occurrences; float64, but infinite where its square is beyond
    float32."""
    squares = []
    for gradient in gradients:
        if isinstance(gradient, tf.IndexedSlices):
            words, places = tf.unique(gradient.indices)
            gradient = tf.math.unsorted_segment_sum(gradient.values, places, tf.size(words))
        squares.append(tf.reduce_sum(tf.square(tf.cast(gradient, tf.float64))))
    square = tf.add_n(squares)
    return tf.sqrt(tf.where(square > tf.float32.max, tf.constant(float("inf"), tf.float64), square))


def kerases(clip):
    """The argument of Keras' optimisers that clips as a spec asks for, if there is one: Keras adds nothing to the norm that it divides by."""
    own = {"occurrences": "global_clipnorm", "each-variable": "clipnorm"}
    return own.get(clip["form"]) if clip is not None and clip["stabiliser"] == 0 else None


def clip_of(clip, gradients):
    """Gradients as the optimiser is given them, and whether they are clipped, there or here."""
    if clip is None:
        return gradients, tf.constant(False)
    norms = norms_of(clip["form"], gradients)
    factors = [clip["norm"] / (norm + clip["stabiliser"]) for norm in norms]
    if clip["form"] == "occurrences":
        # As `clip_by_global_norm` in keras/src/optimizers/base_optimizer.py: 0 of a finite norm, NaN of any other.
        factors = [factor + (norm - norm) for factor, norm in zip(factors, norms)]
    # A factor that is not a number stays so.
    factors = [tf.cast(tf.where(factor >= 1, tf.ones_like(factor), factor), tf.float32) for factor in factors]
    clipped = tf.logical_not(tf.reduce_all([factor >= 1 for factor in factors]))
    if kerases(clip) is not None:
        return gradients, clipped
    if clip["form"] == "occurrences":
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
    each = factors if len(factors) > 1 else factors * len(gradients)
    return [scaled(gradient, factor) for gradient, factor in zip(gradients, each)], clipped


def norms_of(form, gradients):
    """The norm that a form of clipping takes, or the norm of each variable."""
    if form == "gradient":
        return [global_norm(gradients)]
    # With Keras' own operations, which count each occurrence of a word on its own.
    squares = [keras.ops.sum(keras.ops.square(gradient)) for gradient in gradients]
    return [tf.sqrt(square) for square in squares] if form == "each-variable" else [tf.sqrt(tf.add_n(squares))]


def scaled(gradient, factor):
    """A gradient times a number; one of an embedding stays as sparse as it is."""
    if isinstance(gradient, tf.IndexedSlices):
        return tf.IndexedSlices(gradient.values * factor, gradient.indices, gradient.dense_shape)
    return gradient * factor


def tensors(batch):
    """Tokens, lengths, and whether the padding is at the front."""
    return tf.constant(batch.tokens), tf.constant(batch.lengths), tf.constant(batch.padding == "front")


def labels_of(batch):
    return tf.constant(batch.labels, tf.float32)


if __name__ == "__main__":
    wire.serve(STREAMS, Keras)
