"""The wire under requests that were changed at random: whatever comes, the loop answers or ends, and takes no more memory than it may."""

import io
import json
import random
import struct
import subprocess
import unittest
from pathlib import Path

try:
    import numpy as np
except ImportError:
    np = None

HERE = Path(__file__).resolve().parent
PYTHON = HERE / ".venv/bin/python"
TRIES = 3000
# Beside what the process has when the test begins.
MEMORY = 1 << 30

DELICATE = [0, 1, -1, 65, 16385, 20_000_000, 1 << 31, (1 << 32) + 1, 1 << 63, (1 << 64) - 1, 1 << 64, 2.0, 1e308, None, "", [], {}, True]


@unittest.skipIf(np is not None or not PYTHON.exists(), "NumPy is here, or nowhere")
class TestElsewhere(unittest.TestCase):
    def test_the_wire_holds_in_the_environment_of_the_real_frameworks(self):
        ended = subprocess.run([PYTHON, "-m", "unittest", "test_wire"], cwd=HERE, capture_output=True, text=True)
        self.assertEqual(ended.returncode, 0, ended.stderr)


class Backend:
    """A backend that computes nothing."""

    def __init__(self, checks):
        self.checks = checks
        words = ["cells", "kernels", "bias_vectors", "gru_forms", "epsilon_placements", "repeated_words"]
        self.info = {
            "name": "nothing",
            "capabilities": {
                **dict.fromkeys(words, Anything()), "weight_decay_forms": Anything(), "clip_forms": Anything(),
                "bias_corrections": Anything(), "devices": Anything(),
                **dict.fromkeys(["bidirectional", "layer_norm", "masking", "dropout", "input_gradient_norms", "update_norm"], True),
                "state": "float32", "max_layers": None, "exclusions": [],
            },
        }  # fmt: skip

    def build(self, spec, weights):
        return Model(self.checks, weights)

    def resume(self, spec, state):
        return Model(self.checks, state.part("weights"))


class Anything(list):
    """A list that has everything."""

    def __contains__(self, value):
        return True


class Model:
    def __init__(self, checks, weights):
        self.checks, self.held = checks, weights

    def train(self, batch, learning_rate):
        return 0.5, float("nan"), False

    def predict(self, batch):
        return np.zeros(len(batch.lengths), np.float32)

    def weights(self):
        return self.held

    def state(self):
        zeros = {name: np.zeros_like(values) for name, values in self.held.items()}
        return self.checks.state_of(3, {"dropout": [3]}, self.held, zeros, zeros)

    def input_gradient_norms(self, batch):
        return np.zeros(batch.tokens.shape, np.float32)


@unittest.skipIf(np is None, "NumPy is missing; run `just oracles`")
class TestWire(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        import resource

        import checks
        import wire

        cls.wire, cls.checks = wire, checks
        status = Path("/proc/self/status").read_text().splitlines()
        used = next(int(line.split()[1]) << 10 for line in status if line.startswith("VmSize:"))
        cls.limit = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, cls.limit[1]))
        spec = {**json.loads((HERE.parent.parent / "harness/contract/tests/wire_spec.json").read_text())}
        weights = {name: np.full(shape, 0.5, np.float32) for name, shape in checks.parameters(spec).items()}
        state = Model(checks, weights).state()
        tensors = [{"name": name, "shape": list(values.shape)} for name, values in weights.items()]
        batch = {"rows": 2, "time": 3, "padding": "end"}
        ids = struct.pack("<8i", 1, 2, 3, 4, 5, 0, 3, 2)
        step = {"request": "train-batch", "batch": batch, "learning_rate": 0.01}
        cls.good = [
            ({"request": "hello", "protocol": wire.PROTOCOL_VERSION}, b""),
            ({"request": "build", "spec": spec, "tensors": tensors}, b"".join(map(wire.floats, weights.values()))),
            (step, ids + b"\0\1"),
            ({**step, "update_norm": True}, ids + b"\0\1"),
            ({"request": "predict-batch", "batch": batch}, ids),
            ({"request": "weights"}, b""),
            ({"request": "input-gradient-norms", "batch": batch}, ids + b"\0\1"),
            ({"request": "state"}, b""),
            (
                {"request": "resume", "spec": spec, "state": checks.state_header(state, "float32")},
                checks.state_payload(state, "float32"),
            ),
            ({"request": "predict-batch", "batch": batch}, ids),
        ]

    @classmethod
    def tearDownClass(cls):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, cls.limit)

    def test_a_good_conversation_is_answered_in_order(self):
        replies, ended = self.served(b"".join(framed(n, header, payload) for n, (header, payload) in enumerate(self.good)))
        self.assertTrue(ended)
        kinds = [reply["kind"] for _, reply, _ in replies]
        self.assertEqual(
            kinds,
            ["hello", "done", "step", "step", "logits", "weights", "gradient-norms", "state", "done", "logits"],
        )
        self.assertEqual([number for number, *_ in replies], list(range(10)))
        self.assertEqual([len(replies[at][2]) for at in (2, 3)], [16, 24])

    def test_whatever_comes_is_answered_or_ends_the_loop(self):
        refused = ends = 0
        for seed in range(TRIES):
            drawn = random.Random(seed)
            spoiled = drawn.randrange(1, len(self.good))
            frames = [
                self.spoiled(number, header, payload, drawn) if number == spoiled else framed(number, header, payload)
                for number, (header, payload) in enumerate(self.good)
            ]
            with self.subTest(seed=seed):
                replies, ended = self.served(b"".join(frames))
                self.assertGreaterEqual(len(replies), spoiled)
                refused += any(reply["kind"] == "error" for _, reply, _ in replies)
                ends += not ended
        self.assertGreater(refused, TRIES // 4)
        self.assertGreater(ends, TRIES // 20)

    def served(self, requests):
        """The replies, and whether the loop came to the end of its requests."""
        streams, backend = (io.BytesIO(requests), Kept()), Backend(self.checks)
        try:
            self.wire.serve(streams, lambda: backend)
            ended = True
        except SystemExit:
            ended = False
        written, replies = io.BytesIO(streams[1].getvalue()), []
        while (frame := self.wire.read_frame(written)) is not None:
            number, header, payload = frame
            replies.append((number, json.loads(header)["reply"], payload))
        return replies, ended

    def spoiled(self, number, header, payload, drawn):
        """A frame that was changed somewhere."""
        header, payload = json.loads(json.dumps(header)), bytearray(payload)
        match drawn.randrange(6):
            case 0 | 1 | 2:
                place, key = drawn.choice(list(places(header)))
                match drawn.randrange(3):
                    case 0 if isinstance(place, dict):
                        del place[key]
                    case 1 if isinstance(place, dict):
                        place["x" * drawn.choice([1, 5000])] = 1
                    case _:
                        place[key] = drawn.choice(DELICATE)
            case 3:
                del payload[drawn.randrange(len(payload) + 1) :]
            case 4:
                payload += bytes(drawn.randrange(1, 64))
            case _:
                for _ in range(8 if payload else 0):
                    payload[drawn.randrange(len(payload))] = drawn.randrange(256)
        data = bytearray(framed(number, header, bytes(payload)))
        match drawn.randrange(8):
            case 0:
                data[drawn.randrange(len(data))] ^= 1 << drawn.randrange(8)
            case 1:
                at = 4 * drawn.randrange(2)
                data[at : at + 4] = struct.pack("<I", drawn.choice([0, 1, 255, 1 << 20, (1 << 20) + 1, 1 << 30, 3 << 30, (1 << 32) - 1]))
            case 2:
                del data[drawn.randrange(len(data)) :]
        return bytes(data)


class Kept(io.BytesIO):
    """What was written stays readable."""

    def close(self):
        pass


def framed(number, header, payload):
    encoded = json.dumps(header).encode()
    return struct.pack("<III", len(encoded), len(payload), number) + encoded + payload


def places(value):
    """Every place in a header, as an object or list and a key of it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []
    for key, below in items:
        yield value, key
        yield from places(below)


if __name__ == "__main__":
    unittest.main()
