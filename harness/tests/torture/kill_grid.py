"""Kills a grid of the real backends at random moments, over and over, and holds what it comes to against an undisturbed one.

    python3 harness/tests/torture/kill_grid.py target/release/study              # three cells, libtorch and tensorflow, ten kills
    python3 harness/tests/torture/kill_grid.py target/release/study --seed 7     # at other moments

The corpus is made up, so nothing is fetched. A kill is SIGKILL to the launcher, to everything it started, or to one worker and then the launcher. Whatever was begun
before it goes on by the same command. Ends with 1 where a byte of any run's predictions, steps or weights is another one, or if the grid is over before all kills.
"""

import argparse
import hashlib
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from made_up import FILES, OPTIONS, write_corpus

REVIEWS = 600
STUDY = """name = "tortured"
title = "A grid that is killed"
division = "native"
backends = ["libtorch", "tensorflow"]
cells = ["rnn", "lstm", "gru"]
seeds = [1]

[data]
corpus = "made-up"
train = 400
validation = 100
test = 100
seed = 1
vocabulary_size = 300

[protocol]
epochs = {epochs}
batch_size = 16
max_length = 60
embedding_size = 16
hidden_size = 12
layers = 2
threads = 1
checkpoint = "best"
scheduler = {{ kind = "plateau", patience = 0, factor = 0.5 }}
"""


def corpus():
    """Reviews whose words lean to a side, so that there is something to learn."""
    draw = random.Random(1)
    words = [f"word{number}" for number in range(400)]
    half = len(words) // 2

    def review(label):
        side = words[:half] if label else words[half:]
        text = [draw.choice(side if draw.random() < 0.3 else words) for _ in range(draw.randint(10, 80))]
        return " ".join(text), label

    return [review(number % 2) for number in range(REVIEWS)]


def descendants(process):
    """The processes that a process started, directly or not, by id, with their names."""
    parents = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = entry.read_text().rsplit(") ", 1)
        except OSError:
            continue
        parents.setdefault(int(rest.split()[1]), []).append((int(entry.parent.name), name.split(" (", 1)[1]))
    found, waiting = [], [process]
    while waiting:
        below = parents.get(waiting.pop(), [])
        found += below
        waiting += [child for child, _ in below]
    return found


def kill(process):
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        pass


def end(study, how, draw):
    """Kills a study that is running."""
    below = descendants(study.pid)
    workers = [child for child, name in below if name.startswith("study-backend")]
    if how == "a worker, then the launcher" and workers:
        kill(draw.choice(workers))
        time.sleep(0.2)
    kill(study.pid)
    if how == "everything":
        for child, _ in below:
            kill(child)
    study.wait()
    # Whoever is left notices that nobody listens; a run that is being made can't be begun by another process before that.
    deadline = time.monotonic() + 60
    while any(alive(child) for child, _ in below):
        if time.monotonic() > deadline:
            sys.exit(f"still running a minute after the launcher's end: {[one for one in below if alive(one[0])]}")
        time.sleep(0.05)


def alive(process):
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except OSError:
        return False


def left(folder):
    """The digest of every file that must not depend on how it was made, by run and name."""
    runs = sorted(path for path in (folder / "runs").iterdir() if (path / "record.json").exists())
    return {
        f"{run.name}/{name}": hashlib.sha256((run / name).read_bytes()).hexdigest() if (run / name).exists() else None
        for run in runs
        for name in FILES
    }


def epochs_told(log):
    """How many epochs a study has said are done."""
    return len(re.findall(r"  epoch \d+: ", log.read_text())) if log.exists() else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=pathlib.Path)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_corpus(folder, corpus())
        (folder / "study.toml").write_text(STUDY.format(epochs=options.epochs))
        command = [options.study.resolve(), "run", "study.toml", *OPTIONS, "--out"]

        def begin(out):
            with open(folder / f"{out}.log", "a") as log:
                return subprocess.Popen([*command, out], cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def fail(message, out):
            sys.exit(f"{message}\n{(folder / f'{out}.log').read_text()[-4000:]}")

        began = time.monotonic()
        subprocess.run([*command, "undisturbed", "--dry-run"], cwd=folder, stdout=subprocess.DEVNULL, check=True)
        start = time.monotonic() - began
        began = time.monotonic()
        if begin("undisturbed").wait() != 0:
            fail("the undisturbed grid did not complete", "undisturbed")
        took = time.monotonic() - began
        expected = left(folder / "undisturbed")
        all_epochs = len(expected) // len(FILES) * options.epochs
        for number in range(1, options.kills + 1):
            before = epochs_told(folder / "disturbed.log")
            study = begin("disturbed")
            # Some while it starts, most somewhere in an epoch, and so few epochs each that the grid is not over before the last of them.
            wanted = draw.randint(0, max(1, round(1.3 * all_epochs / options.kills)))
            while wanted and epochs_told(folder / "disturbed.log") - before < wanted and study.poll() is None:
                time.sleep(0.01)
            time.sleep(draw.uniform(0, took / all_epochs if wanted else 2 * start))
            if study.poll() is not None:
                fail(f"the grid was over before kill {number}; ask for more epochs", "disturbed")
            how = draw.choice(["the launcher", "everything", "a worker, then the launcher"])
            end(study, how, draw)
            done = len(left(folder / "disturbed")) // len(FILES) if (folder / "disturbed/runs").exists() else 0
            print(f"kill {number}: {how}; {done} of {len(expected) // len(FILES)} runs have a record", flush=True)
        if begin("disturbed").wait() != 0:
            fail("the disturbed grid did not complete", "disturbed")
        found = left(folder / "disturbed")
        records = [json.loads(path.read_text()) for path in sorted((folder / "disturbed/runs").glob("*/record.json"))]
        resumed = sum(len(record["resumed"]) for record in records)
        if found != expected:
            other = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
            fail("other bytes than undisturbed: " + ", ".join(other), "disturbed")
        if None in expected.values() or not resumed:
            fail(f"a run has not completed, or none went on: {resumed}", "disturbed")
        places = "; ".join(f"{record['key']['backend']} {record['key']['cell']} after {[place['epoch'] for place in record['resumed']]}" for record in records if record["resumed"])
        print(f"killed {options.kills} times, gone on {resumed} times ({places}): all {len(expected)} files of {len(records)} runs have the bytes of the undisturbed grid")


if __name__ == "__main__":
    main()
