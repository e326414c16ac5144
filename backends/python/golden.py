#!/usr/bin/env python3
"""Makes the golden files anew that come from the real frameworks and from scikit-learn: `just golden`, or `golden.py NAME ...` for some.

Each script prints its file. `test_golden.py` runs them too and compares.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PYTHON = HERE / ".venv/bin/python"

# Each golden file with the script that prints it.
SCRIPTS = {
    HERE / "golden/keras_defaults.json": HERE / "keras_defaults.py",
    HERE / "golden/pytorch_defaults.json": HERE / "pytorch_defaults.py",
    HERE / "golden/keras_fresh.json": HERE / "keras_fresh.py",
    HERE / "golden/couplings.json": HERE / "couplings.py",
    HERE / "golden/extremes.json": HERE / "extremes.py",
    HERE / "golden/pytorch_fresh.json": HERE / "pytorch_fresh.py",
    ROOT / "backends/libtorch/tests/golden/pytorch.json": ROOT / "backends/libtorch/tests/golden/pytorch.py",
    ROOT / "backends/tensorflow/tests/golden/keras_training.json": ROOT / "backends/tensorflow/tests/golden/keras_training.py",
    ROOT / "harness/statistics/tests/golden/scipy/scipy.json": ROOT / "harness/statistics/tests/golden/scipy/make_cases.py",
    ROOT / "harness/tests/golden/schedule/cases.json": ROOT / "harness/tests/golden/schedule/make_cases.py",
    ROOT / "harness/statistics/tests/golden/spectrum/cases.json": ROOT / "harness/statistics/tests/golden/spectrum/make_cases.py",
    ROOT / "harness/statistics/tests/golden/metrics/cases.json": ROOT / "harness/statistics/tests/golden/metrics/make_cases.py",
}


def made(script):
    """What a script prints."""
    ended = subprocess.run([PYTHON, script], capture_output=True, text=True)
    if ended.returncode != 0:
        raise RuntimeError(f"{script.name} ended with {ended.returncode}: {ended.stderr.strip()[-2000:]}")
    return ended.stdout


def main(names):
    if not PYTHON.exists():
        sys.exit("the environment of the real frameworks is missing; run `just oracles`")
    known = {path.name for path in SCRIPTS}
    if unknown := set(names) - known:
        sys.exit(f"no golden file is named {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    for path, script in SCRIPTS.items():
        if not names or path.name in names:
            print(path.relative_to(ROOT), file=sys.stderr)
            path.write_text(made(script))


if __name__ == "__main__":
    main(sys.argv[1:])
