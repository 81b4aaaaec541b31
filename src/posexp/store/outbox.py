"""Results on their way to MLflow: a folder per run, owned by one process, found after a crash."""

from __future__ import annotations

import contextlib
import logging
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from posexp.errors import TrackingError, printable
from posexp.files import PART, remove_folder, whole
from posexp.store.locks import acquired, lock_of, locked
from posexp.store.record import RECORD, RunRecord

log = logging.getLogger("posexp")

REJECTED = "rejected"
"""Folder, beside that of the results on their way, of those that cannot be logged."""
_OWNER = "owner.lock"


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


class Outbox:
    """The folders of results on their way to a store.

    Parameters
    ----------
    base : Path
        Holds them; it need not exist.
    """

    def __init__(self, base: Path) -> None:
        self.base = base

    def claim(self, record: RunRecord, stem: str, again: bool = False) -> ResultFolder | None:
        """A new folder with the record in it.

        None when another process is at work on the same job of the same sweep, or when that waits
        there finished, to be logged later; then `again` makes a new one all the same.

        Raises
        ------
        OSError
            When it cannot be made.
        """
        base = self.base
        stem = re.sub(r"[^\w.-]+", "_", stem, flags=re.ASCII)[:80]
        began = time.localtime(record.start_ms / 1000)
        name = time.strftime("%Y%m%d-%H%M%S", began) + f"-{stem}"
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
            lock = lock_of(path / _OWNER)
            lock.acquire(blocking=False)
            folder = ResultFolder(path, lock)
            try:
                record.save(path)
            except OSError:
                lock.release()
                remove_folder(path)
                raise
        return folder

    def readdress(self, before: str, after: str) -> None:
        """Have what waits for the store `before` wait for `after`."""
        if not self.base.is_dir():
            return
        with _claiming(self.base):
            for path, record in _records(self.base):
                if record.uri == before and _is_free(path):
                    record.uri = after
                    record.save(path)

    def found(
        self, *, running: bool, job: tuple[str, str] | None = None
    ) -> list[tuple[ResultFolder, RunRecord]]:
        """Folders that no process owns any more, oldest first; they are this process's from now on.

        What a dead process was about to make or to remove there is swept up; what cannot be read is
        moved to `REJECTED`.

        Parameters
        ----------
        running : bool
            Those whose run was still going when its process died; else those that are complete
            and wait to be logged.
        job : tuple, optional
            Only those of this sweep and fingerprint.
        """
        mine: list[tuple[ResultFolder, RunRecord]] = []
        if not self.base.is_dir():
            return mine
        with _claiming(self.base):
            _tidy(self.base)
            for path, record in _records(self.base):
                lock = lock_of(path / _OWNER)
                wanted = (record.status == "RUNNING") == running and job in (None, record.job)
                if wanted and acquired(lock):
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
    lock = lock_of(path / _OWNER)
    free = acquired(lock)
    lock.release()
    return free


def _records(base: Path) -> Iterator[tuple[Path, RunRecord]]:
    for path in sorted(base.glob(f"*/{RECORD}")):
        with contextlib.suppress(TrackingError, OSError):  # `_tidy` sees to them
            yield path.parent, RunRecord.read(path.parent)


def _claiming(base: Path) -> contextlib.AbstractContextManager[None]:
    """One process at a time makes, looks through or removes folders."""
    return locked(base.parent / ".pending.lock")
