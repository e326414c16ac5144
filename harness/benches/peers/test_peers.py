"""The peers at their prompt: what they answer, that they learn, and what they refuse. Skipped without the real frameworks."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYTHON = HERE.parents[2] / "backends/python/.venv/bin/python"
NO_ENVIRONMENT = None if PYTHON.exists() else "no environment of the real frameworks; run `just oracles`"

# Sixteen reviews of one to six words; a review is positive where word 2 stands in it.
WRITE = """
import numpy as np, sys
for split in ["train", "validation", "test"]:
    reviews = [[2 + i % 2] + [4 + (i * j) % 5 for j in range(i % 6)] for i in range(16)]
    np.save(f"{sys.argv[1]}/{split}-tokens.npy", np.array([t for r in reviews for t in r], dtype="int32"))
    np.save(f"{sys.argv[1]}/{split}-offsets.npy", np.cumsum([0] + [len(r) for r in reviews], dtype="int64"))
    np.save(f"{sys.argv[1]}/{split}-labels.npy", np.array([1 - i % 2 for i in range(16)], dtype="uint8"))
"""
SMALL = "--vocabulary 10 --length 5 --batch 4 --evaluation-batch 4 --embedding 8 --hidden 8 --threads 1".split()


def run(folder, script, arguments, asked=""):
    command = [PYTHON, HERE / script, "--data", folder, *SMALL, *arguments]
    return subprocess.run(command, input=asked, capture_output=True, text=True, timeout=300)


@unittest.skipIf(NO_ENVIRONMENT, NO_ENVIRONMENT)
class TestPeers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        subprocess.run([PYTHON, "-c", WRITE, cls.folder.name], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def answers(self, script, arguments, asked):
        ended = run(self.folder.name, script, ["--chunks", *arguments], asked)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        return [json.loads(line) for line in ended.stdout.splitlines()]

    def check_chunks(self, script, arguments, library):
        asked = "train 1\n" + "train 4\n" * 12 + "predict 8\ngo 1\ntrain 0\ntrain 5\ntrain 1\n"
        ready, first, *rest = self.answers(script, arguments, asked)
        self.assertIn(library, ready["ready"])
        losses = [first["loss"]] + [answer["loss"] for answer in rest[:12]]
        self.assertLess(losses[-1], losses[1], "chunks go on where the one before stopped")
        predicted, unknown, none, too_many, last = rest[12:]
        self.assertTrue(all(answer["seconds"] > 0 for answer in [first, *rest[:12], predicted, last]))
        self.assertIn("`go 1` is neither", unknown["error"])
        self.assertIn("`train 0` is neither", none["error"])
        self.assertEqual(too_many["error"], "20 examples were asked for and there are 16")

    def test_pytorch_works_in_chunks(self):
        self.check_chunks("pytorch_loop.py", ["--cell", "gru"], "torch")

    def test_tuned_pytorch_works_in_chunks(self):
        self.check_chunks("pytorch_loop.py", ["--cell", "gru", "--fused-adam", "--flush-denormal"], "torch")

    def test_keras_works_in_chunks(self):
        self.check_chunks("keras_fit.py", ["--cell", "rnn"], "keras")

    def test_compiled_keras_works_in_chunks(self):
        self.check_chunks("keras_fit.py", ["--cell", "gru", "--jit"], "keras")

    def test_both_are_scripts_of_their_own(self):
        for script in ["pytorch_loop.py", "keras_fit.py"]:
            ended = run(self.folder.name, script, ["--epochs", "2"])
            self.assertEqual(ended.returncode, 0, ended.stderr)
            for epoch, line in enumerate(ended.stdout.splitlines()[-3:-1], start=1):
                self.assertRegex(line, rf"^epoch {epoch}: loss \d\.\d{{4}}, validation loss \d\.\d{{4}}, accuracy \d\.\d{{4}}, \d+\.\d s$")
            self.assertRegex(ended.stdout.splitlines()[-1], r"^test loss \d\.\d{4}, accuracy \d\.\d{4}$")

    def test_a_device_that_is_not_there_is_told(self):
        for script, probe in [
            ("pytorch_loop.py", "import torch; print(torch.cuda.is_available())"),
            ("keras_fit.py", "import tensorflow as tf; print(bool(tf.config.list_physical_devices('GPU')))"),
        ]:
            there = subprocess.run([PYTHON, "-c", probe], capture_output=True, text=True).stdout.strip()
            if there == "True":
                continue
            ended = run(self.folder.name, script, ["--device", "cuda"])
            self.assertEqual(ended.returncode, 1)
            self.assertIn("there is no CUDA device", ended.stderr.splitlines()[-1])


if __name__ == "__main__":
    unittest.main()
