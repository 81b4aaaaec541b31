"""A real SLURM on this machine: started, used through launcher=submitit, stopped."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from clips import make_clip
from conftest import free_port, posexp_command, wait_for
from integration.test_faults import nobody_left, runs_of, start, store_of

CONFIG = """
ClusterName=posexp
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
ReturnToService=2
MpiDefault=none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=8000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The slurm.conf of a running cluster of one node."""
    programs = ("munged", "slurmctld", "slurmd", "sbatch")
    missing = [name for name in programs if not shutil.which(name)]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: apt-get install slurm-wlm munge")
    if os.getuid() != 0:
        pytest.skip("starting a SLURM cluster needs root")
    folder = Path("/tmp") / f"posexp-slurm-{os.getpid()}"  # sockets want short names
    for part in ("state", "spool"):
        (folder / part).mkdir(parents=True)
    munge = pwd.getpwnam("munge")
    os.chown(folder, munge.pw_uid, munge.pw_gid)
    folder.chmod(0o755)
    conf = folder / "slurm.conf"
    conf.write_text(CONFIG.format(
        host=socket.gethostname(), folder=folder, ports=(free_port(), free_port()),
        cpus=os.cpu_count(),
    ))  # fmt: skip
    files = [f"--{name}={folder}/munge.{name.split('-')[0]}"
             for name in ("socket", "pid-file", "log-file", "seed-file")]  # fmt: skip
    daemons = [
        subprocess.Popen(["munged", "--foreground", "--force", *files], user="munge",
                         stderr=subprocess.DEVNULL),
    ]  # fmt: skip
    environment = {**os.environ, "SLURM_CONF": str(conf)}
    try:
        wait_for((folder / "munge.socket").exists)
        for daemon in ("slurmctld", "slurmd"):
            daemons.append(subprocess.Popen(
                [daemon, "-D", "-c"], env=environment, stderr=subprocess.DEVNULL
            ))  # fmt: skip

        def idle() -> bool:
            done = subprocess.run(
                ["sinfo", "--noheader", "--format=%t"], env=environment, capture_output=True,
                text=True, check=False,
            )  # fmt: skip
            return done.stdout.strip() == "idle"

        wait_for(idle)
        yield conf
    finally:
        for process in reversed(daemons):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


LAUNCHER = ("launcher=submitit", "launcher.jobs=2", "launcher.cpus=1", "launcher.memory_gb=3",
            "launcher.minutes=10", "overlay=none")  # fmt: skip


def test_a_sweep_on_slurm_one_of_whose_jobs_is_cancelled(slurm: Path, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    for index in range(4):
        make_clip(tmp_path / "clips" / f"c{index}.mp4", frames=300 + index)
    environment = {"SLURM_CONF": str(slurm)}
    command = ["video=clips/", *LAUNCHER]
    first = start(*command, cwd=tmp_path, **environment)
    wait_for(lambda: len(list(tmp_path.glob("mlruns/pending/*/poses.journal"))) == 2, first)
    listed = subprocess.run(
        ["squeue", "--noheader", "--states=R", "--format=%i", "--array"],
        env={**os.environ, **environment}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    going = sorted(listed.stdout.split())
    assert len(going) == 2  # both at once
    subprocess.run(["scancel", going[0]], env={**os.environ, **environment}, check=True)
    assert first.wait(150) == 1
    wait_for(lambda: nobody_left(tmp_path))
    done = [run.status for run in runs_of(store_of(tmp_path))]
    assert 2 <= done.count("FINISHED") < 4 and "RUNNING" not in done

    again = posexp_command(*command, cwd=tmp_path, **environment)
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"{done.count('FINISHED')} done before" in again.stdout
    runs = runs_of(store_of(tmp_path))
    assert [run.status for run in runs] == ["FINISHED"] * 4
    assert sorted(run.metrics["tracking/frames"] for run in runs) == [300, 301, 302, 303]
    assert not list((tmp_path / "mlruns" / "pending").iterdir())
    assert list((tmp_path / "mlruns" / "sweeps" / "jobs").glob("*/*_log.out"))


def test_a_partition_that_does_not_exist_is_told(slurm: Path, tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4", frames=2)
    ended = posexp_command(
        "video=clip.mp4", *LAUNCHER, "launcher.partition=gpu", cwd=tmp_path, SLURM_CONF=str(slurm)
    )
    assert ended.returncode == 2
    assert "sbatch did not take the jobs" in ended.stderr
    assert "partition" in ended.stderr and len(ended.stderr.splitlines()) == 1


def test_submitit_without_a_cluster_on_this_machine(tmp_path: Path) -> None:
    """launcher.cluster=local: the same code, processes instead of SLURM jobs."""
    make_clip(tmp_path / "clip.mp4", frames=3)
    began = time.monotonic()
    ended = posexp_command("video=clip.mp4", *LAUNCHER, "launcher.cluster=local", cwd=tmp_path)
    assert ended.returncode == 0, (ended.stderr, time.monotonic() - began)
    (run,) = runs_of(store_of(tmp_path))
    assert (run.status, run.metrics["tracking/frames"]) == ("FINISHED", 3)
