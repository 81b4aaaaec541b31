"""The way of a run's results: into a folder first, and from there to MLflow when it answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from posexp.errors import Refused, TrackingError, printable, writing_failed
from posexp.store import tags
from posexp.store.archive import Archive
from posexp.store.journal import FILE
from posexp.store.record import RunRecord
from posexp.store.run import Run

log = logging.getLogger("posexp")


class Elsewhere(Exception):
    """Another process does this job, or has done it and its results wait to be logged."""


class WaitingError(TrackingError):
    """The results are complete, but the store did not take them."""


class Delivery:
    """A folder of results that this process owns, and the run in MLflow that it will be.

    No server, disk or signal may cost a run: what the store does not take waits in the folder.

    Parameters
    ----------
    archive : Archive
        Where the run goes.
    record : RunRecord
        What it says; ``run.json`` of the folder.
    stem : str
        For the folder's name.
    again : bool
        Also when the same job of the same sweep has been done.

    Raises
    ------
    Elsewhere
        When another process does the job, or has done it.
    VideoError
        When the folder cannot be made.
    TrackingError
        When a store that is no server does not work.
    """

    def __init__(self, archive: Archive, record: RunRecord, stem: str, again: bool) -> None:
        self.record = record
        self._began = time.monotonic()
        self._store, self._problem = archive.open_or_wait()
        record.uri = archive.address.uri
        try:
            folder = archive.outbox.claim(record, stem, again)
        except OSError as error:
            raise writing_failed(archive.outbox.base, error) from error
        if folder is None:
            raise Elsewhere
        self._folder = folder
        try:
            if not again and self._is_done():
                folder.remove()
                raise Elsewhere
        except BaseException:
            folder.release()
            raise

    @property
    def path(self) -> Path:
        """The folder; files of the run go into ``artifacts/`` there."""
        return self._folder.path

    @property
    def is_there(self) -> bool:
        """Whether nobody has removed the folder meanwhile."""
        return self._folder.is_there

    def start(self) -> None:
        """Create the run, so that the UI shows it as running, if the store answers.

        Raises
        ------
        Refused
            When the store works but does not take it; nothing is left of it.
        """
        if self._store is None:
            return
        try:
            self._store.start(self.record)
        except Refused:  # before there was anything to keep
            self._folder.remove()
            raise
        except TrackingError as error:
            self._store, self._problem = None, error
            log.warning("%s; going on without it", error.problem)
        else:
            self.record.save(self.path)

    def close(
        self, error: BaseException | None, subject: Path, warnings: Sequence[str]
    ) -> BaseException | None:
        """Give the record its end: how it ended, and what is to be known of its video `subject`.

        Returns
        -------
        BaseException or None
            The error, if there is one now.
        """
        record, folder = self.record, self.path
        for warning in warnings:
            log.warning("%s: %s", printable(subject), warning)
        if warnings:
            record.tags["video.warnings"] = "; ".join(warnings)
        # The clock may have been set back meanwhile.
        record.end_ms = record.start_ms + round(1000 * (time.monotonic() - self._began))
        record.status = _status(error)
        if error is not None:
            record.tags[tags.ERROR] = printable(error) or type(error).__name__
        try:
            record.save(folder)
            (folder / FILE).unlink(missing_ok=True)
        except OSError as failure:
            error = error or writing_failed(folder, failure)
            record.status, record.tags[tags.ERROR] = _status(error), printable(error)
        return error

    def lost(self, error: BaseException | None) -> BaseException:
        """The error for results that are lost, since somebody has removed their folder."""
        if isinstance(error, KeyboardInterrupt):
            return error
        gone = TrackingError(
            self.path, "was removed while the run wrote to it; its results are lost", "Run again"
        )
        if self._store is not None and self._store.is_server:
            self.record.status = "FAILED"
            self.record.end_ms = int(time.time() * 1000)
            self._store.close(self.record, str(gone))
        return gone

    def log(self) -> Run:
        """Log what is in the folder, and remove it.

        Raises
        ------
        WaitingError
            When the store does not take it now; it waits.
        TrackingError
            When the store refuses it; it is moved aside.
        """
        problem = self._problem
        if self._store is not None:
            try:
                self._store.ask()  # one that hangs would keep us for each of many requests
                return self._store.log(self._folder, self.record)
            except Refused as error:
                place = self._store.reject(self._folder, self.record, error)
                raise TrackingError(
                    error.subject, f"{error.problem}; the results are in {place.resolve()}",
                    error.remedy,
                ) from error  # fmt: skip
            except TrackingError as error:
                problem = error
        assert problem is not None
        raise WaitingError(
            problem.subject, f"{problem.problem}; the results are in {self.path.resolve()}",
            "`python -m posexp sync` with the same tracking settings logs them later",
        ) from problem  # fmt: skip

    def release(self) -> None:
        """Leave the folder, if it is still there, for others to find."""
        self._folder.release()

    def _is_done(self) -> bool:
        """Whether another process has finished this job of the sweep meanwhile."""
        if self._store is None or self.record.job is None:
            return False
        try:
            same = tags.job_tags(self.record.job)
            return bool(self._store.search(same, 1, "status = 'FINISHED'"))
        except TrackingError:
            return False  # it is said where the run is to be created


def _status(error: BaseException | None) -> str:
    if error is None:
        return "FINISHED"
    return "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
