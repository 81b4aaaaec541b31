"""A job is done: the pass over its video, what is written of it, and its delivery."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from pathlib import Path

from posexp.errors import ConfigError, PosexpError, TrackingError, writing_failed
from posexp.models.model import Estimator
from posexp.people.watched import on_person
from posexp.pose.truth import read_truth, truth_beside
from posexp.progress import Report
from posexp.runs.delivery import Delivery
from posexp.runs.description import environment_of, plain_of, record_of
from posexp.runs.extraction import Extraction, Sink
from posexp.runs.job import Job
from posexp.runs.replay import Replay
from posexp.show.overlay import OverlayVideo
from posexp.show.pictures import KeyFrames, WorstFrames
from posexp.spans import span
from posexp.store.archive import Archive
from posexp.store.journal import FILE, Journal
from posexp.store.record import RunRecord
from posexp.store.run import Run
from posexp.store.tags import PEOPLE_PICTURE
from posexp.video.source import VideoSource

log = logging.getLogger("posexp")


def perform(
    job: Job,
    estimator: Estimator,
    source: VideoSource,
    archive: Archive,
    report: Report | None = None,
    tags: dict[str, str] | None = None,
) -> Run:
    """Do a job with the loaded model, and log it.

    Parameters
    ----------
    job : Job
        What.
    estimator : Estimator
        The model that its configuration names.
    source : VideoSource
        The video, opened.
    archive : Archive
        Where the run goes.
    report : callable, optional
        Hears how far it is.
    tags : dict, optional
        More tags of the run.

    Raises
    ------
    PosexpError
        With what went wrong; what had been computed is in the run, or in the folder it names.
    KeyboardInterrupt
        After the run was closed as KILLED with what had been computed.
    Elsewhere
        When another process does the same job of the same sweep.
    """
    with span("start: folder of results"):
        work = _Work(job, estimator, source, report)
        record = record_of(job, source, estimator, tags or {})
        stem = f"{estimator.name}-{source.path.stem}"
        delivery = Delivery(archive, record, stem, again=job.config.force)
    try:
        error = _done(work, delivery)
        if delivery.refusal is not None:
            raise delivery.refusal
        if not delivery.is_there:
            raise delivery.lost(error)
        error = delivery.close(error, source.path, source.warnings)
        try:
            with work.doing("logging to MLflow"):
                logged = delivery.log()
        except TrackingError as problem:
            refused = problem is delivery.refusal and not isinstance(error, KeyboardInterrupt)
            if error is None or refused:
                raise
            log.warning("%s", problem)  # it must not hide what went wrong first
            raise error from problem
        if error is not None:
            raise _with_picture(error, logged)
        return logged
    finally:
        delivery.release()


def _done(work: _Work, delivery: Delivery) -> BaseException | None:
    """Extract and write; the error that stopped it, if one did: the run must be closed then too."""
    try:
        delivery.start()
        error = work.extract(delivery)
        error = error or work.job.changed()
        if delivery.is_there and (work.frames or work.stage is not None):
            work.write(delivery.record, delivery.path / "artifacts")
    except OSError as failure:
        return writing_failed(delivery.path, failure)
    except (Exception, KeyboardInterrupt) as failure:
        return failure
    return error


def _with_picture(error: BaseException, run: Run) -> BaseException:
    """The error; for a person who is not there, with the picture of those who are."""
    if not (isinstance(error, ConfigError) and error.subject in ("person", "person.time")):
        return error
    return ConfigError(
        error.subject, error.problem, f"{error.remedy}; {run.artifacts}/{PEOPLE_PICTURE} has them"
    )


class _Work:
    """One pass, and the sinks whose results are written when it has ended."""

    def __init__(
        self, job: Job, estimator: Estimator, source: VideoSource, report: Report | None
    ) -> None:
        self.job = job
        self._estimator, self._source = estimator, source
        self._report: Report = report or (lambda *_: None)
        info, skeleton = source.info, estimator.skeleton
        self.stage = on_person(estimator, source, job.config.person)
        # Read now, so that a bad file is told before the long part.
        self._truth_path = truth_beside(info.path)
        self._truth = (
            read_truth(self._truth_path, info.width, info.height) if self._truth_path else None
        )
        self._worst = WorstFrames(self._truth.poses, skeleton) if self._truth else None
        self._keys = KeyFrames(job.config.overlay, skeleton)
        self._extraction: Extraction | None = None
        self._cost: dict[str, float] = {}

    @property
    def frames(self) -> int:
        """How many have a pose so far."""
        return len(self._extraction) if self._extraction else 0

    @contextlib.contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Say what is done now that the bar stands still, and count its seconds."""
        self._report(self.frames, self._source.expected_frames, what)
        with span(what):
            yield

    def extract(self, delivery: Delivery) -> BaseException | None:
        """Go through the video; the error that stopped it, if one did."""
        folder = delivery.path
        journal = Journal(folder / FILE, len(self._estimator.skeleton))
        overlay = self._overlay(folder / "artifacts" / "overlay" / "overlay.mp4")
        sinks: list[Sink | None] = [journal, self._keys, self._worst, overlay]
        self._extraction = Extraction(
            self._source,
            self.stage or self._estimator,
            [sink for sink in sinks if sink is not None],
        )
        stopped: BaseException | None = None

        def report(done: int, expected: int | None, doing: str = "") -> None:
            delivery.notice()
            self._report(done, expected, doing)

        wall, cpu = time.perf_counter(), time.process_time()
        try:
            self._extraction.run(report)
        except (Exception, KeyboardInterrupt) as error:
            stopped = error
        if self.frames and not isinstance(self._estimator, Replay):
            self._cost = {
                f"system/{name}_ms_per_frame": 1000 * seconds / self.frames
                for name, seconds in (
                    ("wall", time.perf_counter() - wall), ("cpu", time.process_time() - cpu)
                )
            }  # fmt: skip
        try:
            with self.doing("finishing the overlay"):
                written = overlay is None or overlay.close()
            if not written and stopped is None:
                log.warning(
                    "overlay: no frame between overlay.start_frame=%s and overlay.stop_frame=%s",
                    self.job.config.overlay.start_frame, self.job.config.overlay.stop_frame,
                )  # fmt: skip
        except PosexpError as error:
            stopped = stopped or error
        journal.close()
        return stopped

    def write(self, record: RunRecord, folder: Path) -> None:
        """Tables, figures and pictures of what was extracted, into the folder of artifacts."""
        edits = self._estimator.edits if isinstance(self._estimator, Replay) else None
        with self.doing("writing tables"):
            from posexp.runs import results

            if self.stage is not None:  # also where the one who is meant is not there
                results.write_person(self.stage, record, folder)
            elif isinstance(self._estimator, Replay):
                self._estimator.write_person(record, folder)
            if not self.frames:
                return
            assert self._extraction is not None
            record.metrics |= self._cost
            poses = self._extraction.poses()
            results.write_tables(poses, record, folder, self.job.config.keypoints.joints == "body")
            results.note_if_nobody(poses, record, self._source.path)
            results.write_config(plain_of(self.job, self._estimator), folder)
            environment = environment_of(self.job, self._source, self._estimator)
            results.write_environment(environment, folder)
            if edits is not None:
                edits.write(folder)
        with self.doing("writing figures"):
            results.write_figures(poses, record.threshold, folder)
        with self.doing("measuring the movement"):
            from posexp.runs.movement import write_movement

            events = None if edits is None else edits.events
            write_movement(poses, self.job.config, record, folder, events)
        if self._truth is not None and self._truth_path is not None and self._worst is not None:
            with self.doing("evaluating"):
                results.write_truth(
                    poses, self._truth, self._truth_path, self._worst, record, folder
                )
        with self.doing("writing pictures"):
            results.write_pictures(self._keys, record, folder)

    def _overlay(self, path: Path) -> OverlayVideo | None:
        settings, estimator = self.job.config.overlay, self._estimator
        if not settings.enabled:
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        fps = self._source.info.fps
        return OverlayVideo(path, settings, estimator.skeleton, estimator.name, fps)
