"""Holds the set-up of the native runtimes to what it promises, with small wheels of the real names and layout.

Run with `python3 -m unittest discover --start-directory backends`. Needs pip, takes no network.
"""

import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
import zipfile
from pathlib import Path

import fetch_runtimes

SCRIPT = Path(fetch_runtimes.__file__)
WHEELS = {
    "torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl": [
        "torch/include/torch/torch.h",
        "torch/include/c10/core/Device.h",
        "torch/lib/libtorch_cpu.so",
        "torch/lib/libc10.so",
        "torch/lib/libgomp.so.1",
        "torch/lib/libtorch_python.so",
    ],
    "tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl": [
        "tensorflow/libtensorflow_cc.so.2",
        "tensorflow/libtensorflow_framework.so.2",
        "tensorflow/python/_pywrap_tfe.so",
    ],
    "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl": [
        "nvidia/cu13/lib/libcudart.so.13"
    ],
    "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl": ["nvidia/cu13/lib/libcupti.so.13"],
}
LAID_OUT = [
    "libtorch/build-version",
    "libtorch/include/c10/core/Device.h",
    "libtorch/include/torch/torch.h",
    "libtorch/lib/libc10.so",
    "libtorch/lib/libcudart.so.13",
    "libtorch/lib/libcupti.so.13",
    "libtorch/lib/libgomp.so.1",
    "libtorch/lib/libtorch.so",
    "libtorch/lib/libtorch_cpu.so",
    "tensorflow/lib/libtensorflow.so",
    "tensorflow/lib/libtensorflow_cc.so.2",
    "tensorflow/lib/libtensorflow_framework.so",
    "tensorflow/lib/libtensorflow_framework.so.2",
]


def make_wheel(path, members):
    """Writes a wheel that pip accepts, each member filled with its own name; gives its line in a list."""
    name, version = path.name.split("-")[:2]
    with zipfile.ZipFile(path, "w") as wheel:
        for member in members:
            wheel.writestr(member, member * 1000)
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        wheel.writestr(f"{name}-{version}.dist-info/METADATA", metadata)
        wheel.writestr(f"{name}-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: false\n")
        wheel.writestr(f"{name}-{version}.dist-info/RECORD", "")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{name.replace('_', '-')}=={version} \\\n    --hash=sha256:{digest}\n"


class SetUp(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.into = self.folder / "runtimes"
        self.index = self.folder / "index"
        self.index.mkdir()
        self.list = self.folder / "list.txt"
        self.list.write_text("# A comment.\n" + "".join(make_wheel(self.index / w, m) for w, m in WHEELS.items()))

    def run_setup(self, command=(str(SCRIPT),), **environment):
        """Runs the set-up in a process of its own, with the small wheels as the only place pip looks in."""
        return subprocess.run(
            [sys.executable, *command, "--into", str(self.into), "--list", str(self.list)],
            env={**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.index), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )

    def run_killed_after(self, steps, function):
        """Runs the set-up and kills it, as `kill -9` does, at the given call of a function of a module it uses."""
        program = (
            "import os, shutil, signal, sys; sys.path.insert(0, sys.argv.pop(1)); import fetch_runtimes\n"
            f"called, original = 0, {function}\n"
            "def dying(*arguments, **named):\n"
            "    global called; called += 1\n"
            f"    if called == {steps}: os.kill(os.getpid(), signal.SIGKILL)\n"
            "    return original(*arguments, **named)\n"
            f"{function} = dying\n"
            "sys.exit(fetch_runtimes.main(sys.argv[1:]))\n"
        )
        return self.run_setup(("-c", program, str(SCRIPT.parent)))

    def have_downloads(self):
        """Puts the wheels where a set-up that was killed after its downloads leaves them, with nothing unpacked."""
        shutil.rmtree(self.into, ignore_errors=True)
        shutil.copytree(self.index, self.into / "downloads")
        return self.into / "downloads"

    def found(self):
        """The files and links of the runtimes, without the record and the lock."""
        files = (path.relative_to(self.into) for path in self.into.rglob("*") if not path.is_dir())
        return sorted(str(path) for path in files if len(path.parts) > 1)

    def assert_complete(self, run):
        self.assertEqual(run.returncode, 0, run.stdout)
        self.assertEqual(self.found(), LAID_OUT)
        whole = "tensorflow/libtensorflow_cc.so.2" * 1000
        self.assertEqual((self.into / "tensorflow/lib/libtensorflow.so").read_text(), whole)
        self.assertEqual((self.into / "libtorch/lib/libtorch.so").read_text(), "INPUT(libtorch_cpu.so)\n")
        self.assertEqual((self.into / "libtorch/build-version").read_text(), "2.13.0\n")

    def test_lays_out_what_the_crates_look_for_and_leaves_no_download_behind(self):
        self.assert_complete(self.run_setup())

    def test_a_second_run_needs_no_pip_and_no_download_and_writes_nothing(self):
        self.have_downloads()
        self.run_setup()
        shutil.rmtree(self.index)
        before = (self.into / "installed.json").stat().st_mtime_ns
        run = self.run_setup()
        self.assert_complete(run)
        self.assertNotIn("downloading", run.stdout)
        self.assertEqual((self.into / "installed.json").stat().st_mtime_ns, before)

    def test_a_truncated_wheel_among_the_downloads_is_fetched_again(self):
        torch = self.have_downloads() / next(iter(WHEELS))
        torch.write_bytes(torch.read_bytes()[:500])
        run = self.run_setup()
        self.assert_complete(run)
        self.assertIn(f"{torch.name} is incomplete", run.stdout)
        self.assertIn("downloading torch 2.13.0 ...", run.stdout)

    def test_a_wheel_with_another_hash_is_refused_and_leaves_the_runtimes_as_they_were(self):
        self.have_downloads()
        self.run_setup()
        make_wheel(self.index / next(iter(WHEELS)), ["torch/lib/libtorch_cpu.so"])
        (self.into / "libtorch/lib/libc10.so").write_text("cut")
        run = self.run_setup()
        self.assertEqual(run.returncode, 1)
        self.assertIn("setup failed: pip could not download", run.stdout)
        self.assertEqual([path for path in self.found() if not path.startswith("partial")], LAID_OUT)

    def test_being_killed_anywhere_is_repaired_by_the_next_run(self):
        for function, steps in [("shutil.copyfileobj", s) for s in (1, 4, 8)] + [("os.replace", s) for s in (1, 2, 3)]:
            with self.subTest(function=function, steps=steps):
                self.have_downloads()
                killed = self.run_killed_after(steps, function)
                self.assertEqual(killed.returncode, -signal.SIGKILL, killed.stdout)
                run = self.run_setup()
                self.assert_complete(run)
                self.assertNotIn("downloading", run.stdout)

    def test_being_killed_while_replacing_an_older_runtime_is_repaired(self):
        for steps in range(1, 6):
            with self.subTest(steps=steps):
                self.have_downloads()
                self.run_setup()
                shutil.copytree(self.index, self.into / "downloads")
                (self.into / "libtorch/lib/libc10.so").write_text("cut")
                (self.into / "tensorflow/lib/libtensorflow_cc.so.2").unlink()
                killed = self.run_killed_after(steps, "os.replace")
                self.assertEqual(killed.returncode, -signal.SIGKILL, killed.stdout)
                self.assert_complete(self.run_setup())

    def test_two_at_once_do_not_disturb_each_other(self):
        self.have_downloads()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            runs = [run.result() for run in [pool.submit(self.run_setup) for _ in range(2)]]
        for run in runs:
            self.assert_complete(run)
        self.assertEqual(sum("unpacking libtorch" in run.stdout for run in runs), 1)

    def test_a_library_that_was_cut_short_is_noticed(self):
        self.have_downloads()
        self.run_setup()
        (self.into / "libtorch/lib/libtorch_cpu.so").write_text("cut")
        self.assert_complete(self.run_setup())

    def test_a_flipped_bit_in_a_library_is_noticed(self):
        self.have_downloads()
        self.run_setup()
        library = self.into / "tensorflow/lib/libtensorflow_cc.so.2"
        content = bytearray(library.read_bytes())
        content[len(content) // 2] ^= 1
        library.write_bytes(content)
        run = self.run_setup()
        self.assert_complete(run)
        self.assertIn("libtensorflow_cc.so.2 is not as it was unpacked; making tensorflow anew", run.stdout)
        self.assertNotIn("unpacking libtorch", run.stdout)

    def test_a_record_that_is_older_than_the_hashes_counts(self):
        self.have_downloads()
        self.run_setup()
        record = self.into / "installed.json"
        installed = json.loads(record.read_text())
        for entry in installed.values():
            del entry["sha256"]
        record.write_text(json.dumps(installed))
        run = self.run_setup()
        self.assert_complete(run)
        self.assertNotIn("unpacking", run.stdout)

    def test_nothing_is_written_outside_the_folder_of_a_runtime(self):
        torch = next(iter(WHEELS))
        for place in ("../../../../../outside", "../../outside", "/../../../outside"):
            with self.subTest(place=place):
                entries = []
                for wheel, members in WHEELS.items():
                    also = [f"torch/include/{place}"] if wheel == torch else []
                    entries.append(make_wheel(self.index / wheel, members + also))
                self.list.write_text("".join(entries))
                shutil.rmtree(self.into, ignore_errors=True)
                before = sorted(self.folder.rglob("outside*"))
                run = self.run_setup()
                self.assertEqual(run.returncode, 1, run.stdout)
                self.assertIn("which lies outside its folder", run.stdout)
                self.assertEqual(sorted(self.folder.rglob("outside*")), before)

    def test_a_changed_pin_replaces_only_the_runtime_it_belongs_to(self):
        self.have_downloads()
        self.run_setup()
        kept = (self.into / "libtorch/lib/libc10.so").stat().st_ino
        old = "tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl"
        entry = make_wheel(self.index / old.replace("2.21.0", "2.22.0"), [*WHEELS[old], "tensorflow/new"])
        others = re.sub(r"tensorflow-cpu==.*\\\n.*\n", "", self.list.read_text())
        self.list.write_text(others + entry)
        run = self.run_setup()
        self.assert_complete(run)
        self.assertIn("downloading tensorflow-cpu 2.22.0 ...", run.stdout)
        self.assertEqual((self.into / "libtorch/lib/libc10.so").stat().st_ino, kept)

    def test_a_missing_pip_is_named_with_its_package(self):
        run = self.run_setup(("-S", str(SCRIPT)))
        self.assertEqual(run.returncode, 1, run.stdout)
        self.assertIn("Install the Debian package python3-pip", run.stdout)

    def test_a_missing_compiler_and_npm_are_named_with_their_packages(self):
        run = self.run_setup(PATH=str(self.folder))
        self.assertEqual(run.returncode, 1, run.stdout)
        self.assertIn("Install the Debian package g++", run.stdout)
        (self.folder / "c++").touch(mode=0o755)
        self.have_downloads()
        run = self.run_setup(PATH=str(self.folder))
        self.assert_complete(run)
        self.assertIn("Install the Debian package npm", run.stdout)

    def test_a_wheel_without_an_expected_library_is_named(self):
        entries = [make_wheel(self.index / wheel, members[:-1]) for wheel, members in WHEELS.items()]
        self.list.write_text("".join(entries))
        run = self.run_setup()
        self.assertEqual(run.returncode, 1)
        self.assertIn("holds no nvidia/cu13/lib/libcudart.so.13", run.stdout)

    def test_a_list_without_a_hash_is_refused(self):
        self.list.write_text("torch==2.13.0\n")
        run = self.run_setup()
        self.assertEqual(run.returncode, 1)
        self.assertIn('"torch==2.13.0" is not of the form', run.stdout)

    def test_a_platform_without_wheels_is_refused(self):
        with unittest.mock.patch("platform.machine", return_value="aarch64"):
            with self.assertRaisesRegex(fetch_runtimes.SetupError, "this is Linux aarch64"):
                fetch_runtimes.check_platform()

    def test_the_lists_of_the_project_pin_every_wheel_that_a_flavour_takes(self):
        pins = fetch_runtimes.read_pins(fetch_runtimes.LISTS)
        taken = {wheel for runtime in fetch_runtimes.RUNTIMES.values() for wheel in runtime}
        self.assertEqual(set(pins), taken)


if __name__ == "__main__":
    unittest.main()
