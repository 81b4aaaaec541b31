"""Sweeps: the grid, what is missing of it, and what came out. Real workers, real models."""

from __future__ import annotations

import os
import re
import shutil
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest
from clips import make_clip
from conftest import free_port, posexp_command

from posexp import batch, pending, tracking
from posexp.batch import sweep
from posexp.errors import ConfigError, ModelError
from posexp.pending import RunRecord
from posexp.tracking import TrackingSettings

SMALL = ("overlay=none",)
INT8 = "movenet_singlepose_lightning_int8_v4.tflite"


def settings(folder: Path) -> TrackingSettings:
    return TrackingSettings(folder=str(folder / "mlruns"))


def all_runs(folder: Path) -> list:
    return tracking.open_store(settings(folder)).search({})


def statuses(result: batch.Sweep) -> list[str]:
    return result.table["status"].tolist()


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """Two clips, a file that is none, and a list of them with columns."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "clips").mkdir()
    for index in range(2):
        make_clip(folder / "clips" / f"c{index}.mp4", frames=4 + index)
    (folder / "clips" / "broken.mp4").write_bytes(b"no video" * 100)
    (folder / "list.csv").write_text(
        "video,participant,session\nclips/c0.mp4,P01,1\nclips/c1.mp4,P02,1\nclips/broken.mp4,P02,2"
    )
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_sweep_does_every_job_once_whatever_fails_and_goes_on_where_it_was(study, here, shared):
    int8 = f"model.weights={shared}/models/{INT8}"
    command = [f"video={study}/list.csv", "model=lightning", int8,
               "model.crop.min_keypoint_score=0.1,0.3", *SMALL]  # fmt: skip
    first = sweep(command)
    table = first.table
    assert len(table) == 6 and sorted(statuses(first)) == ["failed"] * 2 + ["finished"] * 4
    assert set(table.columns[:3]) == {"participant", "session", "model.crop.min_keypoint_score"}
    assert set(table["model.crop.min_keypoint_score"]) == {"0.1", "0.3"}
    broken = table[table["status"] == "failed"]
    assert broken["problem"].str.contains("broken.mp4: expected a video").all()
    assert set(broken["participant"]) == {"P02"}
    done = table[table["status"] == "finished"]
    assert done["frames"].tolist() == [4, 4, 5, 5]  # by participant
    assert first.path.is_file() and len(first.path.read_text().splitlines()) == 7
    assert "&lt;" not in first._repr_html_() and "P01" in first._repr_html_()
    runs = all_runs(here)
    assert sorted(done["run"]) == sorted(run.id for run in runs)
    assert {run.tags["posexp.sweep"] for run in runs} == {first.name}
    assert {run.tags["participant"] for run in runs} == {"P01", "P02"}
    assert len({run.tags["posexp.fingerprint"] for run in runs}) == 4

    again = sweep(command)
    assert again.name == first.name
    assert sorted(statuses(again)) == ["done before"] * 4 + ["failed"] * 2
    assert len(all_runs(here)) == 4

    # Another threshold of the crop is another job; how many threads work on it is not.
    third = sweep(
        [*command[:3], "model.crop.min_keypoint_score=0.3,0.4", "model.threads=1", *SMALL]
    )
    assert third.name == first.name
    assert sorted(statuses(third)) == ["done before"] * 2 + ["failed"] * 2 + ["finished"] * 2

    forced = sweep([*command[:3], "model.crop.min_keypoint_score=0.3", *SMALL, "force=true"])
    assert sorted(statuses(forced)) == ["failed"] + ["finished"] * 2
    left = all_runs(here)  # one run per job: the old ones are deleted in MLflow
    assert len(left) == 6 and len({run.tags["posexp.fingerprint"] for run in left}) == 6
    assert set(forced.table["run"].dropna()) <= {run.id for run in left}
    assert not list((here / "mlruns" / "pending").iterdir())


def test_the_content_of_a_video_counts_and_not_its_name(here):
    (here / "clips").mkdir()
    make_clip(here / "clips" / "a.mp4", frames=3)
    assert statuses(sweep(["video=clips", *SMALL])) == ["finished"]
    (here / "clips" / "a.mp4").rename(here / "clips" / "b.mp4")
    assert statuses(sweep(["video=clips", *SMALL])) == ["done before"]
    make_clip(here / "clips" / "b.mp4", frames=4)
    assert statuses(sweep(["video=clips", *SMALL])) == ["finished"]


def test_what_cannot_begin_says_so_before_any_job(here, study):
    for command, error, said in (
        ([f"video={study}/clips", "model=lightning", "model.weights=none.tflite"], ModelError,
         "none.tflite"),
        ([f"video={study}/nothing/*.mp4"], ConfigError, "found no file"),
        ([f"video={study}/clips", "model=lightning,mlkit", "model.mode=stream"], ConfigError,
         "does not apply to model=lightning"),
        ([f"video={study}/clips", "model=mlkti,mlkit"], ConfigError, "Did you mean model=mlkit"),
        ([f"video={study}/clips", "keypoints.joints=[", "model=mlkit,mlkit"], ConfigError,
         "cannot read the value"),
        ([f"video={study}/clips", "mlkit"], ConfigError, "expected key=value"),
        ([f"video={study}/clips", "launcher=joblib", "launcher.jobs=0"], ConfigError,
         "launcher.jobs"),
        ([f"video={study}/clips", "launcher=submitit"], ConfigError, "sbatch"),
    ):  # fmt: skip
        with pytest.raises(error, match=said):
            sweep([*command, *SMALL])
    assert not list(here.glob("mlruns/artifacts/*/*"))


class Injector(threading.Thread):
    """Waits until a worker is at work on the clip of this name, and does something to it."""

    def __init__(self, base: Path, clip: str, harm) -> None:
        super().__init__(daemon=True)
        self.base, self.clip, self.harm, self.done = base, clip, harm, 0
        self.start()

    def run(self) -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            for journal in self.base.glob(f"mlruns/pending/*{self.clip}*/poses.journal"):
                if journal.stat().st_size > 10_000:
                    for child in psutil.Process().children(recursive=True):
                        if any("spawn_main" in word for word in child.cmdline()):
                            self.harm(child)
                            self.done += 1
                            return
            time.sleep(0.01)


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGKILL"])
def test_a_job_whose_process_dies_fails_alone_and_keeps_its_poses(name, here):
    (here / "clips").mkdir()
    make_clip(here / "clips" / "a_long.mp4", frames=1500, size="160x120")
    make_clip(here / "clips" / "b.mp4", frames=3)

    def harm(process):
        process.send_signal(getattr(signal, name))

    injector = Injector(here, "a_long", harm)
    result = sweep(["video=clips", *SMALL])
    assert injector.done == 1
    assert statuses(result) == ["failed", "finished"]
    problem = result.table["problem"][0]
    assert "a_long.mp4" in problem and f"({name})" in problem
    failed, finished = sorted(all_runs(here), key=lambda run: run.status)
    assert (failed.status, finished.status) == ("FAILED", "FINISHED")
    assert 0 < len(failed.poses()) < 1500
    assert failed.metrics["tracking/frames"] == len(failed.poses())
    assert not list((here / "mlruns" / "pending").iterdir())
    # And the same command replaces it.
    if name == "SIGSEGV":
        assert statuses(sweep(["video=clips", *SMALL])) == ["finished", "done before"]
        assert [run.status for run in all_runs(here)] == ["FINISHED"] * 2


def test_a_job_without_enough_memory_fails_alone(here):
    (here / "clips").mkdir()
    make_clip(here / "clips" / "a_small.mp4", frames=400)
    make_clip(here / "clips" / "b_large.mp4", frames=2, size="7680x4320")
    make_clip(here / "clips" / "c_small.mp4", frames=3)

    def harm(process):
        used = process.memory_info().vms
        process.rlimit(psutil.RLIMIT_AS, (used + 100_000_000, used + 100_000_000))

    injector = Injector(here, "a_small", harm)
    result = sweep(["video=clips", *SMALL])
    assert injector.done == 1
    assert statuses(result) == ["finished", "failed", "finished"], result.table["problem"].tolist()
    assert "b_large.mp4" in result.table["problem"][1]
    # FFmpeg does not always say that memory is what it lacks.
    assert re.search("not enough memory|no frame can be decoded", result.table["problem"][1])


def test_joblib_runs_clips_at_once_each_on_its_own_processors(here, monkeypatch):
    (here / "clips").mkdir()
    for index in range(3):
        make_clip(here / "clips" / f"c{index}.mp4", frames=3 + index)
    seen = []
    begin = batch.launch.__globals__["Worker"]

    class Watched(begin):
        def __init__(self, processors) -> None:
            seen.append(processors)
            super().__init__(processors)

    monkeypatch.setitem(batch.launch.__globals__, "Worker", Watched)
    result = sweep(["video=clips", "launcher=joblib", "launcher.jobs=2", *SMALL])
    assert statuses(result) == ["finished"] * 3
    assert result.table["frames"].tolist() == [3, 4, 5]
    again = sweep(["video=clips", "launcher=joblib", *SMALL])
    assert statuses(again) == ["done before"] * 3
    if len(os.sched_getaffinity(0)) > 1:
        assert len(seen) == 2 and not seen[0] & seen[1]
        assert seen[0] | seen[1] == os.sched_getaffinity(0)


def test_a_sweep_whose_name_has_quotes_does_each_job_once(here):
    make_clip(here / "c.mp4", frames=4)
    for name in ("Anna's pilot", "both ' and \" \\"):
        command = ["video=c.mp4", "model=mlkit", f"tracking.sweep={name}", *SMALL]
        assert statuses(sweep(command)) == ["finished"]
        assert statuses(sweep(command)) == ["done before"]
    assert len(all_runs(here)) == 2


def test_a_sweep_whose_results_are_not_known_says_so_fails_and_keeps_its_table(here):
    """The store is down: one job is under way elsewhere, of another the results wait."""
    (here / "clips").mkdir()
    for index, name in enumerate("ab"):
        make_clip(here / "clips" / f"{name}.mp4", frames=4 + index)
    down = f"tracking.uri=http://127.0.0.1:{free_port()}"
    command = ["video=clips/", "model=mlkit", "tracking.sweep=s", down, *SMALL]
    first = sweep(command)
    assert statuses(first) == ["waiting"] * 2 and len(first.failed) == 2
    full = "video,model,status,run\nclips/a.mp4,mlkit,finished,1\n"
    first.path.write_text(full)  # as it was when the store was up
    base = here / "mlruns" / "pending"
    one, _ = sorted(base.iterdir())
    record = RunRecord.read(one)
    shutil.rmtree(one)
    held = pending.claim(base, record, "held")
    assert held is not None
    again = posexp_command("-m", *command, cwd=here)
    assert again.returncode == 1
    assert "1 unknown" in again.stdout and "1 waiting" in again.stdout
    assert "nan" not in again.stdout
    assert "left as it is" in again.stderr
    assert first.path.read_text() == full
    held.release()
