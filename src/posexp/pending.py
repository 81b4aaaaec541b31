"""Results on their way to MLflow: a folder per run, owned by one process, found after a crash."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posexp.errors import TrackingError, printable
from posexp.files import PART, remove_folder, whole

if TYPE_CHECKING:
    from filelock import FileLock

log = logging.getLogger("posexp")

RECORD = "run.json"
REJECTED = "rejected"
"""Folder, beside that of the results on their way, of those that cannot be logged."""
_OWNER = "owner.lock"
_PATIENCE = 120.0  # s
_SWEEP, _FINGERPRINT = "posexp.sweep", "posexp.fingerprint"


@dataclass
class RunRecord:
    """All that one run logs besides its files; kept as run.json until it is in MLflow.

    Parameters
    ----------
    name, experiment : str
        Of the run.
    params, tags : dict
        Flat, str to str.
    dataset : dict
        ``name, digest, source`` of the video.
    metrics : dict
        Name to value.
    steps : list of int
        Frames of the series.
    series : dict
        Name to a value per step.
    status : {"RUNNING", "FINISHED", "FAILED", "KILLED"}
        As MLflow has it.
    start_ms, end_ms : int
        ms since 1970.
    run_id : str, optional
        In MLflow, once it is there.
    uri : str, optional
        The store that it is meant for.
    shape : dict
        ``skeleton, width, height, source, model, confidence_meaning`` of its poses, for whoever
        finds them after a crash; empty for records without poses.
    threshold : float
        ``keypoints.confidence_threshold``, for the same.
    key : str
        Its own, so that it is found in MLflow also when its `run_id` was not noted.
    """

    name: str
    experiment: str
    params: dict[str, str]
    tags: dict[str, str]
    dataset: dict[str, str]
    metrics: dict[str, float] = field(default_factory=dict)
    steps: list[int] = field(default_factory=list)
    series: dict[str, list[float]] = field(default_factory=dict)
    status: str = "RUNNING"
    start_ms: int = field(default_factory=lambda: int(time.time() * 1000))
    end_ms: int | None = None
    run_id: str | None = None
    uri: str | None = None
    shape: dict[str, Any] = field(default_factory=dict)
    threshold: float = 0.3
    key: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def job(self) -> tuple[str, str] | None:
        """(sweep, fingerprint) of a sweep's run: what must not be done twice."""
        job = self.tags.get(_SWEEP), self.tags.get(_FINGERPRINT)
        return job if all(job) else None  # type: ignore[return-value]

    def save(self, folder: Path) -> None:
        """Write run.json, whole or not at all."""
        text = json.dumps(asdict(self), ensure_ascii=False, indent=1)
        with whole(folder / RECORD) as part:
            part.write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> RunRecord:
        """From run.json; TrackingError when it is damaged or of another version."""
        path = folder / RECORD
        try:
            record = cls(**json.loads(path.read_text(encoding="utf-8")))
            record._check()
        except (ValueError, TypeError, RecursionError) as error:
            raise TrackingError(
                path, f"expected the record of a run, got {str(error)[:120]}",
                "Another version of posexp may have written it",
            ) from error  # fmt: skip
        return record

    def _check(self) -> None:
        """Raise TypeError for values of other types than are logged."""
        texts, numbers = (str,), (int, float)
        kinds: dict[str, tuple[type, ...]] = {
            "name": texts, "experiment": texts, "status": texts, "key": texts,
            "run_id": (str, type(None)), "uri": (str, type(None)), "start_ms": (int,),
            "end_ms": (int, type(None)), "threshold": numbers, "steps": (list,),
            **dict.fromkeys(("params", "tags", "dataset", "metrics", "series", "shape"), (dict,)),
        }  # fmt: skip
        for item in fields(self):
            if not isinstance(getattr(self, item.name), kinds[item.name]):
                raise TypeError(f"{item.name} of type {type(getattr(self, item.name)).__name__}")
        for name, inside in (("params", texts), ("tags", texts), ("metrics", numbers),
                             ("series", (list,))):  # fmt: skip
            if not all(isinstance(value, inside) for value in getattr(self, name).values()):
                raise TypeError(f"{name} with a value of another type")
        if self.status not in ("RUNNING", "FINISHED", "FAILED", "KILLED"):
            raise TypeError(f"the status {self.status!r}")


def job_tags(job: tuple[str, str]) -> dict[str, str]:
    """The tags by which the runs of a sweep's job are found."""
    return {_SWEEP: job[0], _FINGERPRINT: job[1]}


@dataclass
class ResultFolder:
    """A folder of results that belongs to this process until it is removed or given up."""

    path: Path
    _lock: FileLock

    @property
    def is_there(self) -> bool:
        """Whether nobody has removed it meanwhile."""
        return (self.path / RECORD).is_file()

    def remove(self) -> None:
        """Delete it: everything is in MLflow, or there was nothing."""
        try:
            with _claiming(self.path.parent):
                self._lock.release()
                remove_folder(self.path)
        except (TrackingError, OSError) as error:  # the next start logs it again, once
            log.warning("%s: could not be removed (%s)", self.path, error)

    def reject(self, reason: str) -> Path:
        """Put it beside those on their way, with the reason why it cannot be logged."""
        with _claiming(self.path.parent):
            self._lock.release()
            return _reject(self.path, reason)

    def release(self) -> None:
        """Leave it for others to find."""
        self._lock.release()


def claim(base: Path, record: RunRecord, stem: str, again: bool = False) -> ResultFolder | None:
    """A new folder below `base`, with the record in it.

    None when another process is at work on the same job of the same sweep, or when that waits
    there finished, to be logged later; then `again` makes a new one all the same.

    Raises
    ------
    OSError
        When it cannot be made.
    """
    stem = re.sub(r"[^\w.-]+", "_", stem, flags=re.ASCII)[:80]
    name = time.strftime("%Y%m%d-%H%M%S", time.localtime(record.start_ms / 1000)) + f"-{stem}"
    base.mkdir(parents=True, exist_ok=True)
    with _claiming(base):
        for other, known in _records(base):
            if record.job is not None and known.job == record.job:
                done = known.status == "FINISHED" and not again
                if done or not _is_free(other):
                    return None
        path, attempt = base / name, 1
        while path.exists():
            path, attempt = base / f"{name}-{attempt + 1}", attempt + 1
        path.mkdir()
        lock = _lock(path / _OWNER)
        lock.acquire(blocking=False)
        folder = ResultFolder(path, lock)
        try:
            record.save(path)
        except OSError:
            lock.release()
            remove_folder(path)
            raise
    return folder


def found(
    base: Path, *, running: bool, job: tuple[str, str] | None = None
) -> list[tuple[ResultFolder, RunRecord]]:
    """Folders that no process owns any more, oldest first; they are this process's from now on.

    What a dead process was about to make or to remove there is swept up; what cannot be read is
    moved to `REJECTED`.

    Parameters
    ----------
    running : bool
        Those whose run was still going when its process died; else those that are complete and
        wait to be logged.
    job : tuple, optional
        Only those of this sweep and fingerprint.
    """
    mine = []
    if base.is_dir():
        with _claiming(base):
            _tidy(base)
            for path, record in _records(base):
                lock = _lock(path / _OWNER)
                wanted = (record.status == "RUNNING") == running and job in (None, record.job)
                if wanted and _acquired(lock):
                    for part in path.rglob(f"*{PART}"):  # an overlay without its index, say
                        part.unlink(missing_ok=True)
                    mine.append((ResultFolder(path, lock), record))
    return mine


def _tidy(base: Path) -> None:
    """Sweep up after dead processes; the caller holds the lock under which folders come and go."""
    for path in sorted(base.iterdir()):
        with contextlib.suppress(OSError):
            if path.name.endswith(PART):
                remove_folder(path)
            elif path.is_dir() and _is_free(path):
                try:
                    RunRecord.read(path)
                except FileNotFoundError:  # it was being made, or removed by an older version
                    remove_folder(path)
                except (TrackingError, OSError) as error:
                    _reject(path, printable(error))


def _reject(path: Path, reason: str) -> Path:
    target = path.parent.parent / REJECTED / path.name
    target.parent.mkdir(exist_ok=True)
    attempt = 1
    while target.exists():
        target, attempt = target.with_name(f"{path.name}-{attempt + 1}"), attempt + 1
    with whole(path / "reason.txt") as part:
        part.write_text(
            f"{reason}\n\nWhen that is mended, move this folder back to {path.parent}: "
            "`python -m posexp sync` logs it then.\n", encoding="utf-8",
        )  # fmt: skip
    path.replace(target)
    log.warning("%s; its results are in %s now", reason, target)
    return target


def _is_free(path: Path) -> bool:
    lock = _lock(path / _OWNER)
    free = _acquired(lock)
    lock.release()
    return free


def _records(base: Path) -> Iterator[tuple[Path, RunRecord]]:
    for path in sorted(base.glob(f"*/{RECORD}")):
        with contextlib.suppress(TrackingError, OSError):  # `_tidy` sees to them
            yield path.parent, RunRecord.read(path.parent)


def _claiming(base: Path) -> contextlib.AbstractContextManager[None]:
    """One process at a time makes, looks through or removes folders."""
    return locked(base.parent / ".pending.lock")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of something that takes a moment; TrackingError when it is not to be had."""
    from filelock import Timeout

    lock = _lock(path)
    try:
        lock.acquire()
    except Timeout as error:
        raise TrackingError(
            path, f"another process has held this lock for {lock.timeout:.0f} s: it hangs, or its "
            "machine sleeps", "Wake or end it",
        ) from error  # fmt: skip
    try:
        yield
    finally:
        lock.release()


def _lock(path: Path) -> FileLock:
    """A lock that the system takes back when its owner dies, whatever the clock says."""
    from filelock import FileLock

    return FileLock(path, thread_local=False, timeout=_PATIENCE)


def _acquired(lock: FileLock) -> bool:
    from filelock import Timeout

    try:
        lock.acquire(blocking=False)
    except (Timeout, OSError):  # what cannot be opened is nobody's to take
        return False
    return True
