"""Jobs: what they leave when something goes wrong, and what the next start makes of it."""

import json
import logging
import os
import shutil
import threading
from pathlib import Path

import pytest
from clips import make_clip
from conftest import free_port, wait_for
from faultpoints import StandIn

from posexp.config import load_config
from posexp.errors import Refused, TrackingError, VideoError
from posexp.runs.delivery import Elsewhere, WaitingError
from posexp.runs.fingerprint import content_of
from posexp.runs.job import Job, prepare
from posexp.runs.performance import perform
from posexp.runs.recovery import log_waiting, recover
from posexp.settings import TrackingSettings
from posexp.store.address import Address
from posexp.store.archive import Archive
from posexp.store.journal import FILE, Journal
from posexp.store.mlflow import Store
from posexp.store.outbox import REJECTED
from posexp.store.record import RunRecord
from posexp.sweeps import worker
from posexp.video.source import VideoSource


@pytest.fixture
def settings(empty_store, tmp_path, monkeypatch) -> TrackingSettings:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(empty_store, tmp_path / "mlruns")
    return TrackingSettings(folder=str(tmp_path / "mlruns"))


@pytest.fixture
def store(settings) -> Store:
    return Archive(settings).open()


def leave(settings: TrackingSettings, name: str, status: str = "FINISHED", **more) -> Path:
    """A folder of results whose process has gone."""
    uri = more.pop("uri", Address.of(settings).uri)
    about = {"name": "clip.mp4", "digest": "0", "source": "clip.mp4"}
    params = {"model": "mlkit", **more.pop("params", {})}
    record = RunRecord(name, "posexp", params, {"video": "clip.mp4"}, about, uri=uri,
                       end_ms=4_000_000_000_000, **more)  # fmt: skip
    folder = Archive(settings).outbox.claim(record, name)
    assert folder is not None
    (folder.path / "artifacts").mkdir()
    (folder.path / "artifacts" / "file.txt").write_text(name)
    record.status = status
    record.save(folder.path)
    folder.release()
    return folder.path


SHAPE = {"skeleton": "coco17", "width": 64, "height": 48, "source": "clip.mp4", "model": "x",
         "confidence_meaning": "none"}  # fmt: skip


def journal_in(folder: Path, frames: int = 3) -> Path:
    stand_in = StandIn()

    class Frames:
        def __init__(self, index: int) -> None:
            self.index, self.time = index, index / 25

    journal = Journal(folder / FILE, len(stand_in.skeleton))
    for pose in stand_in.estimate(Frames(index) for index in range(frames)):
        journal.add(None, pose)
    journal.close()
    return folder / FILE


def changed(path: Path, **values) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def unknown_field(folder, store):
    changed(folder / "run.json", invented=1)


def cut_off(folder, store):
    text = (folder / "run.json").read_text()
    (folder / "run.json").write_text(text[: len(text) // 2])


def of_no_json(folder, store):
    (folder / "run.json").write_bytes(b"\x80\x00" * 50)


def nested_too_deep(folder, store):
    (folder / "run.json").write_text("[" * 100_000)


def wrong_types(folder, store):
    changed(folder / "run.json", tags=["video"], metrics={"a": "b"})


def series_of_another_length(folder, store):
    changed(folder / "run.json", steps=[1, 2, 3], series={"a": [1.0]})


def a_name_that_mlflow_refuses(folder, store):
    changed(folder / "run.json", params={"what?": "1"})


def no_dataset(folder, store):
    changed(folder / "run.json", dataset={})


def deleted_in_mlflow(folder, store):
    record = RunRecord.read(folder)
    store.start(record)
    record.save(folder)
    store.client.delete_run(record.run_id)


FAULTS = [
    unknown_field, cut_off, of_no_json, nested_too_deep, wrong_types, series_of_another_length,
    a_name_that_mlflow_refuses, no_dataset, deleted_in_mlflow,
]  # fmt: skip


@pytest.mark.parametrize("spoil", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_of_one_folder_costs_that_one_only(settings, store, caplog, spoil):
    leave(settings, "a first")
    spoiled = leave(settings, "b spoiled")
    leave(settings, "c last")
    spoil(spoiled, store)
    assert recover(Archive(settings)) == 0
    logged = log_waiting(Archive(settings), store, every=True)
    assert [run.name for run in logged if run] == ["a first", "c last"]
    assert not list(Archive(settings).outbox.base.iterdir())
    (kept,) = (Path(settings.folder) / REJECTED).iterdir()
    assert (kept / "artifacts" / "file.txt").read_text() == "b spoiled"
    assert "move this folder back" in (kept / "reason.txt").read_text()
    (line,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert str(kept) in line and "\n" not in line


def test_what_was_mended_and_moved_back_is_logged(settings, store):
    folder = leave(settings, "run")
    deleted_in_mlflow(folder, store)
    run_id = RunRecord.read(folder).run_id
    assert log_waiting(Archive(settings), store, every=True) == [None]
    store.client.restore_run(run_id)
    (kept,) = (Path(settings.folder) / REJECTED).iterdir()
    kept.rename(Archive(settings).outbox.base / kept.name)
    (run,) = log_waiting(Archive(settings), store, every=True)
    assert run is not None and (run.id, run.status) == (run_id, "FINISHED")


def test_a_run_of_another_server_is_created_anew_once(settings, store):
    folder = leave(settings, "run", uri="http://elsewhere", run_id="0" * 32)
    again = folder.with_name("again")
    shutil.copytree(folder, again)  # as a backup that was put back
    for _ in range(2):
        assert len(log_waiting(Archive(settings), store, every=True)) <= 2
    assert [run.status for run in store.search({})] == ["FINISHED"]


def mixed_up(journal: Path) -> None:
    journal.write_bytes(journal.read_bytes().replace(b"image", b"world", 1))


def bits_turned(journal: Path) -> None:
    head, _, rest = journal.read_bytes().partition(b"\n")
    journal.write_bytes(head + b"\n" + bytes(255 - byte for byte in rest))


def repeated(journal: Path) -> None:
    head, _, rest = journal.read_bytes().partition(b"\n")
    journal.write_bytes(head + b"\n" + rest + rest)


@pytest.mark.parametrize("spoil", [mixed_up, bits_turned, repeated])
def test_a_damaged_journal_costs_its_run_only(settings, store, spoil):
    shape = {**SHAPE, "skeleton": "blazepose33"}
    spoil(journal_in(leave(settings, "a spoiled", "RUNNING", shape=shape)))
    journal_in(leave(settings, "b whole", "RUNNING", shape=shape))
    assert recover(Archive(settings)) == 2
    (run,) = [run for run in store.search({}) if run.name == "b whole"]
    assert (run.status, len(run.poses())) == ("KILLED", 3)
    assert not list(Archive(settings).outbox.base.iterdir())
    assert not any(run.status == "RUNNING" for run in store.search({}))


def test_joints_that_coincide_are_no_fault(settings, store):
    """The torso has no length then, and nothing may be divided by it."""
    import numpy as np

    from posexp.pose.sequence import FramePose

    folder = leave(settings, "run", "RUNNING", shape={**SHAPE, "skeleton": "coco17"})
    journal = Journal(folder / FILE, 17)
    for index in range(4):
        same = np.full((17, 2), 5, np.float32)
        journal.add(None, FramePose(index, index / 25, same, np.ones(17, np.float32)))
    journal.close()
    assert recover(Archive(settings)) == 1
    (run,) = store.search({})
    assert (run.status, len(run.poses())) == ("KILLED", 4)


def test_a_killed_run_ended_when_it_last_wrote(settings, store):
    start = 1_700_000_000_000
    folder = leave(settings, "run", "RUNNING", start_ms=start,
                   shape={**SHAPE, "skeleton": "blazepose33"})  # fmt: skip
    journal = journal_in(folder)
    for path in (folder / "run.json", folder / "artifacts" / "file.txt"):
        os.utime(path, (start / 1000, start / 1000))
    os.utime(journal, (start / 1000 + 4, start / 1000 + 4))
    recover(Archive(settings))
    (run,) = store.search({})
    info = store.client.get_run(run.id).info
    assert info.end_time - info.start_time == 4000


def test_what_dead_processes_left_is_swept_up(settings, store):
    base = Archive(settings).outbox.base
    (base / ".0123.part" / "artifacts").mkdir(parents=True)  # was being removed
    (base / "20250101-000000-mlkit-clip" / "artifacts").mkdir(parents=True)  # by an older version
    folder = leave(settings, "run")
    (folder / "artifacts" / ".0123.part").write_text("half")
    old = Path(settings.folder) / "sweeps" / ".0123.part"
    old.parent.mkdir()
    old.write_text("half")
    os.utime(old, (0, 0))
    recover(Archive(settings))
    log_waiting(Archive(settings), store, every=True)
    assert not list(base.iterdir())
    assert not list(Path(settings.folder).rglob("*.part"))


def task_of(folder: Path, *overrides: str, sweep: str | None = "s") -> tuple[Job, VideoSource]:
    clip = folder / "clip.mp4"
    if not clip.exists():
        make_clip(clip, frames=5)
    config, plain = load_config(["model=mlkit", f"video={clip}", "overlay=none", *overrides])
    source = VideoSource(clip)
    weights = StandIn().weights
    return prepare(config, plain, source.path, content_of(clip), weights, sweep), source


class Meanwhile(StandIn):
    """Does something in the middle of the video."""

    def __init__(self, what) -> None:
        super().__init__()
        self._what = what

    def estimate(self, frames):
        for pose in super().estimate(frames):
            if pose.frame == 3:
                self._what()
            yield pose


def raising(error):
    def what() -> None:
        raise error

    return what


@pytest.mark.parametrize(
    ("error", "status"), [(VideoError("clip.mp4", "is damaged"), "FAILED"),
                          (KeyboardInterrupt(), "KILLED")],
)  # fmt: skip
def test_what_went_wrong_is_said_though_the_server_is_down_too(
    settings, caplog, monkeypatch, error, status
):
    task, source = task_of(Path.cwd(), f"tracking.uri=http://127.0.0.1:{free_port()}")
    with pytest.raises(type(error)) as raised:
        perform(task, Meanwhile(raising(error)), source, Archive(task.config.tracking))
    assert raised.value is error
    (path,) = Archive(settings).outbox.base.iterdir()
    assert RunRecord.read(path).status == status
    for name in ("keypoints/keypoints.csv", "keypoints/cleaned.csv", "angles/angles.csv",
                 "movement/notes.txt"):  # fmt: skip
        assert (path / "artifacts" / name).is_file()
    assert any(str(path) in r.getMessage() and "sync" in r.getMessage() for r in caplog.records)
    monkeypatch.setattr(worker, "_loaded", lambda _: Meanwhile(raising(error)))
    outcome = worker.attempt(task)
    assert outcome.status == {"FAILED": "failed", "KILLED": "interrupted"}[status]
    assert outcome.last  # the worker ends, and is not waited for


def test_results_that_are_removed_while_they_are_made_are_said_to_be_lost(settings):
    task, source = task_of(Path.cwd())
    with pytest.raises(TrackingError, match="was removed while the run wrote to it") as raised:
        perform(
            task,
            Meanwhile(lambda: shutil.rmtree(settings.folder)),
            source,
            Archive(task.config.tracking),
        )
    assert not isinstance(raised.value, WaitingError)
    assert not (Path(settings.folder) / "mlflow.db").exists()


def test_a_run_deleted_in_mlflow_while_it_goes_on_keeps_its_results(settings, store):
    task, source = task_of(Path.cwd())

    def delete() -> None:
        (run,) = store.search({})
        store.client.delete_run(run.id)

    with pytest.raises(TrackingError, match="deleted") as raised:
        perform(task, Meanwhile(delete), source, Archive(task.config.tracking))
    (kept,) = (Path(settings.folder) / REJECTED).iterdir()
    assert str(kept) in str(raised.value)
    assert (kept / "artifacts" / "keypoints" / "keypoints.csv").is_file()
    again, source = task_of(Path.cwd())
    assert perform(again, StandIn(), source, Archive(again.config.tracking)).status == "FINISHED"


def test_an_experiment_that_was_deleted_is_said_before_the_video_is_read(settings, store):
    store.prepare("old")
    store.client.delete_experiment(store.client.get_experiment_by_name("old").experiment_id)
    task, source = task_of(Path.cwd(), "tracking.experiment=old")
    with pytest.raises(Refused, match="deleted in MLflow"):
        perform(task, Meanwhile(raising(AssertionError)), source, Archive(task.config.tracking))
    assert not list(Archive(settings).outbox.base.iterdir())


class Slow(Archive):
    """One whose store opens when it is told to, or not, after a while."""

    def __init__(self, settings: TrackingSettings) -> None:
        super().__init__(settings)
        self.may_open, self.opened = threading.Event(), False
        self.problem: TrackingError | None = None

    def open(self) -> Store:
        assert self.may_open.wait(60), "no frame came before the store"
        self.opened = True
        if self.problem:
            raise self.problem
        return super().open()


def test_the_frames_of_a_run_do_not_wait_for_the_store(settings, store):
    """The run is created in a thread, and is there at the end."""
    task, source = task_of(Path.cwd(), sweep=None)
    archive = Slow(task.config.tracking)
    before = []

    def go_on() -> None:
        before.append(archive.opened)
        archive.may_open.set()

    run = perform(task, Meanwhile(go_on), source, archive)
    assert before == [False] and archive.opened
    assert (run.status, len(run.poses())) == ("FINISHED", 5)
    assert [each.id for each in store.search({})] == [run.id]
    assert not list(Archive(settings).outbox.base.iterdir())


def test_what_is_done_after_the_last_frame_is_said(settings):
    task, source = task_of(Path.cwd(), sweep=None)
    heard = []
    perform(
        task, StandIn(), source, Archive(task.config.tracking), lambda *said: heard.append(said)
    )
    assert heard[4] == (5, 5, "") and {said[:2] for said in heard[5:]} == {(5, 5)}
    assert [said[2] for said in heard[5:]] == [
        "finishing the overlay", "writing tables", "writing figures", "measuring the movement",
        "writing pictures", "logging to MLflow",
    ]  # fmt: skip


def test_the_run_is_in_mlflow_while_its_frames_come(settings, store):
    task, source = task_of(Path.cwd(), sweep=None)
    seen = []

    def wait() -> None:
        wait_for(lambda: store.search({}))
        seen.extend(run.status for run in store.search({}))

    assert perform(task, Meanwhile(wait), source, Archive(task.config.tracking)).id
    assert seen == ["RUNNING"]


def test_the_job_of_a_sweep_that_is_done_is_found_before_its_first_frame(settings, store):
    first, source = task_of(Path.cwd())
    perform(first, StandIn(), source, Archive(first.config.tracking))
    again, source = task_of(Path.cwd())
    with pytest.raises(Elsewhere):
        perform(again, Meanwhile(raising(AssertionError)), source, Archive(settings))
    assert [run.status for run in store.search({})] == ["FINISHED"]
    assert not list(Archive(settings).outbox.base.iterdir())


@pytest.mark.parametrize("late", [False, True], ids=["meanwhile", "after the last frame"])
@pytest.mark.parametrize("works", [False, True], ids=["does not work", "refuses it"])
def test_a_store_that_takes_no_run_ends_it_and_leaves_nothing(settings, store, works, late):
    store.prepare("old")
    store.client.delete_experiment(store.client.get_experiment_by_name("old").experiment_id)
    task, source = task_of(Path.cwd(), "tracking.experiment=old", sweep=None)
    kind, said = (Refused, "deleted in MLflow") if works else (TrackingError, "no space left")
    archive = Slow(task.config.tracking)
    archive.problem = None if works else TrackingError("mlflow.db", "no space left")
    seen = []

    def open_it() -> None:
        seen.append(True)
        if late:
            threading.Timer(0.5, archive.may_open.set).start()
        else:
            archive.may_open.set()
            wait_for(lambda: "posexp-beside" not in [t.name for t in threading.enumerate()])

    with pytest.raises(kind, match=said):
        perform(task, Meanwhile(open_it), source, archive)
    assert seen  # it had begun
    assert not list(archive.outbox.base.iterdir())


def test_what_is_interrupted_before_the_store_answers_is_closed_as_killed(settings, store):
    task, source = task_of(Path.cwd(), sweep=None)
    archive = Slow(task.config.tracking)
    threading.Timer(0.5, archive.may_open.set).start()
    with pytest.raises(KeyboardInterrupt):
        perform(task, Meanwhile(raising(KeyboardInterrupt())), source, archive)
    (run,) = store.search({})
    assert (run.status, len(run.poses())) == ("KILLED", 3)
    assert not list(Archive(settings).outbox.base.iterdir())


@pytest.mark.parametrize("begun", [False, True], ids=["before", "after"])
def test_ctrl_c_while_the_thread_begins_leaves_one_run_that_was_killed(
    settings, store, monkeypatch, begun
):
    """It may come before the thread has begun, or after, while that is waited for."""
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        if thread.name != "posexp-beside":
            start(thread)
            return
        if begun:
            start(thread)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    task, source = task_of(Path.cwd(), sweep=None)
    with pytest.raises(KeyboardInterrupt):
        perform(task, StandIn(), source, Archive(task.config.tracking))
    assert [run.status for run in store.search({})] == ["KILLED"]
    assert not list(Archive(settings).outbox.base.iterdir())
    assert "posexp-beside" not in [thread.name for thread in threading.enumerate()]


def test_what_is_logged_late_leaves_what_was_done_meanwhile(settings, store):
    """Killed, done by another process, and only then closed by a third."""
    task, source = task_of(Path.cwd())
    with pytest.raises(KeyboardInterrupt):
        perform(
            task, Meanwhile(raising(KeyboardInterrupt())), source, Archive(task.config.tracking)
        )
    (killed,) = store.search({})
    folder = leave(settings, "late", "RUNNING")
    changed(folder / "run.json", tags=killed.tags | {"posexp.key": "late"}, key="late")
    task, source = task_of(Path.cwd())
    done = perform(task, StandIn(), source, Archive(task.config.tracking))
    recover(Archive(settings))
    assert [(run.id, run.status) for run in store.search({})] == [(done.id, "FINISHED")]
