"""Processes that do jobs one after another, and may die without harm to the others."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np

from posexp.errors import PosexpError, printable
from posexp.models.model import Estimator, Options
from posexp.models.registry import load
from posexp.progress import Report
from posexp.runs import replay
from posexp.runs.delivery import Elsewhere, WaitingError
from posexp.runs.job import Job
from posexp.runs.performance import perform
from posexp.runs.recovery import recover
from posexp.store import tags
from posexp.store.archive import Archive
from posexp.store.run import Run
from posexp.video.source import VideoSource

log = logging.getLogger("posexp")

PATIENCE = 60.0
"""s in which a process must have closed its run once it was told to end."""


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Parameters
    ----------
    job : Job
        Which.
    status : str
        ``finished``; ``done before``; ``elsewhere`` (another process does it); ``waiting`` (done,
        but not in MLflow yet); ``failed``; ``interrupted``; ``not begun``;
        ``unknown`` (its cluster job ended and did not say).
    run : Run, optional
        Its run, when it is in MLflow and finished.
    problem : str
        One line, when it did not finish.
    """

    job: Job
    status: str
    run: Run | None = None
    problem: str = ""

    @property
    def last(self) -> bool:
        """Whether its process should do no other job.

        What failed may not be the video's fault: FFmpeg calls a lack of memory a damaged file.
        """
        return self.status in ("failed", "interrupted")


class Worker:
    """One process; it keeps the last model loaded, and is replaced when it dies.

    Parameters
    ----------
    processors : set of int, optional
        Those that it may use, so that workers side by side do not fight; all by default.
    """

    def __init__(self, processors: set[int] | None = None) -> None:
        self._processors = processors
        self._process: Any = None
        self._connection: Connection | None = None

    def do(self, job: Job, report: Report | None = None) -> Outcome:
        """Have a job done, however it ends.

        Raises
        ------
        KeyboardInterrupt
            After its run was closed as KILLED.
        """
        try:
            return self._do(job, report)
        except KeyboardInterrupt:
            self.stop()
            raise

    def stop(self) -> None:
        """End the process: at once when it is idle, else after its run was closed as KILLED."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.join(PATIENCE)
            process.kill()
            process.join()

    def _do(self, job: Job, report: Report | None) -> Outcome:
        if self._process is None or not self._process.is_alive():
            self._start()
        process, connection = self._process, self._connection
        assert connection is not None
        try:
            connection.send(job)
            while True:
                wait([connection, process.sentinel])
                if not connection.poll():  # dead, and all that it said has been read
                    break
                kind, value = connection.recv()
                if kind == "done":
                    if value.last:
                        self._process = None
                    return value  # type: ignore[no-any-return]
                if kind == "warning":
                    log.warning("%s", value)
                elif report is not None:
                    report(*value)
        except (EOFError, OSError):
            pass
        process.join()
        if self._process is None:  # `stop` was called by another thread
            return Outcome(job, "interrupted", problem="interrupted")
        self._process = None
        return _died(job, process.exitcode)

    def _start(self) -> None:
        # Forked TensorFlow hangs; a fresh process also has none of this one's threads and locks.
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        process = context.Process(
            target=_serve, args=(other, self._processors), daemon=True, name="posexp-worker"
        )
        process.start()
        self._process = process  # now, and not before, another thread can stop it
        other.close()


def attempt(job: Job, report: Report | None = None) -> Outcome:
    """Do a job in this process; its outcome, however it ends, but for the process's own end."""
    settings = job.config.video
    try:
        source = VideoSource(job.video, settings.start, settings.stop)
        archive = Archive(job.config.tracking)
        known = replay.find(job, archive)
        estimator = known or _loaded(job.config.model)
        more = {tags.REPLAY_OF: known.run.id} if known else None
        run = perform(job, estimator, source, archive, report, more)
        return Outcome(job, "finished", run)
    except Elsewhere:
        return Outcome(job, "elsewhere")
    except WaitingError as error:
        return Outcome(job, "waiting", problem=str(error))
    except PosexpError as error:
        return Outcome(job, "failed", problem=str(error))
    except KeyboardInterrupt:
        return Outcome(job, "interrupted", problem="interrupted")
    except MemoryError:
        problem = f"{printable(job.video)}: not enough memory for it"
        return Outcome(job, "failed", problem=problem)
    except Exception as error:  # it must not end the batch
        log.debug("%s", job.video, exc_info=True)
        text = " ".join(str(error).split())[:300]
        problem = f"{printable(job.video)}: unexpected {type(error).__name__}: {text}"
        return Outcome(job, "failed", problem=problem)


_last: tuple[Options, Estimator] | None = None


def _loaded(options: Options) -> Estimator:
    """The model, loaded once for all jobs in a row that want it."""
    global _last
    if _last is None or _last[0] != options:
        _last = None  # the old one's memory first
        _last = options, load(options)
    return _last[1]


def _serve(connection: Connection, processors: set[int] | None) -> None:
    """What the process runs: jobs from the connection, until it is closed."""
    if processors and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, processors)
    # OpenBLAS asks for its buffer at the first use, again and again for ever when there is none.
    np.linalg.inv(np.eye(3))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which decides
    ended = False

    def end(number: int, frame: Any) -> None:  # as Ctrl-C ends a run
        nonlocal ended
        ended = True  # whatever becomes of the exception
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=_follow_parent, daemon=True).start()
    logger = logging.getLogger("posexp")
    logger.handlers, logger.propagate = [_Wire(connection)], False

    def report(done: int, expected: int | None, doing: str = "") -> None:
        with contextlib.suppress(OSError):
            connection.send(("progress", (done, expected, doing)))

    # The parent's end may be gone: then its death ends this process in its own way.
    with contextlib.suppress(KeyboardInterrupt, EOFError, OSError):
        while True:
            outcome = attempt(connection.recv(), report)
            connection.send(("done", outcome))
            if outcome.last or ended:
                return


def _follow_parent() -> None:
    """Close the run and end when the parent dies, as on SIGTERM; a process that cannot is ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(PATIENCE)
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


class _Wire(logging.Handler):
    """Warnings to the parent, which prints them between its bars."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(logging.WARNING)
        self._connection = connection

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):
            self._connection.send(("warning", record.getMessage()))


def _died(job: Job, status: int) -> Outcome:
    """Close the run of a job whose process died; the poses that it had written are kept."""
    name = signal.Signals(-status).name if status < 0 else f"exit status {status}"
    why = {
        "SIGKILL": "was killed (SIGKILL): perhaps there was not enough memory",
        "SIGTERM": "was ended (SIGTERM)",
    }.get(name, f"crashed ({name}): the file may be damaged")
    problem = f"{printable(job.video)}: the process that worked on it {why}"
    try:
        recover(Archive(job.config.tracking), problem, job)
    except (PosexpError, OSError) as error:  # the next start tries again
        log.warning("%s", error)
    return Outcome(job, "failed", problem=problem)
