"""Sweeps: the grid, what is missing of it, and what came out. Real workers, real models."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import threading
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
from clips import make_clip
from conftest import free_port, posexp_command

import posexp
from posexp.config import load_config
from posexp.errors import ConfigError, ModelError
from posexp.models import registry
from posexp.runs import fingerprint
from posexp.runs.fingerprint import Content
from posexp.runs.job import prepare
from posexp.settings import TrackingSettings
from posexp.store import outbox
from posexp.store.archive import Archive
from posexp.store.record import RunRecord
from posexp.sweeps import batch
from posexp.sweeps.batch import sweep
from posexp.sweeps.clips import find_clips as study_of
from posexp.terminal.summaries import print_sweep
from posexp.video.embedded import embedded_clip
from posexp.video.source import VideoSource

SMALL = ("overlay=none",)
INT8 = "movenet_singlepose_lightning_int8_v4.tflite"


def settings(folder: Path) -> TrackingSettings:
    return TrackingSettings(folder=str(folder / "mlruns"))


def all_runs(folder: Path) -> list:
    return Archive(settings(folder)).open().search({})


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


def test_the_same_video_pre_and_post_is_two_results_and_the_lists_columns_stay_its_own(here):
    make_clip(here / "a.mp4", frames=3)
    (here / "list.csv").write_text(
        "video;when;status;frames;tracked;problem;model\na.mp4;pre;ok;12;yes;none;x\n"
        "a.mp4;post;ok;13;no;none;x\ngone.mp4;post;ok;13;no;none;x\n"
    )
    command = ["video=list.csv", *SMALL]
    table = sweep(command).table
    assert table["when"].tolist() == ["post", "post", "pre"]
    assert table["status"].tolist() == ["finished", "failed", "finished"]
    assert table["list.status"].tolist() == ["ok"] * 3
    assert table["list.frames"].tolist() == ["13", "13", "12"]
    assert table["list.tracked"].tolist() == ["no", "no", "yes"]
    assert table["frames"].dropna().tolist() == [3, 3] and set(table["model"]) == {"mlkit"}
    runs = all_runs(here)
    assert sorted(run.tags["when"] for run in runs) == ["post", "pre"]
    assert {run.tags["list.model"] for run in runs} == {"x"}
    assert not [name for run in runs for name in ("when", "list.model") if name not in run.tags]
    assert len({run.tags["posexp.keypoints"] for run in runs}) == 1
    assert statuses(sweep(command)) == ["done before", "failed", "done before"]


def test_every_column_and_tag_of_ours_is_one_that_a_list_cannot_have(here, caplog):
    make_clip(here / "a.mp4", frames=2)
    run = posexp.run(["video=a.mp4", *SMALL])
    ours = [*batch.TAKEN, *run.tags, "video.start", "overlay.trail", "launcher"]
    (here / "list.csv").write_text(",".join(["video", *ours]) + "\na.mp4" + ",1" * len(ours))
    (clip,) = study_of("list.csv", batch.TAKEN)
    assert all(name.startswith("list.") for name in clip.columns), clip.columns


@pytest.mark.parametrize("model", ["mlkit", "lightning"])
def test_another_overlay_is_drawn_from_the_poses_that_are_known(model, here, movenet):
    """Nothing of the run is another but its overlay; in particular no keypoint, no figure."""
    (here / "clips").mkdir()
    shutil.copy(embedded_clip(), here / "clips" / "a.mp4")
    command = ["video=clips", f"model={model}", "video.start=0.1", "video.stop=0.4"]
    assert statuses(sweep([*command, "overlay.height=48"])) == ["finished"]
    assert statuses(sweep([*command, "overlay.height=64", "overlay.trail=5"])) == ["finished"]
    second, first = all_runs(here)
    assert second.tags["posexp.replay_of"] == first.id
    tags = {"posexp.replay_of", "posexp.fingerprint", "posexp.key", "mlflow.note.content"}
    assert {k: v for k, v in second.tags.items() if k not in tags} == {
        k: v for k, v in first.tags.items() if k not in tags
    }
    cost = {"system/wall_ms_per_frame", "system/cpu_ms_per_frame"}  # the model's, which did nothing
    assert first.metrics.keys() - second.metrics.keys() == cost
    assert second.metrics.items() <= first.metrics.items()
    params = {"overlay.height", "overlay.trail"}
    assert {k for k in first.params if first.params[k] != second.params[k]} == params
    for name in ("keypoints/keypoints.csv", "keypoints/keypoints.parquet"):
        assert first.file(name).read_bytes() == second.file(name).read_bytes()
    sizes = [VideoSource(run.file("overlay/overlay.mp4")).info.height
             for run in (first, second)]  # fmt: skip
    assert sizes == [48, 64]
    third = sweep([*command, "overlay.height=48", "force=true"])
    assert statuses(third) == ["finished"]
    assert "posexp.replay_of" not in all_runs(here)[0].tags


@pytest.mark.parametrize("what", ["pipeline", "runtime", "model", "video", "overlay"])
def test_what_decides_a_keypoint_is_in_its_fingerprint(what, here, monkeypatch, shared):
    def prepared(*more):
        config, plain = load_config(["model=lightning", f"model.weights={shared}/models/{INT8}",
                                     *more])  # fmt: skip
        weights = registry.find_weights(config.model)
        return prepare(config, plain, Path("a.mp4"), Content("0", (0, 0), None), weights)

    before, more = prepared(), ()
    if what == "pipeline":
        monkeypatch.setattr(fingerprint, "PIPELINE", 0)
    elif what == "runtime":
        monkeypatch.setattr("importlib.metadata.version", lambda _: "0.0")
    else:
        more = ({"model": "model.crop.torso_expansion=2", "video": "video.start=1",
                 "overlay": "overlay.trail=3"}[what],)  # fmt: skip
    after = prepared(*more)
    assert (after.keypoints != before.keypoints) == (what != "overlay")
    assert after.fingerprint != before.fingerprint


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
        ([f"video={study}/clips", "launcher.jobs=0"], ConfigError,
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


def test_clips_run_at_once_each_on_its_own_processors(here, monkeypatch):
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
    result = sweep(["video=clips", "launcher=basic", "launcher.jobs=2", *SMALL])
    assert statuses(result) == ["finished"] * 3
    assert result.table["frames"].tolist() == [3, 4, 5]
    again = sweep(["video=clips", "launcher=joblib", *SMALL])  # the old name
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
    held = outbox.Outbox(base).claim(record, "held")
    assert held is not None
    again = posexp_command("-m", *command, cwd=here)
    assert again.returncode == 1
    assert "1 unknown" in again.stdout and "1 waiting" in again.stdout
    assert "nan" not in again.stdout
    assert "left as it is" in again.stderr
    assert first.path.read_text() == full
    held.release()


def test_the_command_that_is_printed_can_be_typed(capsys):
    columns = ["model", "video", "status", "run", *batch.METRICS.values(), "problem"]
    row = dict.fromkeys(columns, float("nan"))
    row |= {"model": "mlkit", "video": "a.mp4", "status": "failed", "problem": "no video"}
    print_sweep(batch.Sweep("Anna's pilot; (1)", pd.DataFrame([row]), Path("a.csv")))
    (line,) = re.findall(r"^Compare +(.*)$", capsys.readouterr().out, re.M)
    assert shlex.split(line)[-2:] == ["compare", "sweep=Anna's pilot; (1)"]
