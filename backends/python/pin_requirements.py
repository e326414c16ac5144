#!/usr/bin/env python3
"""Pins what requirements.in asks for, and all it depends on, by version and hash: writes requirements.txt.

Run it after changing requirements.in. Only metadata is downloaded. The versions are those that pip finds for the oldest
Python; the hashes are those of the wheels of every Python that the oracles may run on.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

from fetch_runtimes import PLATFORMS  # noqa: E402  (lies one folder up)

PYTHONS = ["3.11", "3.12", "3.13"]

# Declared by torch, but neither loaded by `import torch` nor used on a CPU.
OF_TORCH = {"cuda-bindings", "cuda-pathfinder", "cuda-toolkit", "nvidia-cusolver", "nvidia-nvtx", "triton"}
# Declared by tokenizers for downloading from a hub, and loaded only then.
OF_TOKENIZERS = {"huggingface-hub", "anyio", "click", "h11", "hf-xet", "httpcore2", "httpx2", "pyyaml", "tqdm", "truststore"}
LEFT_OUT = OF_TORCH | OF_TOKENIZERS

HEAD = f"""\
# The Python environment of `just oracles`: requirements.in with all it depends on, for Python {", ".join(PYTHONS)}.
# Written by pin_requirements.py; install with `pip install --no-deps --require-hashes`.
#
# The Linux wheel of torch is a CUDA build that does not load without the CUDA libraries it was linked to, on any
# machine; that is why they are here. Left out of what it declares:
#   {", ".join(sorted(OF_TORCH))};
# and of what tokenizers declares:
#   {", ".join(sorted(OF_TOKENIZERS))}.
"""


def main() -> None:
    """Resolves for every Python and writes the file."""
    pins = {}
    for python in PYTHONS:
        for name, version, sha256 in resolve(python, {name: version for name, (version, _) in pins.items()}):
            if name not in LEFT_OUT:
                pins.setdefault(name, (version, set()))[1].add(sha256)
    lines = [
        f"{name}=={version}" + "".join(f" \\\n    --hash=sha256:{sha256}" for sha256 in sorted(hashes)) + "\n"
        for name, (version, hashes) in sorted(pins.items())
    ]
    (FOLDER / "requirements.txt").write_text(HEAD + "".join(lines))


def resolve(python: str, versions: dict) -> list:
    """Name, version and SHA-256 of each wheel that pip would install for this Python, within given versions."""
    with tempfile.TemporaryDirectory() as folder:
        constraints, report = Path(folder, "constraints.txt"), Path(folder, "report.json")
        constraints.write_text("".join(f"{name}=={version}\n" for name, version in versions.items()))
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        command += ["--disable-pip-version-check", "--only-binary=:all:", f"--python-version={python}", *PLATFORMS]
        command += [f"--target={folder}", f"--report={report}", f"--constraint={constraints}"]
        subprocess.run([*command, f"--requirement={FOLDER / 'requirements.in'}"], check=True)
        found = json.loads(report.read_text())["install"]
    return [
        (
            wheel["metadata"]["name"].lower().replace("_", "-"),
            wheel["metadata"]["version"],
            wheel["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for wheel in found
    ]


if __name__ == "__main__":
    main()
