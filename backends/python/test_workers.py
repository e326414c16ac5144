"""Speaks the wire format to the two workers, with nothing but the standard library: what they refuse, and one step against numbers."""

import json
import math
import os
import shutil
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
RELEASE = Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent.parent / "target")) / "release"
NO_ENVIRONMENT = None if (HERE / ".venv/bin/python").exists() else "no environment of the real frameworks; run `just oracles`"


class Worker:
    """A worker's process and the pipes to it."""

    def __init__(self, program):
        self.process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.number = 0

    def send(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def ask(self, header, payload=b""):
        """The reply's header and payload."""
        encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
        self.send(struct.pack("<III", len(encoded), len(payload), self.number) + encoded + payload)
        *lengths, number = struct.unpack("<III", self.process.stdout.read(12))
        assert number == self.number, f"the reply is numbered {number}, the request {self.number}"
        self.number += 1
        header, payload = (self.process.stdout.read(length) for length in lengths)
        return json.loads(header)["reply"], payload

    def hello(self):
        return self.ask({"request": "hello", "protocol": 3})[0]["info"]

    def end(self):
        """Closes the pipes and gives the exit code."""
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(timeout=60)


def floats(values):
    return struct.pack(f"<{len(values)}f", *values)


def from_floats(payload):
    return list(struct.unpack(f"<{len(payload) // 4}f", payload))


def spec_of(cell, bias_vectors, adam, **changes):
    """A model of one word vector and one unit, small enough to compute by hand."""
    return {
        "cell": cell, "vocabulary_size": 3, "embedding_size": 1, "hidden_size": 1, "layers": 1,
        "bidirectional": False, "layer_norm": False, "bias_vectors": bias_vectors, "gru_form": "reset-after",
        "pooling": "last-step", "masking": False,
        "dropout": {"after_embedding": 0.0, "between_layers": 0.0, "after_last": 0.0, "seed": 1},
        "adam": {"beta1": 0.9, "beta2": 0.99, "epsilon": 0.01, "bias_correction": "float64", **adam},
        "clip": None, "weight_decay": {"rate": 0.0, "form": "decoupled"},
        "max_time": 5, "max_batch": 4, "threads": 1, "device": "cpu", "kernel": "stock", **changes,
    }  # fmt: skip


def shapes_of(spec):
    """Name and shape of each weight."""
    gates, directions = {"rnn": 1, "lstm": 4, "gru": 3}[spec["cell"]], 2 if spec["bidirectional"] else 1
    hidden, columns = spec["hidden_size"], spec["embedding_size"]
    shapes = [("embedding.weight", [spec["vocabulary_size"], columns])]
    for layer in range(spec["layers"]):
        for suffix in ["", "_reverse"][:directions]:
            shapes.append((f"rnn.weight_ih_l{layer}{suffix}", [gates * hidden, columns]))
            shapes.append((f"rnn.weight_hh_l{layer}{suffix}", [gates * hidden, hidden]))
            for bias in ["bias_ih", "bias_hh"][: 1 if spec["bias_vectors"] == "one" else 2]:
                shapes.append((f"rnn.{bias}_l{layer}{suffix}", [gates * hidden]))
        columns = hidden * directions
    return shapes + [("head.weight", [1, columns]), ("head.bias", [1])]


def build_request(spec, weights):
    """Header and payload of a build; `weights` gives a list of numbers by name."""
    tensors = [{"name": name, "shape": shape} for name, shape in shapes_of(spec)]
    payload = b"".join(floats(weights[tensor["name"]]) for tensor in tensors)
    return {"request": "build", "spec": spec, "tensors": tensors}, payload


def numbered(spec):
    """Weights that all differ, with numbers among them that a careless copy changes."""
    delicate, count, weights = [-0.0, 1e-40, -1e-45, 3.4e38], 0, {}
    for name, shape in shapes_of(spec):
        weights[name] = [delicate[i % 32] if i % 32 < 4 else i / 64 for i in range(count, count + math.prod(shape))]
        count += math.prod(shape)
    return weights


def batch(rows, request="train-batch", padding="end", labels=None, time=None):
    """Header and payload of a request with these rows of words."""
    time = time or max(map(len, rows))
    padded = [row + [0] * (time - len(row)) if padding == "end" else [0] * (time - len(row)) + row for row in rows]
    header = {"request": request, "batch": {"rows": len(rows), "time": time, "padding": padding}}
    words = [word for row in padded for word in row]
    payload = struct.pack(f"<{len(words) + len(rows)}i", *words, *map(len, rows))
    if request != "predict-batch":
        payload += bytes(labels or [row % 2 for row in range(len(rows))])
    if request == "train-batch":
        header["learning_rate"] = 0.1
    return header, payload


class TestLauncher(unittest.TestCase):
    def test_without_its_environment_a_worker_says_what_to_run(self):
        with tempfile.TemporaryDirectory() as empty:
            for name in ["study-backend-keras", "study-backend-pytorch"]:
                shutil.copy(HERE / name, empty)
                ended = subprocess.run([Path(empty) / name], capture_output=True, text=True)
                line = "the environment of the real frameworks is missing; run `just oracles`\n"
                self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (1, "", line))


class OfOneWorker:
    """What holds of either worker. A subclass names it, what its Adam does, and which bias vectors which cell has."""

    @classmethod
    def setUpClass(cls):
        cls.worker = Worker(HERE / f"study-backend-{cls.name}")
        cls.info = cls.worker.hello()

    @classmethod
    def tearDownClass(cls):
        assert cls.worker.end() == 0, "the worker didn't end well when its stdin ended"

    def build(self, spec, weights=None):
        reply, _ = self.worker.ask(*build_request(spec, weights or numbered(spec)))
        self.assertEqual(reply, {"kind": "done"})

    def refused(self, kind, mentions, header, payload=b""):
        reply, _ = self.worker.ask(header, payload)
        self.assertEqual((reply["kind"], reply.get("error")), ("error", kind), reply)
        self.assertIn(mentions, reply["message"])

    def test_it_says_the_defaults_that_the_backend_in_rust_states(self):
        program = RELEASE / f"study-backend-{self.in_rust}"
        if not program.exists():
            self.skipTest(f"{program.name} is not built; run `just build`")
        other = Worker(program)
        stated = other.hello()["native_defaults"]
        other.end()
        self.assertEqual(values_of(self.info["native_defaults"]), values_of(stated))

    def test_weights_come_back_byte_for_byte(self):
        for cell, bias_vectors in self.layouts:
            for bidirectional in [False, True]:
                spec = spec_of(
                    cell, bias_vectors, self.adam, layers=2, hidden_size=3, embedding_size=2, bidirectional=bidirectional
                )
                with self.subTest(cell=cell, bias_vectors=bias_vectors, bidirectional=bidirectional):
                    header, payload = build_request(spec, numbered(spec))
                    self.assertEqual(self.worker.ask(header, payload)[0], {"kind": "done"})
                    reply, found = self.worker.ask({"request": "weights"})
                    self.assertEqual((reply["tensors"], found), (header["tensors"], payload))

    def test_what_is_no_request_is_refused(self):
        for header in [b"{", b"\xff", b"[]", b'{"request":"fly"}', b'{"request":"weights","now":true}', b'{"request":"hello"}']:
            with self.subTest(header=header):
                self.refused("request", "can't be understood", header)
        header, payload = build_request(self.plain(), numbered(self.plain()))
        self.refused("request", "bytes", header, payload[:-4])
        header["spec"]["cells"] = header["spec"].pop("cell")
        self.refused("request", "cell", header, payload)

    def test_specs_that_make_no_sense_are_refused_by_field(self):
        for field, value, changes in [
            ("hidden_size", 0, {"hidden_size": 0}),
            ("vocabulary_size", 1 << 32, {"vocabulary_size": 1 << 32}),
            ("clip.norm", 0.0, {"clip": {"norm": 0.0, "stabiliser": 0.0, "form": "gradient"}}),
            ("weight_decay.rate", -1.0, {"weight_decay": {"rate": -1.0, "form": "coupled"}}),
        ]:
            with self.subTest(field=field, value=value):
                self.refused("spec", field, *self.request(**changes))

    def test_what_it_can_not_do_is_refused_by_setting(self):
        for setting, changes in [
            ("kernel = fused", {"kernel": "fused"}),
            ("layer_norm", {"layer_norm": True}),
            ("device = cuda:0", {"device": "cuda:0"}),
            *self.unsupported,
        ]:
            with self.subTest(setting=setting):
                self.refused("unsupported", setting, *self.request(**changes))

    def request(self, **changes):
        """A build with a changed spec and the weights of the plain one."""
        header, payload = build_request(self.plain(), numbered(self.plain()))
        header["spec"] = {**header["spec"], **changes}
        return header, payload

    def test_weights_that_do_not_fit_are_refused_by_name(self):
        def spoiled(change):
            header, payload = self.request()
            return change(header["tensors"], payload) or (header, payload)

        header, payload = self.request()
        without = {**header, "tensors": header["tensors"][:-1]}
        self.refused("weights", "`head.bias` is missing", without, payload[:-4])
        self.refused("weights", "`head.bias` is not finite at element 0", header, payload[:-4] + floats([math.nan]))
        more = {**header, "tensors": header["tensors"] + [{"name": "head.scale", "shape": [1]}]}
        self.refused("weights", "`head.scale` is not one", more, payload + floats([1.0]))
        twice = {**header, "tensors": header["tensors"] + [{"name": "head.bias", "shape": [1]}]}
        self.refused("weights", "`head.bias` is given twice", twice, payload + floats([1.0]))
        header["tensors"][0]["shape"].reverse()
        self.refused("weights", "`embedding.weight` has shape [1, 3]", header, payload)

    def test_bad_batches_are_refused_by_row_and_the_next_good_call_works(self):
        self.build(self.plain(), tame(self.plain()))
        good = batch([[1, 2], [2]], "predict-batch")
        before = self.worker.ask(*good)
        self.assertEqual(before[0], {"kind": "logits"})
        for mentions, bad in [
            ("empty", batch([], time=2)),
            ("row 1 has id 3 at step 0", batch([[1], [3]])),
            ("row 0 has id -1 at step 1", batch([[1, -1]])),
            ("row 0 has length 0", batch([[]], time=2)),
            ("row 1 has label 2", batch([[1], [1]], labels=[0, 2])),
            ("6 steps", batch([[1] * 6])),
            ("5 rows", batch([[1]] * 5)),
        ]:
            with self.subTest(mentions=mentions):
                self.refused("batch", mentions, *bad)
                self.assertEqual(self.worker.ask(*good), before)
        header, payload = batch([[1, 2]])
        self.refused("batch", "at step 1, which is padding", header, payload[:8] + struct.pack("<i", 1) + payload[12:])
        self.refused("batch", "learning rate -0.1", {**header, "learning_rate": -0.1}, payload)
        self.assertEqual(self.worker.ask(*good), before)

    def plain(self, **changes):
        return spec_of("rnn", self.bias_of_rnn, self.adam, **changes)

    def test_a_step_is_what_the_formulas_say(self):
        for clip in [None, {"norm": 0.05, "stabiliser": 0.0, "form": "gradient"}, {"norm": 0.05, "stabiliser": 1e-6, "form": "gradient"}]:
            with self.subTest(clip=clip):
                self.check_step(clip)

    def check_step(self, clip):
        """Two rows of the same word, labelled 1: `h = tanh(w x + b)`, logit `z = v h + c`, loss `ln(1 + e^-z)`."""
        spec = self.plain(clip=clip)
        weights = {name: [0.0] for name, _ in shapes_of(spec)}
        x, w, b, v, c = 0.5, 0.8, -0.1, 1.5, 0.2
        weights.update({
            "embedding.weight": [0.0, x, -1.0], "rnn.weight_ih_l0": [w], "rnn.bias_ih_l0": [b], "head.weight": [v], "head.bias": [c],
        })  # fmt: skip
        self.build(spec, weights)
        reply, payload = self.worker.ask(*batch([[1], [1]], labels=[1, 1]))
        loss, norm = struct.unpack("<dd", payload)
        h = math.tanh(w * x + b)
        z = v * h + c
        dz = -1 / (1 + math.exp(z))
        dh = dz * v * (1 - h * h)
        gradients = {"head.bias": dz, "head.weight": dz * h, "rnn.bias_ih_l0": dh, "rnn.weight_ih_l0": dh * x, "x": dh * w}
        if spec["bias_vectors"] == "two":
            gradients["rnn.bias_hh_l0"] = dh
        total = math.sqrt(sum(g * g for g in gradients.values()))
        self.assertAlmostEqual(loss, math.log(1 + math.exp(-z)), places=6)
        self.assertAlmostEqual(norm, total, places=6)
        self.assertEqual(reply, {"kind": "step", "clipped": clip is not None})
        factor = clip["norm"] / (total + clip["stabiliser"]) if clip else 1.0
        _, payload = self.worker.ask({"request": "weights"})
        after = dict(zip(["", "x", "", *(name for name, _ in shapes_of(spec)[1:])], from_floats(payload)))
        before = {"x": x, **{name: values[0] for name, values in weights.items()}}
        for name, g in gradients.items():
            # The word's gradient is the sum of two equal halves; squared one by one they are half of the square.
            halves = name == "x" and self.adam["repeated_words"] == "square-then-sum"
            moved = adam_step(g * factor, (g * factor) ** 2 / (2 if halves else 1), self.adam["epsilon_placement"])
            self.assertAlmostEqual(after[name], before[name] - moved, places=6, msg=name)

    def test_the_same_seed_gives_the_same_bytes(self):
        def trained(seed):
            dropout = {"after_embedding": 0.3, "between_layers": 0.3, "after_last": 0.3, "seed": seed}
            spec = self.plain(embedding_size=8, hidden_size=8, layers=2, dropout=dropout)
            self.build(spec, tame(spec))
            steps = [self.worker.ask(*batch([[1, 2, 1], [2]])) for _ in range(4)]
            return steps, self.worker.ask({"request": "weights"})

        first = trained(7)
        self.assertEqual(trained(7), first)
        self.assertNotEqual(trained(7 + (1 << 40)), first)

    def eventful(self):
        """A model with dropout at every place and clipping."""
        dropout = {"after_embedding": 0.3, "between_layers": 0.3, "after_last": 0.3, "seed": 7}
        clip = {"norm": 0.1, "stabiliser": 0.0, "form": "gradient"}
        return self.plain(embedding_size=8, hidden_size=8, layers=2, dropout=dropout, clip=clip)

    def test_five_steps_and_five_more_in_another_process_give_the_bytes_of_ten(self):
        spec = self.eventful()
        batches = [batch([[1, 2, 1], [2]]), batch([[2, 2], [1, 1, 2, 1], [1]], padding="front")] * 5
        self.build(spec, tame(spec))
        expected = [self.worker.ask(*it) for it in batches] + [self.worker.ask({"request": "weights"})]
        self.build(spec, tame(spec))
        found = [self.worker.ask(*it) for it in batches[:5]]
        reply, payload = self.worker.ask({"request": "state"})
        self.assertEqual(reply["state"]["steps"], 5)
        other = Worker(HERE / f"study-backend-{self.name}")
        try:
            other.hello()
            header = {"request": "resume", "spec": spec, "state": reply["state"]}
            self.assertEqual(other.ask(header, payload), ({"kind": "done"}, b""))
            self.assertEqual(other.ask({"request": "state"}), (reply, payload))
            found += [other.ask(*it) for it in batches[5:]] + [other.ask({"request": "weights"})]
        finally:
            other.end()
        self.assertEqual(found, expected)

    def test_a_state_before_the_first_step_goes_on_like_a_new_model(self):
        spec = self.eventful()
        self.build(spec, tame(spec))
        reply, payload = self.worker.ask({"request": "state"})
        steps = [self.worker.ask(*batch([[1, 2, 1], [2]])) for _ in range(2)]
        self.worker.ask({"request": "resume", "spec": spec, "state": reply["state"]}, payload)
        self.assertEqual([self.worker.ask(*batch([[1, 2, 1], [2]])) for _ in range(2)], steps)

    def test_the_norm_of_an_update_is_that_of_the_weights_difference(self):
        spec = self.eventful()
        self.build(spec, tame(spec))
        header, payload = batch([[1, 2, 1], [2]])
        _, report = self.worker.ask({**header, "update_norm": True}, payload)
        *plain, moved = struct.unpack("<ddd", report)
        before, after = (w for w in [flat(spec, tame(spec)), from_floats(self.worker.ask({"request": "weights"})[1])])
        self.assertAlmostEqual(moved, math.dist(before, after), places=6)
        self.build(spec, tame(spec))
        self.assertEqual(struct.unpack("<dd", self.worker.ask(header, payload)[1]), tuple(plain))

    def test_sizes_over_their_bounds_are_refused_before_anything_is_made(self):
        for field, changes in [
            ("layers", {"layers": 20_000_000}),
            ("hidden_size", {"hidden_size": 1 << 63}),
            ("threads", {"threads": (1 << 32) + 1}),
            ("tokens", {"max_time": 1 << 16, "max_batch": 1 << 16}),
            ("parameters", {"vocabulary_size": 1 << 20, "embedding_size": 1 << 10}),
        ]:
            with self.subTest(field=field):
                self.refused("spec", field, *self.request(**changes))
        header, payload = build_request(self.plain(), numbered(self.plain()))
        endless = {"name": "x", "shape": [(1 << 64) - 1, (1 << 64) - 1, 0]}
        self.refused("weights", "over the bound", {**header, "tensors": [*header["tensors"], endless]}, payload)

    def test_frames_and_versions(self):
        for doing, data, code in [
            ("a frame that is cut off", struct.pack("<III", 30, 0, 0) + b"{", 1),
            ("a header over the cap", struct.pack("<III", (1 << 20) + 1, 0, 0), 1),
            ("a payload over the cap", struct.pack("<III", 2, (3 << 30) + 1, 0), 1),
        ]:
            with self.subTest(doing=doing):
                worker = Worker(HERE / f"study-backend-{self.name}")
                worker.send(data)
                self.assertEqual(worker.end(), code)
        worker = Worker(HERE / f"study-backend-{self.name}")
        self.assertEqual(worker.ask({"request": "weights"})[0]["error"], "request")
        self.assertEqual(worker.ask({"request": "hello", "protocol": 1})[0], {"kind": "hello", "protocol": 3, "info": None})
        self.assertEqual(worker.process.wait(timeout=60), 0)
        worker.end()


def values_of(defaults):
    """Defaults without their sources."""
    if isinstance(defaults, dict):
        return values_of(defaults["value"]) if "source" in defaults else {k: values_of(v) for k, v in defaults.items()}
    return defaults


def flat(spec, weights):
    """All numbers of a model in the order of its tensors, as float32 holds them."""
    return from_floats(b"".join(floats(weights[name]) for name, _ in shapes_of(spec)))


def tame(spec):
    """Small weights that all differ."""
    return {name: [0.3 * math.sin(7 * i + len(name)) for i in range(math.prod(shape))] for name, shape in shapes_of(spec)}


def adam_step(gradient, square, placement, rate=0.1, beta1=0.9, beta2=0.99, epsilon=0.01):
    """How far Adam's first step moves a weight."""
    m, v = (1 - beta1) * gradient, (1 - beta2) * square
    if placement == "hat":
        return rate * math.sqrt(1 - beta2) / (1 - beta1) * m / (math.sqrt(v) + epsilon)
    return rate * (m / (1 - beta1)) / (math.sqrt(v / (1 - beta2)) + epsilon)


@unittest.skipIf(NO_ENVIRONMENT, NO_ENVIRONMENT)
class TestKeras(OfOneWorker, unittest.TestCase):
    name, in_rust, bias_of_rnn = "keras", "tensorflow", "one"
    adam = {"epsilon_placement": "hat", "repeated_words": "square-then-sum"}
    layouts = [("rnn", "one"), ("lstm", "one"), ("gru", "one"), ("gru", "two")]
    unsupported = [
        ("cell = rnn with bias_vectors = two", {"cell": "rnn", "bias_vectors": "two"}),
        ("cell = lstm with bias_vectors = two", {"cell": "lstm", "bias_vectors": "two"}),
        (
            "cell = gru with gru_form = reset-before with bias_vectors = two",
            {"cell": "gru", "gru_form": "reset-before", "bias_vectors": "two"},
        ),
        ("adam.epsilon_placement = after-correction", {"adam": {**spec_of("rnn", "one", adam)["adam"], "epsilon_placement": "after-correction"}}),
    ]  # fmt: skip

    def test_another_number_of_threads_is_refused(self):
        self.build(self.plain())
        self.refused("unsupported", "threads = 2", *self.request(threads=2))
        self.build(self.plain())

    def test_its_first_step_is_as_short_as_float32_makes_it_unless_exact_corrections_are_asked_for(self):
        adam = {**self.adam, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7}
        spec = spec_of("rnn", "one", adam)
        weights = {name: [0.0] * math.prod(shape) for name, shape in shapes_of(spec)}
        # A logit of 0 and a label of 1: the head's bias has gradient -1/2 and moves up from 0.
        first, second = 0.1 * 0.5, 0.001 * 0.25
        exact = 0.1 * math.sqrt(0.001) / 0.1 * first / (math.sqrt(second) + 1e-7)

        def shortfall(bias_correction):
            asked = {**spec, "adam": {**spec["adam"], "bias_correction": bias_correction}}
            self.assertEqual(self.worker.ask(*build_request(asked, weights))[0], {"kind": "done"})
            self.worker.ask(*batch([[1]], labels=[1]))
            _, payload = self.worker.ask({"request": "weights"})
            names = [name for name, shape in shapes_of(spec) for _ in range(math.prod(shape))]
            return 1 - dict(zip(names, from_floats(payload)))["head.bias"] / exact

        self.assertLess(abs(shortfall("float64")), 5e-7)
        # sqrt(1 - 0.999) with 0.999 as the nearest float32.
        self.assertAlmostEqual(shortfall("float32"), 6.4e-6, delta=5e-7)


@unittest.skipIf(NO_ENVIRONMENT, NO_ENVIRONMENT)
class TestPyTorch(OfOneWorker, unittest.TestCase):
    name, in_rust, bias_of_rnn = "pytorch", "libtorch", "two"
    adam = {"epsilon_placement": "after-correction", "repeated_words": "sum-then-square"}
    layouts = [(cell, bias_vectors) for cell in ["rnn", "lstm", "gru"] for bias_vectors in ["one", "two"]]
    unsupported = [
        ("gru_form = reset-before", {"cell": "gru", "gru_form": "reset-before"}),
        ("adam.epsilon_placement = hat", {"adam": {**spec_of("rnn", "one", adam)["adam"], "epsilon_placement": "hat"}}),
    ]


if __name__ == "__main__":
    unittest.main()
