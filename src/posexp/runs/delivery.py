"""The way of a run's results: into a folder first, and from there to MLflow when it answers."""

from __future__ import annotations

import contextlib
import copy
import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from posexp.errors import PosexpError, Refused, TrackingError, printable, writing_failed
from posexp.runs.note import describe
from posexp.spans import beside, span
from posexp.store import tags
from posexp.store.address import ask, make_folder
from posexp.store.archive import Archive
from posexp.store.journal import FILE
from posexp.store.record import RunRecord
from posexp.store.run import Run

if TYPE_CHECKING:
    from posexp.store.mlflow import Store

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

    Attributes
    ----------
    refusal : BaseException, optional
        Why there will be no run, and nothing is left of it: another process has done the job
        (`Elsewhere`), the store refuses it, or does not work and is no server.

    Raises
    ------
    Elsewhere
        When another process does the job, or has done it and that waits.
    VideoError, TrackingError
        When the folder cannot be made.
    """

    def __init__(self, archive: Archive, record: RunRecord, stem: str, again: bool) -> None:
        self.record = record
        self.refusal: BaseException | None = None
        self._archive, self._again = archive, again
        self._store: Store | None = None
        self._problem: TrackingError | None = None
        self._creating: _Beside | None = None
        self._created = record
        self._began = time.monotonic()
        record.uri = archive.address.uri
        make_folder(archive.folder)
        try:
            folder = archive.outbox.claim(record, stem, again)
        except OSError as error:
            raise writing_failed(archive.outbox.base, error) from error
        if folder is None:
            raise Elsewhere
        self._folder = folder

    @property
    def path(self) -> Path:
        """The folder; files of the run go into ``artifacts/`` there."""
        return self._folder.path

    @property
    def is_there(self) -> bool:
        """Whether nobody has removed the folder meanwhile."""
        return self._folder.is_there

    def start(self) -> None:
        """Have the run created, so that the UI shows it as running, if the store answers.

        MLflow takes seconds to load: a thread does that beside the first frames. Only the job of a
        sweep waits for it, since another process may have finished it meanwhile.
        """
        self._created = copy.deepcopy(self.record)  # ours changes meanwhile
        # Known before it begins: Ctrl-C, which may come in between, must find it.
        self._creating = _Beside(beside("MLflow and the run in it", self._create))
        self._creating.start()
        if self.record.job is not None:
            self.notice(wait=True)

    def notice(self, wait: bool = False) -> None:
        """Take note of what became of the run's creation, when that is known.

        Raises
        ------
        BaseException
            When there will be no run (`refusal`), and for what nobody expected.
        """
        creating = self._creating
        if creating is None or (creating.is_alive() and not wait):
            return
        if creating.is_alive():
            with span("wait for MLflow"):
                creating.join()
        self._creating, error = None, creating.error
        if error is None:
            self.record.run_id = self._created.run_id
            with contextlib.suppress(OSError):  # the run is found by its key, too
                self.record.save(self.path)
        elif isinstance(error, TrackingError) and not isinstance(error, Refused) and (
            self._store is not None or self._archive.address.is_server
        ):  # fmt: skip
            self._problem = error
            log.warning("%s; going on without it", error.problem)
        else:
            if self._store is None or isinstance(error, Refused | Elsewhere):
                self._folder.remove()
                self.refusal = error
            raise error

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
            record.tags[tags.WARNINGS] = "; ".join(warnings)
        # The clock may have been set back meanwhile.
        record.end_ms = record.start_ms + round(1000 * (time.monotonic() - self._began))
        record.status = _status(error)
        if error is not None:
            record.tags[tags.ERROR] = printable(error) or type(error).__name__
        describe(record, folder / "artifacts")
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
        with contextlib.suppress(PosexpError):
            self.notice(wait=True)
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
        try:
            return self._logged()
        except TrackingError as error:
            if error is self.refusal:
                raise
            if isinstance(error, Refused) and self._store is not None:
                place = self._store.reject(self._folder, self.record, error)
                raise TrackingError(
                    error.subject, f"{error.problem}; the results are in {place.resolve()}",
                    error.remedy,
                ) from error  # fmt: skip
            raise WaitingError(
                error.subject, f"{error.problem}; the results are in {self.path.resolve()}",
                "`python -m posexp sync` with the same tracking settings logs them later",
            ) from error  # fmt: skip

    def release(self) -> None:
        """Leave the folder, if it is still there, for others to find."""
        self._folder.release()

    def _create(self) -> None:
        """Open the store and create the run; `_created` gets its id."""
        record = self._created
        # Before MLflow: what both need is then not loaded by two threads from two ends.
        from posexp.runs import movement, results  # noqa: F401

        self._store = self._archive.open()
        if record.job is not None and not self._again:
            with contextlib.suppress(TrackingError):  # it is said when the run is created
                same = tags.job_tags(record.job)
                if self._store.search(same, 1, "status = 'FINISHED'"):
                    raise Elsewhere
        self._store.start(record)

    def _logged(self) -> Run:
        if self._problem is None:
            ask(self._archive.address.uri)  # one that hangs would keep us for many requests
            self.notice(wait=True)
        if self._problem is not None:
            raise self._problem
        if self._store is None:  # interrupted before the thread began
            self._store = self._archive.open()
        return self._store.log(self._folder, self.record)


class _Beside(threading.Thread):
    """Work in a thread for which the end of the process does not wait, and how it failed."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__(name="posexp-beside", daemon=True)
        self._work = work
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # it is raised where it is awaited
            self.error = error


def _status(error: BaseException | None) -> str:
    if error is None:
        return "FINISHED"
    return "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
