"""Folders of results: owned by one process, found after a crash."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from posexp.store import outbox
from posexp.store.outbox import Outbox, ResultFolder
from posexp.store.record import RunRecord


def record(fingerprint: str = "f", sweep: str | None = "s", **more) -> RunRecord:
    tags = {"posexp.fingerprint": fingerprint} | ({"posexp.sweep": sweep} if sweep else {})
    return RunRecord("run", "posexp", {}, tags, {}, start_ms=1_700_000_000_000, **more)


HOLD = """
import sys, time
from pathlib import Path
from posexp.store.outbox import Outbox
from posexp.store.record import RunRecord
record = RunRecord("run", "posexp", {}, {"posexp.fingerprint": "f", "posexp.sweep": "s"}, {})
held = Outbox(Path(sys.argv[1])).claim(record, "mlkit-clip")
assert held
print("claimed", flush=True)
time.sleep(600)
"""


@pytest.fixture
def other(tmp_path):
    """Another process, which owns the job s, f below tmp_path."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "pending")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "claimed\n"
    yield process
    process.kill()
    process.wait()


def test_a_job_belongs_to_one_process_until_that_is_killed(tmp_path, other):
    base = tmp_path / "pending"
    assert Outbox(base).claim(record(), "mlkit-clip") is None
    assert Outbox(base).found(running=True) == []
    assert Outbox(base).claim(record(sweep="another"), "mlkit-clip") is not None
    other.send_signal(signal.SIGKILL)
    other.wait()
    ((folder, dead),) = Outbox(base).found(running=True, job=("s", "f"))
    assert (dead.status, dead.job) == ("RUNNING", ("s", "f"))
    assert Outbox(base).found(running=True, job=("s", "f")) == []  # it is this process's now
    folder.remove()
    assert Outbox(base).claim(record(), "mlkit-clip") is not None


def test_single_runs_of_the_same_second_get_a_folder_each(tmp_path):
    folders = [Outbox(tmp_path).claim(record(sweep=None), "mlkit-clip") for _ in range(3)]
    assert len({folder.path for folder in folders if folder}) == 3


def left(base: Path, status: str) -> ResultFolder:
    """Results of the job s, f that ended so and wait to be logged."""
    folder = Outbox(base).claim(done := record(), "mlkit-clip")
    assert folder is not None
    done.status = status
    done.save(folder.path)
    folder.release()
    return folder


def test_finished_results_wait_and_are_not_made_again_unless_asked(tmp_path):
    folder = left(tmp_path, "FINISHED")
    assert Outbox(tmp_path).claim(record(), "mlkit-clip") is None
    again = Outbox(tmp_path).claim(record(), "mlkit-clip", again=True)
    assert again is not None and again.path != folder.path
    assert [r.status for _, r in Outbox(tmp_path).found(running=False)] == ["FINISHED"]


def test_failed_results_that_wait_do_not_keep_the_job_from_being_tried_again(tmp_path):
    left(tmp_path, "FAILED")
    assert Outbox(tmp_path).claim(record(), "mlkit-clip") is not None


@pytest.mark.parametrize(
    "stem", ["../../etc/x", "-rf", "a\nb", "å" * 200, "x" * 255, "\udcff", "..", "con <b>"]
)
def test_any_name_of_a_video_gives_a_folder_inside(tmp_path, stem):
    folder = Outbox(tmp_path / "pending").claim(record(), stem)
    assert folder is not None
    assert folder.path.parent == tmp_path / "pending"
    assert (folder.path / "run.json").is_file()
    assert not folder.path.name.startswith("-") and folder.path.name.isascii()


def test_the_clock_has_no_say_in_who_owns_a_folder(tmp_path, other):
    """Set back, set forward: only the death of the process frees it."""
    (path,) = (p.parent for p in (tmp_path / "pending").glob("*/run.json"))
    for start_ms in (0, 4_000_000_000_000):
        changed = json.loads((path / "run.json").read_text()) | {"start_ms": start_ms}
        (path / "run.json").write_text(json.dumps(changed))
        assert Outbox(tmp_path / "pending").found(running=True) == []
        assert Outbox(tmp_path / "pending").claim(record(), "mlkit-clip") is None


def test_a_damaged_record_is_moved_aside_with_its_reason(tmp_path):
    base = tmp_path / "pending"
    texts = ("", "{", '{"name": 1}', "[]", "\x80", "null", '{"a": NaN}')
    for index, text in enumerate(texts):
        (base / str(index)).mkdir(parents=True)
        (base / str(index) / outbox.RECORD).write_text(text)
        with pytest.raises(outbox.TrackingError, match="expected the record of a run"):
            RunRecord.read(base / str(index))
    assert Outbox(base).found(running=True) == []
    assert not list(base.iterdir())
    for index, text in enumerate(texts):
        kept = tmp_path / outbox.REJECTED / str(index)
        assert (kept / outbox.RECORD).read_text() == text
        assert "expected the record of a run" in (kept / "reason.txt").read_text()


def test_a_damaged_record_whose_process_lives_stays_where_it_is(tmp_path, other):
    (path,) = (tmp_path / "pending").glob("*/run.json")
    path.write_text("{")
    assert Outbox(tmp_path / "pending").found(running=True) == []
    assert path.is_file()


def test_what_is_being_removed_is_gone_or_whole_and_swept_up(tmp_path):
    base = tmp_path / "pending"
    left(base, "FINISHED")
    (base / ".0123.part").mkdir()  # a process was killed while it removed this
    (base / "no record").mkdir()  # or made this
    assert [record.status for _, record in Outbox(base).found(running=False)] == ["FINISHED"]
    assert [path.name.endswith("mlkit-clip") for path in base.iterdir()] == [True]
