"""A real SLURM of one node with two fake GPUs, started without root's help from systemd or a database, for tests."""

import getpass
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CLIENTS = ("sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun")
DAEMONS = ("munged", "slurmctld", "slurmd")
MEMORY_MB = 6000

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
MpiDefault=none
SwitchType=switch/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/completed
MinJobAge=3600
SchedulerParameters=batch_sched_delay=0,sched_interval=1
KillWait=2
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory={memory} Gres=gpu:fake:2 State=UNKNOWN
PartitionName=gpu Nodes=ALL MaxTime=1-00:00:00 State=UP
PartitionName=cpu Nodes=ALL MaxTime=1-00:00:00 State=UP
"""
FAKE_GPUS = "Name=gpu Type=fake File=/dev/null\nName=gpu Type=fake File=/dev/zero\n"


@dataclass(frozen=True)
class Record:
    """One job as SLURM's own job-completion record holds it."""

    job: int
    rule: str
    state: str
    partition: str
    minutes: str
    gpus: int
    memory_mb: int


@dataclass(frozen=True)
class Slurm:
    """A running cluster. `folder / "bin"` must come first on the PATH of who uses it."""

    folder: Path

    @property
    def clients(self) -> Path:
        return self.folder / "bin"

    def ask(self, *command: str) -> str:
        """Standard output of a client's command."""
        program = [str(self.clients / command[0]), *command[1:]]
        return subprocess.run(program, capture_output=True, text=True, check=True, timeout=60).stdout

    def states(self) -> list[str]:
        """The states of the jobs that are queued or running."""
        return self.ask("squeue", "--noheader", "--states=PD,R,CG", "--format=%T").split()

    def records(self) -> list[Record]:
        """Every completed job, in the order of submission.

        What it was comes from the controller, which remembers jobs for an hour; its end from the completion record.
        """
        shown = {fields["JobId"]: fields for fields in map(_fields, self._shown())}
        completed = self.folder / "completed"
        ended = map(_fields, completed.read_text().splitlines() if completed.exists() else [])
        return sorted((_record(fields, shown[fields["JobId"]]) for fields in ended), key=lambda record: record.job)

    def _shown(self) -> list[str]:
        return [line for line in self.ask("scontrol", "--oneliner", "show", "jobs").splitlines() if "JobId=" in line]


def missing_programs() -> list[str]:
    return [name for name in (*DAEMONS, *CLIENTS) if _find(name) is None]


@contextmanager
def running_slurm() -> Iterator[Slurm]:
    """Start munged, slurmctld and slurmd in a folder of their own; stop them afterwards.

    Raises:
        TimeoutError: the node does not become idle; the message holds the daemons' logs.
    """
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)  # munged refuses a socket below a folder that only its owner may enter
    slurm = Slurm(folder)
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        _configure(slurm)
        daemons.append(_start("munged", "--foreground", *_munge_options(folder)))
        _wait_until("munged answers", (folder / "munge.sock").exists, folder)
        daemons.append(_start("slurmctld", "-D", "-f", str(folder / "slurm.conf")))
        _wait_until("slurmctld answers", lambda: "UP" in slurm.ask("scontrol", "ping"), folder)
        daemons.append(_start("slurmd", "-D", "-f", str(folder / "slurm.conf"), "-N", _host()))
        _wait_until("the node is idle", lambda: slurm.ask("sinfo", "-h", "-o", "%T").split()[:1] == ["idle"], folder)
        yield slurm
    finally:
        for daemon in reversed(daemons):
            _stop(daemon)
        shutil.rmtree(folder, ignore_errors=True)


def _fields(line: str) -> dict[str, str]:
    """`NAME=VALUE` pairs of a line, of which none that is read here holds a blank."""
    return dict(re.findall(r"(\S+?)=(\S*)", line))


def _record(ended: dict[str, str], shown: dict[str, str]) -> Record:
    asked = dict(item.split("=") for item in ended["Tres"].split(","))
    size = re.fullmatch(r"([\d.]+)([MG])", asked["mem"])
    rule = re.fullmatch(r"rule_(\w+?)(_wildcards_.*)?", shown["Comment"])
    assert size and rule, (ended, shown)
    return Record(
        job=int(ended["JobId"]),
        rule=rule[1],
        state=ended["JobState"],
        partition=ended["Partition"],
        minutes=ended["TimeLimit"],
        gpus=int(shown.get("TresPerJob", "gres:gpu:0").rpartition(":")[2]),
        memory_mb=round(float(size[1]) * (1024 if size[2] == "G" else 1)),
    )


def _configure(slurm: Slurm) -> None:
    for name in ("state", "spool", "bin"):
        (slurm.folder / name).mkdir()
    (slurm.folder / "munge.key").write_bytes(os.urandom(128))
    (slurm.folder / "munge.key").chmod(0o600)
    configuration = CONFIGURATION.format(
        folder=slurm.folder,
        host=_host(),
        user=getpass.getuser(),
        memory=MEMORY_MB,
        controller_port=_free_port(),
        node_port=_free_port(),
    )
    (slurm.folder / "slurm.conf").write_text(configuration)
    (slurm.folder / "gres.conf").write_text(FAKE_GPUS)
    for name in CLIENTS:  # inside a job SLURM_* is taken out of the environment, so SLURM_CONF is set at each call
        shim = slurm.clients / name
        shim.write_text(f'#!/bin/sh\nSLURM_CONF={slurm.folder}/slurm.conf exec {_find(name)} "$@"\n')
        shim.chmod(0o755)


def _munge_options(folder: Path) -> list[str]:
    return [
        f"--key-file={folder}/munge.key",
        f"--socket={folder}/munge.sock",
        f"--pid-file={folder}/munged.pid",
        f"--log-file={folder}/munged.log",
        f"--seed-file={folder}/munged.seed",
        "--num-threads=2",
        "--force",
    ]


def _start(name: str, *options: str) -> subprocess.Popen[bytes]:
    program = _find(name)
    assert program
    return subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _stop(daemon: subprocess.Popen[bytes]) -> None:
    daemon.send_signal(signal.SIGTERM)
    try:
        daemon.wait(timeout=20)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def _wait_until(what: str, holds, folder: Path, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except (subprocess.SubprocessError, OSError):
            pass  # the daemon does not answer yet
        time.sleep(0.2)
    logs = "\n".join(f"{path.name}:\n{path.read_text()[-2000:]}" for path in sorted(folder.glob("*.log")))
    raise TimeoutError(f"waited {seconds} s until {what}\n{logs}")


def _find(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"]))


def _host() -> str:
    return socket.gethostname().split(".")[0]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
