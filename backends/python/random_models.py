"""Random trainings, far from the usual: a backend in Rust over the wire beside the model that a user would write in PyTorch or in Keras.

    .venv/bin/python random_models.py libtorch 200          # beside PyTorch, seeds 1 to 200
    .venv/bin/python random_models.py tensorflow 1 57       # beside Keras, seed 57 alone

A training may differ from the user's by some times its floor: how far the user's own training parts from itself when each weight is moved to a neighbouring
float32, and when it is computed in float64. A few draws can by chance all lie near each other, so what goes beyond is held against more of them; there the gradients are
also moved by one rounding of the largest of their tensor. That is about what cancelling terms leave: Adam turns its sign into a step of full size, and the other floors may not move it, since
a gate that saturates has the same few values left whatever the weights. Ends with 1 where one differs by more, and says which.
"""

import json
import os
import struct
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"

import numpy as np  # noqa: E402  (a framework reads the variables above)

from test_workers import RELEASE, Worker, build_request, from_floats, shapes_of  # noqa: E402

# Draws of the floor, and how many more where a deviation goes beyond what those allow.
DRAWS, MORE_DRAWS = 2, 8
# How many floors a deviation may be, and a floor above which float32 does not determine the quantity, so that it is not compared.
FLOORS, UNDETERMINED = 10, 0.05
# What is allowed whatever the floor.
LEAST = {"logits before": 1e-5, "losses": 1e-5, "weights": 1e-3, "logits after": 1e-4}
# Multiply-adds that one training may cost.
MOST_WORK = 1 << 31


class Configuration:
    """A spec, the weights it starts from, and its batches with the learning rate of each."""

    def __init__(self, seed, draw_framework):
        self.seed = seed
        self.random = np.random.default_rng(seed)
        cell = self.one_of("rnn", "lstm", "gru")
        self.spec = {
            "cell": cell, "vocabulary_size": 2 + self.size(400), "embedding_size": self.size(90), "hidden_size": self.size(130),
            "layers": self.one_of(1, 1, 2, 3), "bidirectional": False, "layer_norm": False, "gru_form": "reset-after",
            "pooling": "last-step", "masking": bool(self.one_of(False, True)),
            "dropout": {"after_embedding": 0.0, "between_layers": 0.0, "after_last": 0.0, "seed": 1},
            "max_time": self.size(450), "max_batch": self.size(12), "threads": 1, "device": "cpu", "kernel": self.one_of("fused", "stock"),
            **draw_framework(self, cell),
        }  # fmt: skip
        gates = {"rnn": 1, "lstm": 4, "gru": 3}[cell]
        a_token = gates * self.spec["hidden_size"] * (self.spec["hidden_size"] + self.spec["embedding_size"]) * self.spec["layers"]
        while a_token * self.spec["max_time"] * self.spec["max_batch"] * 20 > MOST_WORK and self.spec["max_time"] > 1:
            self.spec["max_time"] = self.spec["max_time"] * 3 // 4
        self.scale = self.one_of("moderate", "moderate", "small", "saturating")
        self.weights = {name: self.weight(name, shape) for name, shape in shapes_of(self.spec)}
        # One shape for all batches, as one who writes for Keras would have it.
        self.padding = self.one_of("front", "end")
        self.steps = [(*self.batch(), self.one_of(1e-3, 1e-3, 1e-2, 0.1)) for _ in range(self.one_of(1, 2, 3, 5))]

    def one_of(self, *choices):
        return choices[self.random.integers(len(choices))]

    def size(self, most):
        """From 1 to `most`, small and large sizes alike."""
        if self.random.random() < 0.5:
            return int(self.random.integers(1, most + 1))
        return int(round(most ** self.random.random()))

    def weight(self, name, shape):
        limit = {"embedding": 1.0, "head": 1.0, "rnn": 0.9 * (3 / self.spec["hidden_size"]) ** 0.5}[name.split(".")[0]]
        factor = {"moderate": 1.0, "small": 0.02, "saturating": 6.0}[self.scale]
        return (self.random.uniform(-limit, limit, shape) * factor).astype(np.float32)

    def batch(self):
        """Words `[rows, time]`, lengths and labels."""
        rows, time = self.spec["max_batch"], self.spec["max_time"]
        longest = self.one_of(1, time, time)
        lengths = np.array([self.size(longest) for _ in range(rows)], np.int32)
        words = np.zeros((rows, time), np.int32)
        for row, length in enumerate(lengths):
            # Keras' masking goes by the word, so that no row may hold word 0.
            place = slice(time - length, time) if self.padding == "front" else slice(0, length)
            words[row, place] = self.random.integers(1, self.spec["vocabulary_size"], length)
        return words, lengths, self.random.integers(0, 2, rows).astype(np.uint8)

    def moved(self, draw):
        """The weights, each moved to the float32 above or below it."""
        coin = np.random.default_rng([self.seed, draw])
        ends = [np.float32(-np.inf), np.float32(np.inf)]
        return {
            name: np.where(array == 0, array, np.nextafter(array, np.where(coin.random(array.shape) < 0.5, *ends)))
            for name, array in self.weights.items()
        }


class Course:
    """What a training shows."""

    def __init__(self, before, losses, weights, after):
        self.before, self.losses, self.weights, self.after = before, losses, weights, after

    def deviations(self, other, configuration):
        """How far each quantity lies from another course's."""

        def scalar(found, expected):
            found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
            return float(np.max(np.abs(found - expected) / np.maximum(np.abs(expected), 1)))

        return {
            "logits before": scalar(self.before, other.before),
            "losses": scalar(self.losses, other.losses),
            "weights": self.moved_apart(other, configuration),
            "logits after": scalar(self.after, other.after),
        }

    def moved_apart(self, other, configuration):
        """The largest difference of any tensor's weights, relative to the farthest that one of them moved."""
        moves = {name: other.weights[name].astype(np.float64) - initial for name, initial in configuration.weights.items()}
        top = max(np.abs(move).max() for move in moves.values())
        return max(
            float(np.abs(self.weights[name].astype(np.float64) - other.weights[name]).max() / max(np.abs(move).max(), 1e-3 * top, 1e-30))
            for name, move in moves.items()
        )


def by_worker(worker, configuration):
    """The training by a backend over the wire."""
    reply, _ = worker.ask(*build_request(configuration.spec, {name: array.ravel() for name, array in configuration.weights.items()}))
    assert reply == {"kind": "done"}, reply

    def ask(request, step, **more):
        words, lengths, labels, _ = step
        header = {"request": request, "batch": {"rows": len(words), "time": words.shape[1], "padding": configuration.padding}, **more}
        payload = words.astype("<i4").tobytes() + lengths.astype("<i4").tobytes()
        return worker.ask(header, payload + (b"" if request == "predict-batch" else labels.tobytes()))[1]

    def logits():
        return np.concatenate([from_floats(ask("predict-batch", step)) for step in configuration.steps])

    before = logits()
    losses = [
        struct.unpack("<2d", ask("train-batch", step, learning_rate=step[3])[:16])[0] for step in configuration.steps
    ]
    reply, payload = worker.ask({"request": "weights"})
    weights, numbers, at = {}, np.frombuffer(payload, "<f4"), 0
    for tensor in reply["tensors"]:
        count = int(np.prod(tensor["shape"]))
        weights[tensor["name"]] = numbers[at : at + count].reshape(tensor["shape"])
        at += count
    return Course(before, losses, weights, logits())


def allowed(quantity, floor):
    return max(LEAST[quantity], FLOORS * floor)


def beyond(found, floor):
    """What deviates by more than is allowed, and the floors."""
    wrong = [
        f"{quantity} {deviation:.2e}, floor {floor[quantity]:.2e}"
        for quantity, deviation in found.items()
        if floor[quantity] <= UNDETERMINED and not deviation <= allowed(quantity, floor[quantity])
    ]
    return wrong, floor


def compare(framework, count, first):
    """Draws trainings and prints what differs. Whether nothing does."""
    worker = Worker(RELEASE / f"study-backend-{framework.backend}")
    worker.hello()
    worst, undetermined, failed = {}, {}, 0
    for seed in range(first, first + count):
        configuration = Configuration(seed, framework.settings)
        user = framework.user(configuration)
        expected = user(configuration.weights)
        floors = []

        def draw_floors(draws):
            courses = [course for draw in draws for course in framework.floors(configuration, user, draw)]
            floors.extend(course.deviations(expected, configuration) for course in courses)
            return {quantity: max(floor[quantity] for floor in floors) for quantity in LEAST}

        found = by_worker(worker, configuration).deviations(expected, configuration)
        wrong, floor = beyond(found, draw_floors(range(DRAWS)))
        if wrong:
            wrong, floor = beyond(found, draw_floors(range(DRAWS, DRAWS + MORE_DRAWS)))
        for quantity, deviation in found.items():
            if not floor[quantity] <= UNDETERMINED:
                undetermined[quantity] = undetermined.get(quantity, 0) + 1
            else:
                worst[quantity] = max(worst.get(quantity, 0.0), deviation / allowed(quantity, floor[quantity]))
        if wrong:
            failed += 1
            print(f"FAIL {seed} ({configuration.scale} weights, {configuration.padding} padding): {'; '.join(wrong)}\n  {json.dumps(configuration.spec)}", flush=True)
    assert worker.end() == 0
    shares = ", ".join(f"{quantity} {share:.2f}" for quantity, share in worst.items())
    print(f"{framework.backend}: {count - failed} of {count} random trainings are those of {framework.name}; at most these shares of what is allowed: {shares};")
    print(f"  float32 did not determine {undetermined}")
    return failed == 0


class PyTorch:
    """A module and a loop, as PyTorch's documentation writes them."""

    backend, name = "libtorch", "PyTorch"

    @staticmethod
    def settings(draw, _cell):
        return {
            "bias_vectors": "two",
            "adam": {
                "beta1": draw.one_of(0.9, 0.9, 0.5, 0.0), "beta2": draw.one_of(0.999, 0.999, 0.9, 0.0),
                "epsilon": draw.one_of(1e-8, 1e-8, 1e-3), "epsilon_placement": "after-correction",
                "repeated_words": "sum-then-square", "bias_correction": "float64",
            },
            "clip": draw.one_of(None, {"norm": draw.one_of(1e-3, 0.3, 5.0, 1e3), "stabiliser": 1e-6, "form": "gradient"}),
            "weight_decay": {"rate": draw.one_of(0.0, 0.0, 1e-2, 0.5), "form": draw.one_of("coupled", "decoupled")},
        }  # fmt: skip

    def user(self, configuration, double=False, rounded=None):
        """Trains a plain module from the weights it is given; where `rounded` is a draw, gradients are moved by a rounding."""
        import torch

        torch.set_num_threads(1)
        coins = None if rounded is None else torch.Generator().manual_seed(1000 * configuration.seed + rounded)
        spec, kind = configuration.spec, torch.float64 if double else torch.float32

        class Classifier(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.embedding = torch.nn.Embedding(spec["vocabulary_size"], spec["embedding_size"])
                layer = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[spec["cell"]]
                self.rnn = layer(spec["embedding_size"], spec["hidden_size"], num_layers=spec["layers"], batch_first=True)
                self.head = torch.nn.Linear(spec["hidden_size"], 1)

            def forward(self, words, lengths):
                x = self.embedding(words)
                if not spec["masking"]:
                    return self.head(self.rnn(x)[0][:, -1]).squeeze(1)
                packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
                state = self.rnn(packed)[1]
                return self.head((state[0] if spec["cell"] == "lstm" else state)[-1]).squeeze(1)

        def tensors(step):
            words, lengths, labels, _ = step
            if spec["masking"] and configuration.padding == "front":
                # Packing begins at a row's first step.
                words = np.stack([np.roll(row, length) for row, length in zip(words, lengths)])
            return torch.from_numpy(words.astype(np.int64)), torch.from_numpy(lengths.astype(np.int64)), torch.from_numpy(labels)

        def train(weights):
            model = Classifier().to(kind)
            model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
            adam, decay, clip = spec["adam"], spec["weight_decay"], spec["clip"]
            optimizer = {"coupled": torch.optim.Adam, "decoupled": torch.optim.AdamW}[decay["form"]](
                model.parameters(), betas=(adam["beta1"], adam["beta2"]), eps=adam["epsilon"], weight_decay=decay["rate"]
            )
            loss_of = torch.nn.BCEWithLogitsLoss()

            @torch.no_grad()
            def logits():
                return np.concatenate([model(*tensors(step)[:2]).numpy() for step in configuration.steps])

            before, losses = logits(), []
            for step in configuration.steps:
                words, lengths, labels = tensors(step)
                for group in optimizer.param_groups:
                    group["lr"] = step[3]
                optimizer.zero_grad()
                loss = loss_of(model(words, lengths), labels.to(kind))
                loss.backward()
                if coins:
                    for gradient in (parameter.grad for parameter in model.parameters()):
                        coin = 2.0 * torch.randint(2, gradient.shape, generator=coins) - 1.0
                        gradient += (gradient != 0) * coin * gradient.abs().max() * torch.finfo(kind).eps
                if clip:
                    torch.nn.utils.clip_grad_norm_(model.parameters(), clip["norm"])
                optimizer.step()
                losses.append(loss.item())
            weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
            return Course(before, losses, weights, logits())

        return train

    def floors(self, configuration, user, draw):
        """Trainings that part from the user's by rounding alone."""
        yield user(configuration.moved(draw))
        if draw == 0:
            yield self.user(configuration, double=True)(configuration.weights)
        if draw >= DRAWS:
            yield self.user(configuration, rounded=draw)(configuration.weights)


class Keras:
    """A functional model, compiled, and `train_on_batch`."""

    backend, name = "tensorflow", "Keras"

    @staticmethod
    def settings(draw, cell):
        return {
            "bias_vectors": "two" if cell == "gru" else "one",
            "adam": {
                "beta1": draw.one_of(0.9, 0.9, 0.5, 0.0), "beta2": draw.one_of(0.999, 0.999, 0.9, 0.0),
                "epsilon": draw.one_of(1e-7, 1e-7, 1e-3), "epsilon_placement": "hat",
                "repeated_words": "square-then-sum", "bias_correction": "float32",
            },
            "clip": draw.one_of(None, {"norm": draw.one_of(1e-3, 0.3, 5.0, 1e3), "stabiliser": 0.0, "form": "occurrences"}),
            "weight_decay": {"rate": draw.one_of(0.0, 0.0, 4e-3, 0.5), "form": "decoupled"},
        }  # fmt: skip

    def user(self, configuration, double=False, rounded=None):
        """Trains a compiled model from the weights it is given; where `rounded` is a draw, gradients are moved by a rounding."""
        import keras

        keras.backend.clear_session()
        keras.config.set_floatx("float64" if double else "float32")
        spec, adam = configuration.spec, configuration.spec["adam"]
        layer = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[spec["cell"]]
        inputs = keras.Input((spec["max_time"],), dtype="int32")
        x = keras.layers.Embedding(spec["vocabulary_size"], spec["embedding_size"], mask_zero=spec["masking"])(inputs)
        for at in range(spec["layers"]):
            x = layer(spec["hidden_size"], return_sequences=at + 1 < spec["layers"])(x)
        model = keras.Model(inputs, keras.layers.Dense(1)(x))
        optimizer = (keras.optimizers.Adam if rounded is None else self.rounding_adam(1000 * configuration.seed + rounded))(
            1e-3, beta_1=adam["beta1"], beta_2=adam["beta2"], epsilon=adam["epsilon"],
            weight_decay=spec["weight_decay"]["rate"] or None,
            global_clipnorm=spec["clip"]["norm"] if spec["clip"] else None,
        )  # fmt: skip
        model.compile(optimizer=optimizer, loss=keras.losses.BinaryCrossentropy(from_logits=True))
        optimizer.build(model.trainable_variables)
        fresh = [variable.numpy() for variable in optimizer.variables]

        def train(weights):
            model.set_weights(self.keras_weights(spec, weights))
            for variable, value in zip(optimizer.variables, fresh, strict=True):
                variable.assign(value)

            def logits():
                return np.concatenate([model.predict_on_batch(step[0]).ravel() for step in configuration.steps])

            before, losses = logits(), []
            for words, _, labels, learning_rate in configuration.steps:
                optimizer.learning_rate = learning_rate
                model.reset_metrics()
                losses.append(float(model.train_on_batch(words, labels[:, None].astype(keras.config.floatx()))))
            return Course(before, losses, self.named_weights(spec, model.get_weights()), logits())

        return train

    def floors(self, configuration, user, draw):
        """Trainings that part from the user's by rounding alone."""
        yield user(configuration.moved(draw))
        if draw == 0:
            yield self.user(configuration, double=True)(configuration.weights)
        if draw >= DRAWS:
            yield self.user(configuration, rounded=draw)(configuration.weights)

    @staticmethod
    def rounding_adam(seed):
        """Keras' Adam, which is given gradients moved by one rounding of the largest of their tensor."""
        import keras
        import tensorflow as tf

        def moved(gradient, place, step):
            if isinstance(gradient, tf.IndexedSlices):
                return tf.IndexedSlices(moved(gradient.values, place, step), gradient.indices, gradient.dense_shape)
            draw = tf.random.stateless_uniform(tf.shape(gradient), tf.stack([seed + 7919 * place, tf.cast(step, tf.int32)]), dtype=gradient.dtype)
            size = tf.reduce_max(tf.abs(gradient)) * np.finfo(gradient.dtype.as_numpy_dtype).eps
            return gradient + tf.where(gradient == 0, tf.zeros_like(draw), tf.where(draw < 0.5, -size, size))

        class Rounding(keras.optimizers.Adam):
            def apply(self, grads, trainable_variables=None):
                return super().apply([moved(own, place, self.iterations.value) for place, own in enumerate(grads)], trainable_variables)

        return Rounding

    @staticmethod
    def in_order(values, cell):
        """A GRU's r, z, n as Keras' z, r, h or back; other cells' gates stand alike."""
        if cell != "gru":
            return values
        first, second, third = np.split(values, 3)
        return np.concatenate([second, first, third])

    def keras_weights(self, spec, weights):
        """In Keras' order and layout."""
        found = [weights["embedding.weight"]]
        for layer in range(spec["layers"]):
            part = {name: self.in_order(weights[f"rnn.{name}_l{layer}"], spec["cell"]) for name in ["weight_ih", "weight_hh", "bias_ih"]}
            bias = part["bias_ih"]
            if spec["bias_vectors"] == "two":
                bias = np.stack([bias, self.in_order(weights[f"rnn.bias_hh_l{layer}"], spec["cell"])])
            found += [part["weight_ih"].T, part["weight_hh"].T, bias]
        return found + [weights["head.weight"].T, weights["head.bias"]]

    def named_weights(self, spec, arrays):
        """As the harness names and lays them out."""
        arrays, found = iter(arrays), {}
        found["embedding.weight"] = next(arrays)
        for layer in range(spec["layers"]):
            kernel, recurrent, bias = next(arrays), next(arrays), next(arrays)
            found[f"rnn.weight_ih_l{layer}"] = self.in_order(kernel.T, spec["cell"])
            found[f"rnn.weight_hh_l{layer}"] = self.in_order(recurrent.T, spec["cell"])
            for name, vector in zip(["bias_ih", "bias_hh"], bias if bias.ndim == 2 else [bias]):
                found[f"rnn.{name}_l{layer}"] = self.in_order(vector, spec["cell"])
        found["head.weight"], found["head.bias"] = next(arrays).T, next(arrays)
        return found


if __name__ == "__main__":
    framework = {"libtorch": PyTorch, "tensorflow": Keras}[sys.argv[1]]()
    numbers = [int(number) for number in sys.argv[2:]]
    sys.exit(0 if compare(framework, *numbers, *[1][: 2 - len(numbers)]) else 1)
