"""Trainings that are drawn at random: the backends in Rust beside plain models of the real frameworks."""

import subprocess
import unittest

from golden import PYTHON
from test_workers import HERE, RELEASE

NO_ENVIRONMENT = None if PYTHON.exists() else "no environment of the real frameworks; run `just oracles`"
# The seeds that are drawn every time; `random_models.py` takes as many more as one likes.
TRAININGS = 10


@unittest.skipIf(NO_ENVIRONMENT, NO_ENVIRONMENT)
class TestRandomModels(unittest.TestCase):
    def compare(self, backend):
        if not (RELEASE / f"study-backend-{backend}").exists():
            self.skipTest("the backend in Rust is not built; run `just build`")
        script = [PYTHON, HERE / "random_models.py", backend, str(TRAININGS)]
        ended = subprocess.run(script, capture_output=True, text=True)
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr[-2000:])
        self.assertIn(f"{TRAININGS} of {TRAININGS} random trainings", ended.stdout)

    def test_libtorch_is_pytorch_to_float32_rounding(self):
        self.compare("libtorch")

    def test_tensorflow_is_keras_to_float32_rounding(self):
        self.compare("tensorflow")
