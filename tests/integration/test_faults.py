"""Faults, injected for real: nothing computed is lost, nothing is logged twice."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clips import make_clip
from conftest import free_port, posexp_command, wait_for
from integration.test_server import served, server_command

import posexp
from posexp.errors import VideoError
from posexp.runs.delivery import WaitingError
from posexp.runs.recovery import log_waiting, recover
from posexp.settings import TrackingSettings
from posexp.store.archive import Archive
from posexp.store.mlflow import Store
from posexp.video.embedded import embedded_clip

SMALL = ("overlay=none",)


def store_of(folder: Path) -> Store:
    return Archive(TrackingSettings(folder=str(folder / "mlruns"))).open()


def runs_of(store: Store) -> list[posexp.Run]:
    """All that are not deleted, whatever their status."""
    return store.search({}, None)


def start(*arguments: str, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    """``python -m posexp`` in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "posexp", *arguments], cwd=cwd, env={**os.environ, **environment},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def nobody_left(folder: Path) -> bool:
    """No process of posexp works in this folder any more."""
    import psutil

    here = str(folder)
    for process in psutil.process_iter(["cwd", "cmdline"]):
        words = process.info["cmdline"] or []  # a checkout's folder may be called posexp too
        if process.info["cwd"] == here and ("posexp" in words or "spawn_main" in " ".join(words)):
            return False
    return True


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_sweep_killed_twice_and_without_its_server_ends_with_exactly_its_runs(
    here: Path, movenet: None
) -> None:
    """12 clips, 3 variants: 36 finished runs and no others."""
    (here / "clips").mkdir()
    for index in range(12):
        make_clip(here / "clips" / f"c{index:02}.mp4", frames=8 + index)
    port = free_port()
    command = ["-m", "model=mlkit,lightning,thunder", "video=clips/", *SMALL, "launcher.jobs=2",
               f"tracking.uri=http://127.0.0.1:{port}"]  # fmt: skip

    def finished(store: Store) -> int:
        return sum(run.status == "FINISHED" for run in runs_of(store))

    with served(server_command(here, port), port, here) as uri:
        store = Store(uri, here / "mlruns")
        killed = start(*command, cwd=here)
        wait_for(lambda: finished(store) >= 5, killed)
        os.killpg(killed.pid, signal.SIGKILL)  # all of it, workers too
        killed.wait()
        killed = start(*command, cwd=here)
        wait_for(lambda: finished(store) >= 11, killed)
        killed.kill()  # the workers see that they are alone
        killed.wait()
        wait_for(lambda: nobody_left(here))
        before = finished(store)
        orphaned = start(*command, cwd=here)
        wait_for(lambda: finished(store) >= before + 3, orphaned)
    assert orphaned.wait(150) == 1  # the rest was computed, and waits
    waiting = len(list((here / "mlruns" / "pending").glob("*/run.json")))
    assert waiting > 0
    with served(server_command(here, port), port, here) as uri:
        again = posexp_command(*command, cwd=here)
        assert again.returncode == 0, again.stdout + again.stderr
        runs = runs_of(Store(uri, here / "mlruns"))
        assert [run.status for run in runs] == ["FINISHED"] * 36
        assert len({run.tags["posexp.fingerprint"] for run in runs}) == 36
        assert {run.params["model"] for run in runs} == {"mlkit", "lightning", "thunder"}
        counts = {run.tags["video"]: run.metrics["tracking/frames"] for run in runs}
        assert sorted(counts.values()) == [8.0 + index for index in range(12)]
    assert not list((here / "mlruns" / "pending").iterdir())


def test_a_killed_run_has_the_movement_of_what_it_had_seen(here: Path) -> None:
    clip = embedded_clip()
    process = start(f"video={clip}", "model=mlkit", "person=off", "scale.height_m=1.75", *SMALL,
                    cwd=here)  # fmt: skip

    def frames() -> int:
        return sum(p.stat().st_size for p in here.glob("mlruns/pending/*/poses.journal")) // 1100

    wait_for(lambda: frames() >= 120, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(60)
    assert posexp_command("sync", cwd=here).returncode == 0
    (run,) = runs_of(store_of(here))
    assert run.status == "KILLED" and len(run.poses()) >= 120
    cleaned = posexp.PoseSequence.read(run.file("keypoints/cleaned.parquet"))
    angles, found = run.table("angles/angles.csv"), run.table("movement/repetitions.csv")
    assert len(cleaned) == len(angles) == len(run.poses()) and found is not None
    assert len(found) == run.metrics["movement/repetitions"]
    assert run.metrics["movement/m_per_px"] > 0
    notes = run.file("movement/notes.txt").read_text(encoding="utf-8")
    assert run.tags["movement"].startswith(notes.splitlines()[0])


def test_signals_at_random_moments_lose_nothing(here: Path) -> None:
    clip = make_clip(here / "clip.mp4", frames=60)
    picked = random.Random(6)
    signals = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]
    for number in range(10):
        process = start(f"video={clip.name}", "overlay.height=32", cwd=here)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(picked.uniform(0.3, 4.5))
        os.killpg(process.pid, signals[number % 3]) if process.poll() is None else None
        process.wait(60)
    last = posexp_command("video=clip.mp4", *SMALL, cwd=here)
    assert last.returncode == 0, last.stderr
    assert posexp_command("sync", cwd=here).returncode == 0
    runs = runs_of(store_of(here))
    assert {run.status for run in runs} <= {"FINISHED", "KILLED"}
    assert len({run.tags["posexp.key"] for run in runs}) == len(runs)
    for run in runs:
        frames = int(run.metrics.get("tracking/frames", 0))
        assert frames == 60 or run.status == "KILLED"
        assert not frames or len(run.poses()) == frames
    assert not list((here / "mlruns" / "pending").iterdir())
    assert not list((here / "mlruns").rglob("*.part"))


class Stop(Exception):
    """What the injected fault raises."""


@pytest.fixture
def failing_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """Real calls of MLflow, of which one raises: before it did anything, or after it did all."""
    from mlflow import MlflowClient

    state = {"calls": 0, "fail_at": -1, "after": 0}
    names = ("create_run", "log_batch", "log_inputs", "log_artifacts",
             "set_terminated", "delete_run")  # fmt: skip

    def wrapped(original: Any) -> Any:
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            state["calls"] += 1
            hit = state["calls"] == state["fail_at"]
            if hit and not state["after"]:
                raise Stop
            result = original(self, *args, **kwargs)
            if hit:
                raise Stop
            return result

        return call

    for name in names:
        monkeypatch.setattr(MlflowClient, name, wrapped(getattr(MlflowClient, name)))
    yield state


def test_logging_that_ends_at_any_call_is_completed_once(
    here: Path, failing_client: dict[str, int]
) -> None:
    """Ended before or after each call to MLflow, then `sync`: one run, the same as any other."""
    make_clip(here / "clip.mp4", frames=12)
    command = ["video=clip.mp4", "tracking.sweep=s", "overlay.height=16"]
    clean = posexp.run(command)
    store = store_of(here)

    def content(run: posexp.Run) -> tuple[Any, ...]:
        client = store.client
        history = [len(client.get_metric_history(run.id, name)) for name in sorted(run.metrics)]
        pictures = [
            name.partition("+timestamp")[0] + Path(name).suffix
            for name in (file.path for file in client.list_artifacts(run.id, "images"))
        ]
        inputs = len(client.get_run(run.id).inputs.dataset_inputs)
        params = {k: v for k, v in run.params.items() if not k.startswith("tracking")}
        return run.status, params, history, sorted(pictures), inputs, len(run.poses())

    expected = content(clean)
    assert expected[0] == "FINISHED" and expected[3]
    total = failing_client["calls"]
    assert total >= 7
    for number in range(1, total + 1):
        for after in (0, 1) if number < 4 else (number % 2,):
            known = {run.id for run in runs_of(store)}
            failing_client.update(calls=0, fail_at=number, after=after)
            with pytest.raises(Stop):
                posexp.run(command)
            failing_client.update(fail_at=-1)
            recover(Archive(TrackingSettings()))
            log_waiting(Archive(TrackingSettings()), store, every=True)
            (run,) = [run for run in runs_of(store) if run.id not in known]
            if number > 3:  # else it was ended before there were any poses
                assert content(run) == expected, (number, after)
            assert run.status != "RUNNING"
            assert not list(Path("mlruns/pending").iterdir())


def test_a_locked_database_costs_no_results(here: Path) -> None:
    make_clip(here / "clip.mp4", frames=5)
    posexp.run(["video=clip.mp4", *SMALL])
    other = sqlite3.connect(here / "mlruns" / "mlflow.db")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(WaitingError, match="locked"):
        posexp.run(["video=clip.mp4", *SMALL])
    other.rollback()
    other.close()
    assert len(runs_of(store_of(here))) == 1
    (run,) = log_waiting(Archive(TrackingSettings()), store_of(here), every=True)
    assert (run.status, len(run.poses())) == ("FINISHED", 5)
    assert len(runs_of(store_of(here))) == 2


def test_sweeps_started_in_the_same_second_share_the_work(here: Path) -> None:
    """Three on an empty folder, two of them the same: each job is done once."""
    (here / "clips").mkdir()
    for index in range(4):
        make_clip(here / "clips" / f"c{index}.mp4", frames=4 + index)
    same = ["video=clips/", *SMALL]
    processes = [start(*same, cwd=here), start(*same, cwd=here),
                 start(*same, "tracking.sweep=other", cwd=here)]  # fmt: skip
    assert [process.wait(150) for process in processes] == [0, 0, 0]
    runs = runs_of(store_of(here))
    assert [run.status for run in runs] == ["FINISHED"] * 8
    jobs = {(run.tags["posexp.sweep"], run.tags["posexp.fingerprint"]) for run in runs}
    assert len(jobs) == 8


def test_a_clock_that_jumps_back_leaves_a_run_that_ends_after_it_began(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_clip(here / "clip.mp4", frames=5)
    real, jumps = time.time, iter([0] * 3)
    monkeypatch.setattr(time, "time", lambda: real() - next(jumps, 7200))
    run = posexp.run(["video=clip.mp4", *SMALL])
    info = store_of(here).client.get_run(run.id).info
    assert run.status == "FINISHED"
    assert 0 <= info.end_time - info.start_time < 120_000
    assert len(run.poses()) == 5


def test_a_video_that_changes_while_it_is_read_fails_and_keeps_its_poses(here: Path) -> None:
    clip = make_clip(here / "clip.mp4", frames=400)

    def append() -> None:
        wait_for(lambda: any(here.glob("mlruns/pending/*/poses.journal")))
        with clip.open("ab") as file:
            file.write(b"more")

    thread = threading.Thread(target=append)
    thread.start()
    with pytest.raises(VideoError, match="changed or removed while it was read"):
        posexp.run(["video=clip.mp4", *SMALL])
    thread.join()
    (run,) = runs_of(store_of(here))
    assert run.status == "FAILED" and "changed" in run.tags["error"]
    assert len(run.poses()) > 0


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc and fork")
@pytest.mark.parametrize("sweep", ["s", ""], ids=["of a sweep", "by itself"])
def test_a_kill_or_an_error_at_any_file_operation_blocks_loses_and_doubles_nothing(
    here: Path, sweep: str
) -> None:
    """A part of them; ``python benchmarks/faults.py only=writes`` tries all."""
    script = Path(__file__).resolve().parents[1] / "faultpoints.py"
    done = subprocess.run(
        [sys.executable, script, here, "every=18", f"sweep={sweep}"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["tried"] >= 20 and told["operations"] >= 250
    assert told["wrong"] == []
