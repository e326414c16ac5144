"""A study as a job array on a real Slurm of two nodes: one is killed, a task is requeued, another cancelled, a third runs into its time limit,
and what it comes to is held against a local run, byte for byte. Then 48 small runs on one node and on two.

    python3 harness/tests/slurm/two_nodes.py target/release/study               # both parts
    python3 harness/tests/slurm/two_nodes.py target/release/study --only faults

The corpus is made up, so nothing is fetched, and the backend is `fake_worker`, which waits more than it computes: so the times say something of the array
even where other programs have the processor. Where Slurm can't be had, it says why and ends with 0. Needs root.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from cluster import NODES, SLOTS, Cluster, Unavailable, install

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from made_up import FILES, OPTIONS, write_corpus

# What a record has of a run's course: when, how long, with how much memory, where it went on, and digests of files with those in them.
COURSE = ["wall_seconds", "first_step_seconds", "peak_memory_bytes", "resumed", "files", "sha256"]
REVIEWS = 120
STUDY = """name = "{name}"
title = "A study on a cluster"
division = "native"
backends = ["{backend}"]
cells = ["rnn", "lstm"]
seeds = {seeds}

[data]
corpus = "made-up"
train = 60
validation = 20
test = 40
seed = 1
vocabulary_size = 40

[protocol]
epochs = {epochs}
batch_size = {batch}
max_length = 12
embedding_size = 3
hidden_size = 2
layers = 1
threads = 1
"""
BEGAN = time.monotonic()


def log(text):
    print(f"{datetime.datetime.now(datetime.timezone.utc):%H:%M:%S} {time.monotonic() - BEGAN:6.1f} s  {text}", flush=True)


class Place:
    """A folder that both nodes see, with a corpus, and a worker that behaves as its name says."""

    def __init__(self, study, folder, cluster):
        self.program, self.folder, self.cluster = study, folder, cluster
        write_corpus(folder, [
            (f"A {'good' if index % 2 else 'bad'} film, number {index}." + "".join(f" word{word}" for word in range(index % 9)), index % 2)
            for index in range(REVIEWS)
        ])

    def study(self, name, backend, seeds, epochs, batch):
        text = STUDY.format(name=name, backend=backend, seeds=list(range(1, seeds + 1)), epochs=epochs, batch=batch)
        (self.folder / f"{name}.toml").write_text(text)
        worker = self.folder / f"study-backend-{backend}"
        if not worker.exists():
            worker.symlink_to(self.program.parent / "examples/fake_worker")

    def arguments(self, verb, name, backend, out, *more):
        worker = f"{backend}={self.folder}/study-backend-{backend}"
        common = [*OPTIONS, "--data-dir", "data", "--backend", worker]
        return [str(self.program), verb, f"{name}.toml", "--out", out, *common, *more]

    def call(self, arguments, codes=(0,), **variables):
        done = subprocess.run(arguments, cwd=self.folder, env={**self.cluster.environment, **variables}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode not in codes:
            raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
        return done

    def submit(self, name, backend, out, *more, **variables):
        """Submits what `study slurm` prints; gives the array, its report and how many tasks it has."""
        script = self.call(self.arguments("slurm", name, backend, out, *more)).stdout
        path = self.folder / f"{out}.sh"
        # All nodes of this cluster see the same disk, so what is not there is missing.
        path.write_text(script.replace("--wait 120", "--wait 2"))
        said = self.call(["sh", str(path)], **variables).stdout
        report = re.fullmatch(r"Submitted batch job (\d+)\n", said).group(1)
        dependency = self.cluster.run("scontrol", "--oneliner", "show", "job", report)
        array = re.search(r"Dependency=afterany:(\d+)", dependency).group(1)
        tasks = int(re.search(r"--array=1-(\d+)%", script).group(1))
        return array, report, tasks

    def has_state(self, out, run):
        return (self.folder / out / "runs" / f".partial-{run}" / "state.json").exists()

    def logs(self, out):
        return "".join(path.read_text() for path in sorted((self.folder / out / "slurm").glob("*.log")))


def ended(cluster, job):
    return cluster.state(job) not in ["PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED"]


def soon(cluster, job):
    """Slurm lets a job that comes back wait for two minutes; a test does not."""
    cluster.run("scontrol", "update", f"jobid={job}", "starttime=now")


def record_without_course(path):
    record = json.loads(path.read_text())
    for name in COURSE:
        record.pop(name, None)
    record["environment"].pop("started_unix")
    for epoch in record["epochs"]:
        epoch.pop("timing")
    return record


def compare(one, other):
    """Whether two directories have the same runs; gives their number."""
    runs = sorted(path.name for path in (one / "runs").iterdir() if path.is_dir() and not path.name.startswith("."))
    also = sorted(path.name for path in (other / "runs").iterdir() if path.is_dir() and not path.name.startswith("."))
    assert runs == also, f"{one} has {runs}, {other} has {also}"
    for run in runs:
        for name in FILES:
            assert (one / "runs" / run / name).read_bytes() == (other / "runs" / run / name).read_bytes(), f"{run}: {name} differs"
        records = [record_without_course(folder / "runs" / run / "record.json") for folder in (one, other)]
        others = [key for key in records[0] | records[1] if records[0].get(key) != records[1].get(key)]
        assert not others, f"{run}: the records differ in {others}"
    return len(runs)


def forged_claim(place, out, run, task):
    """A claim on a run by a process of a machine that this one can't look at, and of this task."""
    owner = {
        "number": "0123456789abcdef", "host": "elsewhere", "machine": None, "boot": "another", "pid_namespace": None, "pid": 4711, "started": 1,
        "command": "study run-one", "task": {"cluster": "two-nodes", "id": task, "restarts": 0},
    }  # fmt: skip
    claim = place.folder / out / "runs" / f".claim-{run}"
    claim.write_text(json.dumps(owner))
    return claim


def faults(place):
    cluster = place.cluster
    place.study("faults", "counting", seeds=3, epochs=20, batch=1)
    place.study("long", "counting", seeds=1, epochs=110, batch=1)
    local = subprocess.Popen(
        place.arguments("run", "faults", "counting", "local", "--jobs", "6"),
        cwd=place.folder, env=cluster.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    array, report, tasks = place.submit("faults", "counting", "cluster", "--jobs", "6", "--time", "10")
    log(f"array {array} of {tasks} tasks and report {report}")
    plan = next((place.folder / "cluster/slurm").glob("plan-*.txt")).read_text().split()
    name = {task: pathlib.Path(plan[task - 1]).stem for task in range(1, tasks + 1)}
    running = lambda: {task: node for task, (state, node) in cluster.tasks(array).items() if state == "RUNNING"}
    both = lambda: set(running().values()) == set(NODES) and len(running()) == 2 * SLOTS
    cluster.until(lambda: both() and all(place.has_state("cluster", name[task]) for task in running()), "four tasks with a finished epoch")
    on = running()
    log(f"tasks on both nodes, each with a finished epoch: {on}")

    lost = [task for task, node in on.items() if node == "n2"]
    requeued, cancelled = [task for task, node in on.items() if node == "n1"]
    cluster.kill_node("n2")
    log(f"killed n2 with tasks {lost}")
    cluster.run("scontrol", "requeue", f"{array}_{requeued}")
    cluster.run("scancel", f"{array}_{cancelled}")
    log(f"requeued task {requeued}, cancelled task {cancelled}")
    cluster.until(lambda: all(cluster.tasks(array)[task][0] == "PENDING" for task in lost), "the lost tasks to be requeued")
    log(f"Slurm has noticed and requeued {lost}")
    for task in [*lost, requeued]:
        if cluster.tasks(array)[task][0] == "PENDING":
            soon(cluster, f"{array}_{task}")
    # They go on where there is a node, and n2 comes back after that: Slurm ends once more there what it has given up, by the number of the job.
    cluster.until(lambda: not any(cluster.tasks(array)[task][0] == "PENDING" for task in lost), "the lost tasks to go on")
    log(f"the lost tasks go on on {sorted({cluster.tasks(array)[task][1] for task in lost})}")
    cluster.start_node("n2")
    cluster.until(lambda: ended(cluster, report), "the report", 180)
    states = {task: state for task, (state, _) in cluster.tasks(array).items()}
    log(f"report {cluster.state(report)}; tasks {states}")
    said = place.logs("cluster")
    missing = re.findall(r"missing: (\S+): (.*)", said)
    log(f"the report says missing: {missing}")
    key = name[cancelled].rsplit("-", 1)[0]
    assert [run for run, _ in missing] == [key], f"only {key} should be missing"
    for task in [*lost, requeued]:
        assert f"{array}_{task} on" in said and re.search(rf"{array}_{task} on n\d, start 2:", said), f"task {task} was not started again"
    log(f"{len(re.findall('start 2: ended with code 0', said))} tasks ended in their second start")

    # Of another machine's process this one knows by Slurm's word alone.
    run = name[cancelled]
    sleeper = cluster.run("sbatch", "--parsable", "--output=/dev/null", "--wrap=sleep 600").strip()
    cluster.until(lambda: cluster.state(sleeper) == "RUNNING", "a job that does nothing")
    claim = forged_claim(place, "cluster", run, sleeper)
    one = [str(place.program), "run-one", str(place.folder / "cluster/resolved" / f"{run}.json")]
    refused = place.call(one, codes=(1,)).stderr
    assert "is being worked on by process 4711" in refused and f"Slurm job {sleeper}" in refused, refused
    log(f"a claim of a running job stays: {refused.strip().splitlines()[-1]}")
    cluster.run("scancel", sleeper)
    cluster.until(lambda: ended(cluster, sleeper), "its end")

    array, report, tasks = place.submit("faults", "counting", "cluster", "--jobs", "6", "--time", "10")
    assert tasks == 1, f"{tasks} runs were missing"
    cluster.until(lambda: ended(cluster, report), "the second report", 180)
    assert cluster.state(report) == "COMPLETED", cluster.state(report)
    assert not claim.exists()
    log(f"the same command again: array {array} of {tasks} task broke the claim of the cancelled job; report {cluster.state(report)}")
    assert local.wait(60) == 0
    number = compare(place.folder / "local", place.folder / "cluster")
    resumed = [len(json.loads(path.read_text())["resumed"]) for path in sorted((place.folder / "cluster/runs").glob("*/record.json"))]
    log(f"{number} runs equal those of a local run byte for byte, leaving out times and where they went on ({resumed} times)")


def time_limit(place):
    """Two runs that need more than their time limit leaves: three minutes, the last two of which nothing may be begun in."""
    cluster = place.cluster
    array, report, tasks = place.submit("long", "counting", "long", "--time", "3")
    log(f"array {array} of {tasks} tasks of more than a minute, with a minute each")
    cluster.until(lambda: len(re.findall("goes on in the next start", place.logs("long"))) == tasks, "tasks that stop in time", 150)
    log(f"both stopped by themselves or by Slurm's signal: ended with code {re.findall('start 1: ended with code (.*)', place.logs('long'))}")
    for task in range(1, tasks + 1):
        cluster.until(lambda: cluster.state(f"{array}_{task}") == "PENDING", "the task to be requeued")
        soon(cluster, f"{array}_{task}")
    place.call(place.arguments("run", "long", "counting", "long-local", "--jobs", "16"))
    cluster.until(lambda: ended(cluster, report), "the report", 180)
    assert cluster.state(report) == "COMPLETED", place.logs("long")
    number = compare(place.folder / "long-local", place.folder / "long")
    log(f"{number} runs went on after their time limit, and equal those of a local run")


def speed(place):
    """48 runs, each of which waits for about three seconds, on one node and on two."""
    cluster = place.cluster
    place.study("speed", "slow", seeds=24, epochs=7, batch=8)
    took = {}
    for partition in ["one", "both"]:
        cluster.until(lambda: cluster.idle_nodes() == NODES, "two idle nodes")
        start = time.monotonic()
        array, report, tasks = place.submit("speed", "slow", f"speed-{partition}", "--jobs", "48", SBATCH_PARTITION=partition)
        assert tasks == 48
        cluster.until(lambda: all(state == "COMPLETED" for state, _ in cluster.tasks(array).values()), "48 runs", 400)
        took[partition] = time.monotonic() - start
        nodes = [node for _, node in cluster.tasks(array).values()]
        log(f"48 runs, {', '.join(f'{nodes.count(node)} on {node}' for node in NODES)}: {took[partition]:.1f} s")
        cluster.until(lambda: ended(cluster, report), "the report", 120)
        assert cluster.state(report) == "COMPLETED", place.logs(f"speed-{partition}")
    compare(place.folder / "speed-one", place.folder / "speed-both")
    share = took["both"] / took["one"]
    log(f"two nodes took {share:.2f} of one node's time")
    assert share <= 0.6, share


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=pathlib.Path, help="the program; fake_worker lies in `examples` beside it")
    parser.add_argument("--only", choices=["faults", "speed"], help="one part")
    arguments = parser.parse_args()
    program = arguments.study.resolve()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="study-slurm-"))
    try:
        install()
        # A cluster of its own for each: a node that was killed is not as before.
        for name in ["faults", "speed"] if arguments.only is None else [arguments.only]:
            own, shared = folder / f"{name}-slurm", folder / f"{name}-shared"
            own.mkdir()
            shared.mkdir()
            with Cluster(own) as cluster:
                log(f"Slurm {cluster.run('sinfo', '--version').split()[-1]} with {', '.join(NODES)}, {SLOTS} tasks each")
                place = Place(program, shared, cluster)
                if name == "faults":
                    faults(place)
                    time_limit(place)
                else:
                    speed(place)
    except Unavailable as reason:
        print(f"skipped: {reason}", file=sys.stderr)
    except BaseException:
        print(f"what was left lies in {folder}", file=sys.stderr)
        raise
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
