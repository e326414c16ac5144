#!/usr/bin/env python3
"""Fetches the native runtimes, libtorch and libtensorflow, into backends/runtimes.

The libraries come out of Python wheels that runtimes.txt and runtimes-cuda.txt pin by version and hash; pip downloads
them. Every runtime is unpacked under a temporary name and renamed when it is whole, and installed.json, which says what
is there, is written after that, so that the next run repairs what a killed one left. When all is there, nothing is
downloaded and nothing is written.
"""

import argparse
import contextlib
import fcntl
import fnmatch
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple

BACKENDS = Path(__file__).resolve().parent
LISTS = [BACKENDS / "runtimes.txt", BACKENDS / "runtimes-cuda.txt"]
FLAVOURS = {"cpu": ["libtorch", "tensorflow"], "cuda": ["libtorch", "tensorflow", "cuda"]}

# Goes up when what `add_linker_names` writes changes, so that folders made before that are made anew.
LAYOUT = 1

# Every tag under which a wheel may stand that runs with the oldest C library that is served.
OLDEST_GLIBC = (2, 28)
PLATFORMS = [
    *(f"--platform=manylinux_2_{minor}_x86_64" for minor in range(OLDEST_GLIBC[1], 4, -1)),
    *(f"--platform=manylinux{year}_x86_64" for year in (2014, 2010, 1)),
]
# The wheels are made for one CPython, but only their libraries are used, so any tag serves.
WHEEL_TAGS = ["--only-binary=:all:", "--implementation=cp", "--python-version=3.11", "--abi=cp311", *PLATFORMS]


class SetupError(Exception):
    """What stands in the way, and what to do about it; completes "setup failed: "."""


class Members(NamedTuple):
    """Members of a wheel, and the path they get: `prefix` at its front is replaced by `becomes`."""

    glob: str
    prefix: str = ""
    becomes: str = ""


class Pin(NamedTuple):
    """One entry of a list: the only file that may stand for this distribution."""

    name: str
    version: str
    sha256: str


# For each runtime: what is taken out of which wheels. The layout of `cuda` is that of site-packages, because the
# libraries in it look for one another by relative paths.
RUNTIMES: Dict[str, Dict[str, List[Members]]] = {
    "libtorch": {
        "torch": [
            Members("torch/include/*", "torch/"),
            Members("torch/lib/libtorch_cpu.so", "torch/"),
            Members("torch/lib/libc10.so", "torch/"),
            Members("torch/lib/libgomp.so.1", "torch/"),
        ],
        "nvidia-cuda-runtime": [Members("nvidia/cu13/lib/libcudart.so.13", "nvidia/cu13/")],
        "nvidia-cuda-cupti": [Members("nvidia/cu13/lib/libcupti.so.13", "nvidia/cu13/")],
    },
    "tensorflow": {
        "tensorflow-cpu": [
            Members("tensorflow/libtensorflow_cc.so.2", "tensorflow/", "lib/"),
            Members("tensorflow/libtensorflow_framework.so.2", "tensorflow/", "lib/"),
        ],
    },
    "cuda": {
        "torch": [
            Members("torch/lib/libtorch_cuda.so"),
            Members("torch/lib/libtorch_cuda_linalg.so"),
            Members("torch/lib/libtorch_nvshmem.so"),
            Members("torch/lib/libcaffe2_nvrtc.so"),
            Members("torch/lib/libc10_cuda.so"),
        ],
        **{
            f"nvidia-{part}": [Members("nvidia/*/lib/*.so*")]
            for part in (
                "cublas",
                "cuda-cupti",
                "cuda-nvrtc",
                "cuda-runtime",
                "cudnn-cu13",
                "cufft",
                "cufile",
                "curand",
                "cusolver",
                "cusparse",
                "cusparselt-cu13",
                "nccl-cu13",
                "nvjitlink",
                "nvshmem-cu13",
                "nvtx",
            )
        },
    },
}


def main(arguments: List[str]) -> int:
    """Runs the command line and gives its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("flavour", nargs="?", default="cpu", choices=sorted(FLAVOURS), help="default: %(default)s")
    parser.add_argument("--into", type=Path, default=BACKENDS / "runtimes", help="default: backends/runtimes")
    parser.add_argument("--list", type=Path, action="append", dest="lists", help="default: runtimes*.txt")
    options = parser.parse_args(arguments)
    try:
        check_tools()
        fetch(FLAVOURS[options.flavour], read_pins(options.lists or LISTS), options.into)
    except SetupError as error:
        tell(f"setup failed: {error}")
        return 1
    except (OSError, zipfile.BadZipFile) as error:
        tell(f"setup failed: {error}. Run it again: it goes on from what is there.")
        return 1
    return 0


def check_tools() -> None:
    """Names what a build needs and this machine lacks."""
    if not any(shutil.which(compiler) for compiler in (os.environ.get("CXX", "c++"), "c++", "g++", "clang++")):
        raise SetupError("no C++ compiler found, which the crate torch-sys needs. Install the Debian package g++.")
    if not shutil.which("npm"):
        tell(
            "note: npm is not installed; it is what fetches the review corpus first. "
            "Install the Debian package npm, or have a copy of the corpus at hand."
        )


def read_pins(lists: List[Path]) -> Dict[str, Pin]:
    """The pinned distributions of requirements files in which each has one version and one hash."""
    pins = {}
    for path in lists:
        text = re.sub(r"^#.*$|\\\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for line in filter(None, map(str.strip, text.splitlines())):
            match = re.fullmatch(r"([\w-]+)==([\w.]+)\s+--hash=sha256:([0-9a-f]{64})", line)
            if not match:
                raise SetupError(f'{path}: "{line}" is not of the form NAME==VERSION --hash=sha256:HASH.')
            pins[match[1]] = Pin(*match.groups())
    return pins


def fetch(runtimes: List[str], pins: Dict[str, Pin], into: Path) -> None:
    """Makes `runtimes` whole in the folder `into`, downloading only what is missing there."""
    with locked(into):
        missing = [name for name in runtimes if not is_whole(name, pins, into)]
        if missing:
            check_platform()
            partial = into / "partial"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            wheels = download({wheel for name in missing for wheel in RUNTIMES[name]}, pins, into)
            for name in missing:
                tell(f"unpacking {name} ...")
                install(name, wheels, pins, into)
            for leftover in (partial, into / "downloads"):
                shutil.rmtree(leftover)
    shown = {wheel: pins[wheel].version for name in runtimes for wheel in RUNTIMES[name] if not wheel.startswith("nvidia")}
    tell(f"runtimes ready in {into}: " + ", ".join(f"{wheel} {version}" for wheel, version in shown.items()))


def is_whole(runtime: str, pins: Dict[str, Pin], into: Path) -> bool:
    """Whether `runtime` is there, made from these pins, with each library as it was unpacked."""
    entry = read_installed(into).get(runtime)
    if not entry or entry["fingerprint"] != fingerprint(runtime, pins):
        return False
    # A record that is older than the hashes has sizes alone.
    hashes = entry.get("sha256", {})
    with contextlib.suppress(OSError):
        for path, size in entry["libraries"].items():
            library = into / runtime / path
            if library.stat().st_size != size or (path in hashes and sha256(library) != hashes[path]):
                tell(f"{library} is not as it was unpacked; making {runtime} anew")
                return False
        return True
    return False


def check_platform() -> None:
    """Refuses a platform that the pinned wheels are not made for."""
    found = f"{platform.system()} {platform.machine()}"
    if found != "Linux x86_64":
        raise SetupError(f"the pinned libraries are made for Linux x86_64, and this is {found}.")
    glibc = re.fullmatch(r"glibc (\d+)\.(\d+).*", os.confstr("CS_GNU_LIBC_VERSION") or "")
    if not glibc or (int(glibc[1]), int(glibc[2])) < OLDEST_GLIBC:
        raise SetupError("the pinned libraries need glibc 2.28 or newer (Debian 10 or newer).")


def download(names: set, pins: Dict[str, Pin], into: Path) -> Dict[str, Path]:
    """The wheels of the distributions `names`, from the folder of downloads or else through pip, by name."""
    folder = into / "downloads"
    folder.mkdir(exist_ok=True)
    absent = {name: pins[name] for name in sorted(names)}
    wheels = {}
    take_matching(folder, absent, wheels)
    if absent:
        if importlib.util.find_spec("pip") is None:
            raise SetupError("Python has no pip, which downloads the libraries. Install the Debian package python3-pip.")
        tell("downloading " + ", ".join(f"{pin.name} {pin.version}" for pin in absent.values()) + " ...")
        requirements = into / "partial" / "requirements.txt"
        requirements.write_text("".join(f"{p.name}=={p.version} --hash=sha256:{p.sha256}\n" for p in absent.values()))
        command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps", *WHEEL_TAGS]
        command += ["--require-hashes", f"--requirement={requirements}", f"--dest={folder}"]
        # pip would collect half a gigabyte in the folder for temporary files, which often is kept in memory.
        done = subprocess.run(command, stdout=sys.stderr, env={**os.environ, "TMPDIR": str(into / "partial")})
        if done.returncode != 0:
            raise SetupError("pip could not download the libraries (see above). Run setup again when the cause is gone.")
        take_matching(folder, absent, wheels)
    if absent:
        raise SetupError("the downloads lack " + ", ".join(absent) + ", although pip reported success.")
    return wheels


def take_matching(folder: Path, absent: Dict[str, Pin], wheels: Dict[str, Path]) -> None:
    """Moves from `absent` to `wheels` what lies whole in `folder`, and removes what lies there broken."""
    for path in folder.glob("*.whl"):
        name = path.name.split("-")[0].replace("_", "-")
        if name in absent:
            if sha256(path) == absent[name].sha256:
                wheels[name] = path
                del absent[name]
            else:
                tell(f"{path.name} is incomplete or of another version; downloading it again")
                path.unlink()


def install(runtime: str, wheels: Dict[str, Path], pins: Dict[str, Pin], into: Path) -> None:
    """Unpacks `runtime` and puts it in place of what stood there, in an order that survives being killed."""
    unpacked = into / "partial" / runtime
    for wheel, members in RUNTIMES[runtime].items():
        with zipfile.ZipFile(wheels[wheel]) as archive:
            unpack(archive, members, unpacked)
    add_linker_names(runtime, pins, unpacked)

    installed = read_installed(into)
    if installed.pop(runtime, None):
        write_installed(installed, into)
    if (into / runtime).exists():
        os.replace(into / runtime, into / "partial" / f"former-{runtime}")
    os.replace(unpacked, into / runtime)
    libraries = [path for path in sorted((into / runtime).rglob("*.so*")) if not path.is_symlink()]
    sizes = {str(path.relative_to(into / runtime)): path.stat().st_size for path in libraries}
    hashes = {path: sha256(into / runtime / path) for path in sizes}
    installed[runtime] = {"fingerprint": fingerprint(runtime, pins), "libraries": sizes, "sha256": hashes}
    write_installed(installed, into)


def unpack(archive: zipfile.ZipFile, members: List[Members], into: Path) -> None:
    """Writes the members that are asked for; a pattern that matches nothing means that the wheel has changed."""
    names = [name for name in archive.namelist() if not name.endswith("/")]
    for wanted in members:
        matching = fnmatch.filter(names, wanted.glob)
        if not matching:
            raise SetupError(f"{Path(archive.filename).name} holds no {wanted.glob}: fetch_runtimes.py does not know it.")
        for name in matching:
            target = into / (wanted.becomes + name[len(wanted.prefix) :])
            # A name may lead anywhere, and the folder of a wheel is no place to leave.
            if into.resolve() not in target.resolve().parents:
                raise SetupError(f"{Path(archive.filename).name} holds {name!r}, which lies outside its folder.")
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as source, open(target, "wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)


def add_linker_names(runtime: str, pins: Dict[str, Pin], folder: Path) -> None:
    """Adds the names under which the crates link the libraries."""
    if runtime == "libtorch":
        # The wheel's own libtorch.so only joins the CPU and CUDA halves; this one does with the CPU half.
        (folder / "lib" / "libtorch.so").write_text("INPUT(libtorch_cpu.so)\n")
        # torch-sys compares this with the version it was made for.
        (folder / "build-version").write_text(pins["torch"].version + "\n")
    if runtime == "tensorflow":
        # libtensorflow_cc exports the whole C API too.
        (folder / "lib" / "libtensorflow.so").symlink_to("libtensorflow_cc.so.2")
        (folder / "lib" / "libtensorflow_framework.so").symlink_to("libtensorflow_framework.so.2")


def fingerprint(runtime: str, pins: Dict[str, Pin]) -> str:
    """Changes with everything that decides what the folder of `runtime` holds."""
    recipe = [LAYOUT, [(pins[wheel], members) for wheel, members in RUNTIMES[runtime].items()]]
    return hashlib.sha256(json.dumps(recipe).encode()).hexdigest()


def read_installed(into: Path) -> dict:
    """The record of what is there; empty where there is none that can be read."""
    with contextlib.suppress(OSError, ValueError):
        return json.loads((into / "installed.json").read_text())
    return {}


def write_installed(installed: dict, into: Path) -> None:
    """Replaces the record in one step. The build scripts of the backends run again when it changes."""
    written = into / "partial" / "installed.json"
    written.write_text(json.dumps(installed, indent=2) + "\n")
    os.replace(written, into / "installed.json")


@contextlib.contextmanager
def locked(into: Path) -> Iterator[None]:
    """Keeps a second set-up waiting until this one is done."""
    into.mkdir(parents=True, exist_ok=True)
    with open(into / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("waiting for another set-up of this folder ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def tell(message: str) -> None:
    """Writes a line for the person at the terminal."""
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
