"""The two workers take the steps that the frameworks took by themselves: the golden files of `backends/tensorflow` and `backends/libtorch`, and the norms that are
no finite number, over the wire."""

import json
import math
import struct
import unittest

from test_workers import HERE, NO_ENVIRONMENT, Worker, batch, build_request, from_floats, shapes_of

BACKENDS = HERE.parent
# Sizes of tensorflow/tests/golden/keras_training.py.
VOCABULARY, EMBEDDING, HIDDEN, LAYERS, TIME, BATCH, STEPS, RATE = 20, 5, 6, 2, 9, 4, 20, 0.01


def spec_of(cell, adam, **changes):
    return {
        "cell": cell, "bidirectional": False, "layer_norm": False, "gru_form": "reset-after", "pooling": "last-step", "masking": False,
        "dropout": {"after_embedding": 0.0, "between_layers": 0.0, "after_last": 0.0, "seed": 0}, "adam": adam, "clip": None,
        "weight_decay": {"rate": 0.0, "form": "coupled"}, "threads": 1, "device": "cpu", "kernel": "stock", **changes,
    }  # fmt: skip


KERAS = {
    "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7, "epsilon_placement": "hat", "repeated_words": "square-then-sum", "bias_correction": "float32",
}  # fmt: skip
PYTORCH = {
    "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "epsilon_placement": "after-correction", "repeated_words": "sum-then-square",
    "bias_correction": "float64",
}  # fmt: skip


class OfOneWorker:
    """What both share. A subclass names its worker."""

    @classmethod
    def setUpClass(cls):
        cls.worker = Worker(HERE / f"study-backend-{cls.name}")
        cls.worker.hello()

    @classmethod
    def tearDownClass(cls):
        cls.worker.end()

    def build(self, spec, weights):
        reply, _ = self.worker.ask(*build_request(spec, weights))
        self.assertEqual(reply, {"kind": "done"})

    def train(self, rows, labels, padding, time, rate):
        """The reply, loss and norm of a step."""
        header, payload = batch(rows, padding=padding, labels=labels, time=time)
        reply, payload = self.worker.ask({**header, "learning_rate": rate}, payload)
        self.assertEqual(reply["kind"], "step", reply)
        return reply, *struct.unpack("<dd", payload)

    def weights(self, spec):
        """The weights by name."""
        reply, payload = self.worker.ask({"request": "weights"})
        values, found = from_floats(payload), {}
        for tensor in reply["tensors"]:
            size = math.prod(tensor["shape"])
            found[tensor["name"]], values = values[:size], values[size:]
        self.assertEqual(found.keys(), dict(shapes_of(spec)).keys())
        return found

    def close(self, found, expected, tolerance, what):
        self.assertEqual(len(found), len(expected), what)
        for at, (one, other) in enumerate(zip(found, expected)):
            self.assertLessEqual(abs(one - other), tolerance * max(1.0, abs(other)), f"{what}[{at}]")

    def follow_extremes(self, adam):
        golden = json.loads((HERE / "golden/extremes.json").read_text())
        runs = [run for run in golden["runs"] if run["framework"] == self.name]
        self.assertTrue(runs)
        for run in runs:
            with self.subTest(cell=run["cell"], case=run["case"], form=run["form"]):
                one = self.name == "keras" and run["cell"] != "gru"
                clip = {"norm": 1.0, "stabiliser": 0.0 if self.name == "keras" else 1e-6, "form": run["form"]}
                sizes = {"vocabulary_size": 20, "embedding_size": 2, "hidden_size": 2, "layers": 1, "max_time": 3, "max_batch": 2}
                spec = spec_of(run["cell"], adam, bias_vectors="one" if one else "two", clip=clip, **sizes)
                spec["weight_decay"]["form"] = "decoupled"
                size, steps = {"norm": (1e10, 1), "entry": (1e30, 1), "nothing": (1e30, 2)}[run["case"]]
                large = ["rnn.weight_ih_l0", "head.weight"]
                before = {name: [size if name in large else 0.0] * math.prod(shape) for name, shape in shapes_of(spec)}
                self.build(spec, before)
                for _ in range(steps):
                    reply, _, norm = self.train([[3, 3, 4], [5, 3, 5]], [1, 1], "end", 3, 0.01)
                    self.assertTrue(reply["clipped"] and not math.isfinite(norm), (reply, norm))
                after = self.weights(spec)
                for name, moved in run["moved"].items():
                    for at, expected in enumerate(moved):
                        found = after[name][at] - struct.unpack("<f", struct.pack("<f", before[name][at]))[0]
                        right = math.isnan(found) if expected is None else abs(found - expected) <= 1e-6
                        self.assertTrue(right, f"{name}[{at}] moved by {found}, in the framework by {expected}")


def noise(stream, count):
    """`noise` of the script."""
    numbers = []
    for index in range(count):
        x = (index + stream * 1_000_003) * 2_654_435_761 & 0xFFFFFFFF
        x ^= x >> 16
        x = x * 2_246_822_519 & 0xFFFFFFFF
        x ^= x >> 13
        numbers.append((x >> 8) / 2**24)
    return numbers


def keras_shapes(spec):
    """Rows and columns of Keras' tensors, in the order of `get_weights`."""
    columns = {"rnn": 1, "lstm": 4, "gru": 3}[spec["cell"]] * HIDDEN
    biases = 2 if spec["bias_vectors"] == "two" else 1
    layers = [[(EMBEDDING if layer == 0 else HIDDEN, columns), (HIDDEN, columns), (biases, columns)] for layer in range(LAYERS)]
    return [(VOCABULARY, EMBEDDING), *sum(layers, []), (HIDDEN, 1), (1, 1)]


def canonical(spec, tensors):
    """Keras' tensors by the harness' names: kernels transposed, gates z, r, h of a GRU as r, z, n."""
    columns = keras_shapes(spec)[1][1]
    gates = [1, 0, 2] if spec["cell"] == "gru" else range(columns // HIDDEN)
    order = [gate * HIDDEN + unit for gate in gates for unit in range(HIDDEN)]

    def transposed(kernel):
        return [kernel[start + column] for column in order for start in range(0, len(kernel), columns)]

    found = {"embedding.weight": tensors[0], "head.weight": tensors[-2], "head.bias": tensors[-1]}
    for layer in range(LAYERS):
        kernel, recurrent, bias = tensors[1 + 3 * layer : 4 + 3 * layer]
        found[f"rnn.weight_ih_l{layer}"] = transposed(kernel)
        found[f"rnn.weight_hh_l{layer}"] = transposed(recurrent)
        for at, name in enumerate(["bias_ih", "bias_hh"][: len(bias) // columns]):
            found[f"rnn.{name}_l{layer}"] = transposed(bias[at * columns : (at + 1) * columns])
    return found


@unittest.skipIf(NO_ENVIRONMENT, NO_ENVIRONMENT)
class TestKeras(OfOneWorker, unittest.TestCase):
    name = "keras"

    def test_it_trains_as_compile_and_train_on_batch_do(self):
        golden = json.loads((BACKENDS / "tensorflow/tests/golden/keras_training.json").read_text())
        for run in golden["runs"]:
            with self.subTest(cell=run["cell"], masking=run["masking"], padding=run["padding"], clip=run["clip"]):
                self.follow(run)

    def follow(self, run):
        clip = run["clip"] and {"norm": run["clip"]["norm"], "stabiliser": 0.0, "form": run["clip"]["form"]}
        sizes = {"vocabulary_size": VOCABULARY, "embedding_size": EMBEDDING, "hidden_size": HIDDEN, "layers": LAYERS}
        spec = spec_of(
            run["cell"],
            KERAS,
            bias_vectors="two" if run["cell"] == "gru" else "one",
            masking=run["masking"],
            clip=clip,
            weight_decay={"rate": run["weight_decay"], "form": "decoupled"},
            max_time=TIME,
            max_batch=BATCH,
            **sizes,
        )
        self.build(spec, canonical(spec, [[(value - 0.5) * 1.5 for value in noise(at, r * c)] for at, (r, c) in enumerate(keras_shapes(spec))]))
        losses, clipped = [], 0
        for step in range(STEPS):
            tokens = [1 + math.floor(value**2 * (VOCABULARY - 1)) for value in noise(1000 + step, BATCH * TIME)]
            rows = [tokens[row * TIME : (row + 1) * TIME] for row in range(BATCH)]
            if run["padding"] != "none":
                rows = [row[at:] if run["padding"] == "front" else row[: TIME - at] for at, row in enumerate(rows)]
            labels = [int(value < 0.5) for value in noise(2000 + step, BATCH)]
            padding = "front" if run["padding"] == "front" else "end"
            reply, loss, _ = self.train(rows, labels, padding, TIME, RATE)
            losses.append(loss)
            clipped += reply["clipped"]
        self.close(losses, run["losses"], 5e-6, "losses")
        self.assertIn(clipped, {"always": [STEPS], "seldom": range(1, STEPS // 2 + 1)}.get((run["clip"] or {}).get("acts"), [0]))
        after = self.weights(spec)
        for name, expected in canonical(spec, run["weights_after"]).items():
            self.close(after[name], expected, 3e-5, name)

    def test_a_norm_that_is_no_finite_number_does_what_it_does_in_keras(self):
        self.follow_extremes(KERAS)

    def test_a_norm_that_is_not_a_number_leaves_no_weight_where_the_gradient_is_clipped_as_a_whole(self):
        for cell in ["rnn", "gru"]:
            clip = {"norm": 1.0, "stabiliser": 1e-6, "form": "gradient"}
            sizes = {"vocabulary_size": 20, "embedding_size": 2, "hidden_size": 2, "layers": 1, "max_time": 3, "max_batch": 2}
            spec = spec_of(cell, KERAS, bias_vectors="two" if cell == "gru" else "one", clip=clip, **sizes)
            large = ["rnn.weight_ih_l0", "head.weight"]
            self.build(spec, {name: [1e30 if name in large else 0.0] * math.prod(shape) for name, shape in shapes_of(spec)})
            norms = [self.train([[3, 3, 4], [5, 3, 5]], [1, 1], "end", 3, 0.01)[2] for _ in range(2)]
            self.assertTrue(math.isinf(norms[0]) and math.isnan(norms[1]), norms)
            for name, values in self.weights(spec).items():
                self.assertTrue(all(math.isnan(value) for value in values), name)


@unittest.skipIf(NO_ENVIRONMENT, NO_ENVIRONMENT)
class TestPyTorch(OfOneWorker, unittest.TestCase):
    name = "pytorch"

    def test_it_trains_as_a_plain_loop_does(self):
        golden = json.loads((BACKENDS / "libtorch/tests/golden/pytorch.json").read_text())
        self.assertEqual(len(golden["cases"]), 9)
        for case in golden["cases"]:
            with self.subTest(cell=case["cell"], case=case["case"]):
                self.follow(case)

    def follow(self, case):
        initial = {name: weight["data"] for name, weight in case["initial"].items()}
        vocabulary, embedding = case["initial"]["embedding.weight"]["shape"]
        spec = spec_of(
            case["cell"],
            PYTORCH,
            bias_vectors="two",
            masking=case["masking"],
            clip=case["clip"] and {"norm": case["clip"], "stabiliser": 1e-6, "form": "gradient"},
            weight_decay={"rate": case["weight_decay"], "form": "decoupled" if case["decoupled"] else "coupled"},
            vocabulary_size=vocabulary,
            embedding_size=embedding,
            hidden_size=case["initial"]["rnn.weight_hh_l0"]["shape"][1],
            layers=2,
            max_time=9,
            max_batch=6,
        )
        self.build(spec, initial)
        for at, step in enumerate(case["steps"]):
            one = case["batches"][at % len(case["batches"])]
            time = len(one["tokens"]) // len(one["lengths"])
            rows = [one["tokens"][row * time :][:length] for row, length in enumerate(one["lengths"])]
            reply, loss, norm = self.train(rows, one["labels"], "end", time, step["learning_rate"])
            self.close([loss, norm], [step["loss"], step["gradient_norm"]], 5e-6, f"loss and norm of step {at}")
            self.assertEqual(reply["clipped"], bool(case["clip"] and step["gradient_norm"] > case["clip"]))
        after = self.weights(spec)
        for name, expected in case["weights"].items():
            self.close(after[name], expected["data"], 2e-5, name)

    def test_a_norm_that_is_no_finite_number_does_what_it_does_in_pytorch(self):
        self.follow_extremes(PYTORCH)


if __name__ == "__main__":
    unittest.main()
