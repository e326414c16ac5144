"""A real Slurm with two nodes on this machine, from Debian's packages, in a folder of its own: `with Cluster(folder) as cluster: ...`

Each node is a slurmd of its own name and port. Nothing outside the folder is changed; munge gets a key and a socket of its own.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel", "sinfo"]
PACKAGES = ["munge", "slurmctld", "slurmd", "slurm-client"]
NODES = ["n1", "n2"]
# Tasks that a node takes at once.
SLOTS = 2

CONFIGURATION = """ClusterName=two-nodes
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdSpoolDir={folder}/spool-%n
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,batch_sched_delay=0
SlurmdTimeout=6
SlurmctldTimeout=10
KillWait=2
ReturnToService=2
{nodes}
PartitionName=both Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
PartitionName=one Nodes=n1 MaxTime=INFINITE State=UP
"""


class Unavailable(Exception):
    """Slurm can't be had here, and why."""


def install():
    """Sees to it that Slurm's programs are there."""
    missing = [name for name in PROGRAMS if not found(name)]
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Unavailable(f"{', '.join(missing)} are missing; Debian has them in {', '.join(PACKAGES)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in [["apt-get", "update"], ["apt-get", "install", "--yes", "--no-install-recommends", *PACKAGES]]:
        said = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if said.returncode != 0 or not all(found(name) for name in PROGRAMS):
        raise Unavailable(f"Debian's packages {', '.join(PACKAGES)} can't be installed: {said.stdout.strip()[-300:]}")


def found(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def free_ports(number):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [own.getsockname()[1] for own in sockets]
    for own in sockets:
        own.close()
    return ports


class Cluster:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.configuration = self.folder / "slurm.conf"
        self.environment = {
            # Whatever job this is started from has nothing to do with these.
            **{name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SBATCH"))},
            "SLURM_CONF": str(self.configuration),
        }
        self.daemons = {}

    def __enter__(self):
        if os.geteuid() != 0:
            raise Unavailable("slurmd has to be started by root")
        self.folder.chmod(0o755)
        (self.folder / "state").mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        controller, *ports = free_ports(1 + len(NODES))
        host = socket.gethostname().split(".")[0]
        nodes = "\n".join(
            f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={SLOTS} RealMemory=8000 State=UNKNOWN"
            for name, port in zip(NODES, ports)
        )
        self.configuration.write_text(
            CONFIGURATION.format(folder=self.folder, host=host, port=controller, nodes=nodes)
        )
        try:
            options = [f"--{what}={self.folder}/munge.{end}" for what, end in [("socket", "socket"), ("key-file", "key"), ("pid-file", "pid"), ("log-file", "log"), ("seed-file", "seed")]]
            self.start("munged", ["munged", "--foreground", "--force", *options])
            self.until(lambda: (self.folder / "munge.socket").exists(), "munge")
            self.start("slurmctld", ["slurmctld", "-D", "-f", str(self.configuration)])
            for name in NODES:
                self.start_node(name)
            self.until(lambda: self.idle_nodes() == NODES, "two idle nodes")
        except Exception as error:
            self.stop()
            raise Unavailable(f"Slurm does not come up: {error}") from error
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self, name, command):
        command = [found(command[0]), *command[1:]]
        log = open(self.folder / f"{name}.out", "ab")
        self.daemons[name] = subprocess.Popen(
            command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        log.close()

    def start_node(self, name):
        self.start(name, ["slurmd", "-D", "-N", name, "-f", str(self.configuration)])

    def kill_node(self, name):
        """As if its power were cut: all that runs there is gone at once."""
        daemon = self.daemons.pop(name)
        daemon.kill()
        daemon.wait()
        for pid in self.processes(f"SLURMD_NODENAME={name}"):
            for target in [parent(pid), pid]:
                # Of the parents, only those that watch over a job.
                if target == pid or "slurmstepd" in command(target):
                    kill(target)

    def processes(self, variable):
        """Processes of this cluster's jobs that have this in their environment."""
        both = {variable.encode(), f"SLURM_CONF={self.configuration}".encode()}
        return [pid for pid in all_processes() if both <= set(read(pid, "environ").split(b"\0"))]

    def stop(self):
        for name in [*NODES, "slurmctld", "munged"]:
            daemon = self.daemons.pop(name, None)
            if daemon:
                daemon.terminate()
                try:
                    daemon.wait(10)
                except subprocess.TimeoutExpired:
                    daemon.kill()
                    daemon.wait()
        for pid in self.processes(f"SLURM_CONF={self.configuration}"):
            if pid != os.getpid():
                kill(pid)

    def run(self, *command, **variables):
        """What a command of Slurm, or one that uses it, prints."""
        program = [found(str(command[0])) or str(command[0]), *map(str, command[1:])]
        done = subprocess.run(program, env={**self.environment, **variables}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(program)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def idle_nodes(self):
        return sorted(self.run("sinfo", "--noheader", "--Node", "--partition=both", "--states=idle", "--format=%N").split())

    def tasks(self, array):
        """Of each task of an array that Slurm has: its number, its state and its node."""
        lines = self.run("squeue", "--noheader", "--array", "--states=all", f"--jobs={array}", "--format=%K %T %N").splitlines()
        split = [(line.split() + [""])[:3] for line in lines]
        return {int(number): (state, node) for number, state, node in split if number.isdigit()}

    def state(self, job):
        return self.run("squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%T").strip()

    def until(self, holds, what, most=120):
        limit = time.monotonic() + most
        while True:
            try:
                if holds():
                    return
            except (RuntimeError, OSError) as error:
                what = f"{what.split(': ')[0]}: {error}"
            if time.monotonic() > limit:
                raise TimeoutError(f"waited {most} s for {what}")
            time.sleep(0.2)


def all_processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def read(pid, what):
    try:
        return pathlib.Path(f"/proc/{pid}/{what}").read_bytes()
    except OSError:
        return b""


def command(pid):
    return read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace")


def parent(pid):
    fields = read(pid, "stat").rpartition(b")")[2].split()
    return int(fields[1]) if len(fields) > 1 else 0


def kill(pid):
    try:
        if pid > 1:
            os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
