"""One job: one video, one variant, one MLflow run; and what is left of a job that was killed."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import logging
import platform
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posexp.config import Config, flatten
from posexp.errors import PosexpError, TrackingError, VideoError, printable, writing_failed
from posexp.files import at_home, sha256_of, sweep_up, whole
from posexp.models.registry import Estimator, runtime_of
from posexp.models.weights import ModelFile
from posexp.pose.sequence import PoseSequence
from posexp.pose.skeleton import BODY, Skeleton
from posexp.pose.truth import GroundTruth, read_truth, truth_beside
from posexp.progress import Report
from posexp.runs.extraction import PIPELINE, Extraction, Sink
from posexp.settings import TrackingSettings
from posexp.show.overlay import OverlayVideo
from posexp.show.pictures import KeyFrames, WorstFrames
from posexp.store import outbox, tracking
from posexp.store.journal import FILE, Journal, read_journal
from posexp.store.outbox import ResultFolder
from posexp.store.record import RunRecord, job_tags
from posexp.store.tracking import Run, Store
from posexp.video.source import VideoSource

log = logging.getLogger("posexp")

_VERSIONS = (
    "posexp", "mediapipe", "tensorflow", "tensorflow-hub", "ai-edge-litert", "av", "numpy", "mlflow"
)  # fmt: skip
_NOT_THE_RESULT = ("model", "video", "tracking", "launcher", "force")
"""Sections of the configuration that `keypoints` covers, or that say where and how."""


class Elsewhere(Exception):
    """Another process does this job, or has done it and its results wait to be logged."""


@dataclass(frozen=True)
class Content:
    """What a video's file holds.

    Parameters
    ----------
    sha256 : str
        Of the file.
    stamp : tuple
        Its size and time of change, from before the sha256 was taken.
    truth : str, optional
        sha256 of the ground truth beside it, where there is one.
    """

    sha256: str
    stamp: tuple[int, int]
    truth: str | None


@dataclass(frozen=True)
class Job:
    """What to do, checked; it can be handed to another process.

    Parameters
    ----------
    config : Config
        Checked.
    plain : dict
        The same as plain nested values, ``video.path`` filled in.
    video : Path
        The file.
    content : Content
        What it holds.
    keypoints : str
        sha256 over all that decides them: the contents of video and weights, the keys of both, and
        the versions of what computes.
    fingerprint : str
        sha256 over `keypoints`, the content of the truth, `columns` and the other keys that change
        the result.
    sweep : str, optional
        What it is a part of.
    columns : dict
        More about the video (participant, session, ...), logged as tags.
    """

    config: Config
    plain: dict[str, Any]
    video: Path
    content: Content
    keypoints: str
    fingerprint: str
    sweep: str | None = None
    columns: dict[str, str] = field(default_factory=dict)


def content_of(video: Path) -> Content:
    """Read a video, and the truth beside it, for their sha256; VideoError when that fails."""
    stamp, truth = _stamp(video), truth_beside(video)
    return Content(_sha256(video), stamp, _sha256(truth) if truth else None)


def prepare(
    config: Config,
    plain: dict[str, Any],
    video: Path,
    content: Content,
    weights: ModelFile,
    sweep: str | None = None,
    columns: dict[str, str] | None = None,
) -> Job:
    """A job from a checked configuration, its video's content and its model's weights."""
    plain = {**plain, "video": {**plain["video"], "path": str(video.absolute())}}
    model = {k: v for k, v in plain["model"].items() if k not in ("weights", "threads")}
    keypoints = _digest({
        "model": {**model, "weights": weights.sha256},
        "video": {**plain["video"], "path": content.sha256},
        "versions": [PIPELINE, runtime_of(config.model, weights)],
    })  # fmt: skip
    parts = {key: value for key, value in plain.items() if key not in _NOT_THE_RESULT}
    parts |= {"keypoints": [keypoints, plain["keypoints"]], "truth": content.truth}
    fingerprint = _digest({**parts, "columns": columns or {}})
    return Job(config, plain, video, content, keypoints, fingerprint, sweep, columns or {})


def perform(
    job: Job,
    estimator: Estimator,
    source: VideoSource,
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
    return _Performance(job, source, estimator, tags or {}).run(report)


def recover(settings: TrackingSettings, reason: str = "", job: Job | None = None) -> int:
    """Close the runs whose process died, with the poses that it had written down.

    Parameters
    ----------
    settings : TrackingSettings
        Their folder, and the store that is asked to take them; those that are meant for another
        wait for it.
    reason : str
        Why it died, where that is known: then the run is FAILED, else KILLED.
    job : Job, optional
        Only runs of this one.

    Returns
    -------
    int
        How many there were.
    """
    only = (job.sweep or "", job.fingerprint) if job else None
    folder = at_home(settings.folder)
    for place in (folder, folder / "sweeps"):
        sweep_up(place)
    dead = outbox.found(tracking.pending_folder(settings), running=True, job=only)
    store = None
    if dead:
        with contextlib.suppress(TrackingError):  # then they wait
            store = tracking.open_store(settings)
    for owned, record in dead:
        record.status = "FAILED" if reason else "KILLED"
        record.tags["error"] = reason or "its process was killed"
        record.end_ms = max(record.start_ms, _last_change(owned.path))
        here = store if store is not None and record.uri == store.uri else None
        try:
            if _salvaged(owned, record, here) and here is not None and _log(here, owned, record):
                log.warning("%s: %s; closed as %s", record.name, record.tags["error"],
                            record.status)  # fmt: skip
        except TrackingError as error:
            log.warning("%s", error)
            store = None
        finally:
            owned.release()
    return len(dead)


def log_waiting(settings: TrackingSettings, store: Store, every: bool) -> list[Run | None]:
    """Log the results that wait for a store: those meant for this one, or `every`.

    Returns
    -------
    list of Run or None
        None for each that the store did not take, which costs the others nothing.

    Raises
    ------
    TrackingError
        When it does not answer; what is not logged yet waits on.
    """
    runs: list[Run | None] = []
    waiting = outbox.found(tracking.pending_folder(settings), running=False)
    try:
        for folder, record in waiting:
            if every or record.uri == store.uri:
                runs.append(_log(store, folder, record))
    finally:
        for folder, _ in waiting:
            folder.release()
    return runs


def waits(settings: TrackingSettings, job: Job) -> bool:
    """Whether finished results of a sweep's job wait to be logged, and nobody is at it."""
    only = (job.sweep or "", job.fingerprint)
    waiting = outbox.found(tracking.pending_folder(settings), running=False, job=only)
    for folder, _ in waiting:
        folder.release()
    return bool(waiting)


def _log(store: Store, folder: ResultFolder, record: RunRecord) -> Run | None:
    """Log what another process left; None, with a warning, when that cannot be.

    What is wrong with the folder or refused by the store is moved aside. TrackingError when the
    store does not answer.
    """
    try:
        return tracking.log_record(store, folder, record, again=True)
    except Exception as error:  # whatever it is, the others go on
        known = isinstance(error, TrackingError | OSError)
        if known and not store.answers():
            raise
        if known and not isinstance(error, tracking.Refused):  # it may do later
            log.warning("%s: %s; it waits on", folder.path, error)
        else:
            _reject(store, folder, record, error)
    return None


def _salvaged(folder: ResultFolder, record: RunRecord, store: Store | None) -> bool:
    """Whether what a dead process had written down was made a result that can be logged."""
    try:
        _salvage(folder.path, record)
        record.save(folder.path)
        return True
    except OSError as error:  # no space left, say: the next start tries again
        log.warning("%s: %s", folder.path, error)
    except Exception as error:  # whatever it is, the others go on
        _reject(store, folder, record, error)
    return False


def _reject(store: Store | None, folder: ResultFolder, record: RunRecord, error: Exception) -> Path:
    reason = printable(f"{record.name}: {_said(error)}")
    if store is not None:
        store.close(record, reason)
    return folder.reject(reason)


def _said(error: BaseException) -> str:
    if isinstance(error, PosexpError):
        return str(error)
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _last_change(folder: Path) -> int:
    """When a dead process last wrote something there, ms since 1970."""
    times = [p.stat().st_mtime for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock"]
    return int(1000 * max(times, default=0))


def go_on_without(settings: TrackingSettings, error: TrackingError) -> None:
    """Say that results will wait for a server; raise `error` when it is no server's."""
    if isinstance(error, tracking.Refused) or not tracking.is_server(tracking.uri_of(settings)):
        raise error
    tracking.make_folder(at_home(settings.folder))
    log.warning("%s; going on without it", error.problem)


class _Performance:
    """Results go to a folder first, and from there to MLflow when it answers."""

    def __init__(
        self, job: Job, source: VideoSource, estimator: Estimator, tags: dict[str, str]
    ) -> None:
        config, info = job.config, source.info
        self._job, self._config = job, config
        self._source, self._estimator = source, estimator
        self._began = time.monotonic()
        path = truth_beside(info.path)
        self._truth_path = path
        # Read now, so that a bad file is told before the long part.
        self._truth = read_truth(path, info.width, info.height) if path else None
        self._worst = (
            WorstFrames(self._truth.poses, estimator.skeleton, estimator.name)
            if self._truth else None
        )  # fmt: skip
        self._plain = {k: v for k, v in job.plain.items() if k not in ("launcher", "force")}
        if getattr(estimator, "input_size", None):
            size = estimator.input_size  # type: ignore[attr-defined]
            self._plain["model"] = {**self._plain["model"], "input_size": size}
        self._store, self._problem = self._open_store()
        self._record = self._make_record(tags)
        self._folder = self._claim()

    def run(self, report: Report | None) -> Run:
        try:
            if self._done():
                self._folder.remove()
                raise Elsewhere
            return self._run(report)
        finally:
            self._folder.release()

    def _run(self, report: Report | None) -> Run:
        error: BaseException | None
        try:
            self._start()
            extraction, overlay, keys, journal = self._extraction()
            error = self._extract(extraction, overlay, report)
            journal.close()
            error = error or self._changed()
            if len(extraction) and self._folder.is_there:
                self._write_results(extraction.poses(), keys)
        except tracking.Refused:  # before there was anything to keep
            self._folder.remove()
            raise
        except (Exception, KeyboardInterrupt) as failure:  # the run must be closed all the same
            error = failure
            if isinstance(failure, OSError):
                error = writing_failed(self._folder.path, failure)
        if not self._folder.is_there:
            raise self._removed(error)
        error = self._close(error)
        try:
            logged = self._log()
        except TrackingError as problem:
            if error is None:
                raise
            log.warning("%s", problem)  # it must not hide what went wrong first
            raise error from problem
        if error is not None:
            raise error
        return logged

    def _removed(self, error: BaseException | None) -> BaseException:
        """The error for results that are lost, since somebody has removed their folder."""
        if isinstance(error, KeyboardInterrupt):
            return error
        gone = TrackingError(
            self._folder.path, "was removed while the run wrote to it; its results are lost",
            "Run again",
        )  # fmt: skip
        if self._store is not None and tracking.is_server(self._store.uri):
            self._record.status = "FAILED"
            self._record.end_ms = int(time.time() * 1000)
            self._store.close(self._record, str(gone))
        return gone

    def _close(self, error: BaseException | None) -> BaseException | None:
        """Give the record its end; the error, if there is one now."""
        record, folder = self._record, self._folder.path
        for warning in self._source.warnings:
            log.warning("%s: %s", printable(self._source.path), warning)
        if self._source.warnings:
            record.tags["video.warnings"] = "; ".join(self._source.warnings)
        # The clock may have been set back meanwhile.
        record.end_ms = record.start_ms + round(1000 * (time.monotonic() - self._began))
        record.status = _status(error)
        if error is not None:
            record.tags["error"] = printable(error) or type(error).__name__
        try:
            record.save(folder)
            (folder / FILE).unlink(missing_ok=True)
        except OSError as failure:
            error = error or writing_failed(folder, failure)
            record.status, record.tags["error"] = _status(error), printable(error)
        return error

    def _open_store(self) -> tuple[Store | None, TrackingError | None]:
        """A server that is down must not cost a run: its results wait in a folder."""
        settings = self._config.tracking
        try:
            return tracking.open_store(settings), None
        except TrackingError as error:
            go_on_without(settings, error)
            return None, error

    def _make_record(self, tags: dict[str, str]) -> RunRecord:
        job, settings, info = self._job, self._config.tracking, self._source.info
        path = printable(info.path.absolute())
        return RunRecord(
            name=settings.run_name or printable(f"{self._estimator.name} {info.path.stem}"),
            experiment=settings.experiment,
            params={key: printable(value) for key, value in flatten(self._plain).items()},
            tags={**_tags(job, self._source, self._estimator), **tags},
            dataset={
                "name": printable(info.path.name)[:500], "digest": job.content.sha256[:16],
                "source": path,
            },
            uri=self._store.uri if self._store else tracking.uri_of(settings),
            shape={
                **self._estimator.skeleton.described(), "width": info.width,
                "height": info.height, "source": path, "model": self._estimator.name,
                "confidence_meaning": self._estimator.confidence_meaning,
            },
            threshold=self._config.keypoints.confidence_threshold,
        )  # fmt: skip

    def _claim(self) -> ResultFolder:
        settings = self._config.tracking
        base = tracking.pending_folder(settings)
        stem = f"{self._estimator.name}-{self._source.path.stem}"
        try:
            folder = outbox.claim(base, self._record, stem, again=self._config.force)
        except OSError as error:
            raise writing_failed(base, error) from error
        if folder is None:
            raise Elsewhere
        return folder

    def _done(self) -> bool:
        """Whether another process has finished this job of the sweep meanwhile."""
        if self._store is None or self._record.job is None or self._config.force:
            return False
        try:
            found = self._store.search(job_tags(self._record.job), 1, "status = 'FINISHED'")
            return bool(found)
        except TrackingError:
            return False  # it is said where the run is to be created

    def _start(self) -> None:
        if self._store is None:
            return
        try:
            self._store.start(self._record)
        except tracking.Refused:
            raise
        except TrackingError as error:
            self._store, self._problem = None, error
            log.warning("%s; going on without it", error.problem)
        else:
            self._record.save(self._folder.path)

    def _extraction(self) -> tuple[Extraction, OverlayVideo | None, KeyFrames, Journal]:
        settings, skeleton = self._config.overlay, self._estimator.skeleton
        journal = Journal(self._folder.path / FILE, len(skeleton))
        keys = KeyFrames(settings, skeleton, self._estimator.name)
        sinks: list[Sink] = [journal, keys, *([self._worst] if self._worst else [])]
        overlay = None
        if settings.enabled:
            path = self._artifact("overlay/overlay.mp4")
            overlay = OverlayVideo(
                path, settings, skeleton, self._estimator.name, self._source.info.fps
            )
            sinks.append(overlay)
        return Extraction(self._source, self._estimator, sinks), overlay, keys, journal

    def _extract(
        self, extraction: Extraction, overlay: OverlayVideo | None, report: Report | None
    ) -> BaseException | None:
        """Go through the video; the error that stopped it, if one did."""
        stopped: BaseException | None = None
        try:
            extraction.run(report)
        except (Exception, KeyboardInterrupt) as error:
            stopped = error
        try:
            if overlay is not None and not overlay.close() and stopped is None:
                log.warning(
                    "overlay: no frame between overlay.start_frame=%s and overlay.stop_frame=%s",
                    self._config.overlay.start_frame, self._config.overlay.stop_frame,
                )  # fmt: skip
        except PosexpError as error:
            stopped = stopped or error
        return stopped

    def _changed(self) -> VideoError | None:
        """The error for a video that is no longer the one whose sha256 is logged."""
        try:
            if _stamp(self._job.video) == self._job.content.stamp:
                return None
        except VideoError:
            pass
        return VideoError(
            self._job.video, "expected the same file to the end, but it was changed or removed "
            "while it was read", "Run again when it is complete",
        )  # fmt: skip

    def _write_results(self, poses: PoseSequence, keys: KeyFrames) -> None:
        from omegaconf import OmegaConf

        # Not before the end: matplotlib, SciPy and imageio would delay the first keypoint.
        from posexp.measure import quality
        from posexp.show import figures
        from posexp.show.picture_files import save_picture

        threshold, record = self._record.threshold, self._record
        body = self._config.keypoints.joints == "body"
        _write_tables(poses, record, self._folder.path, body)
        if not quality.tracked(poses, threshold).any():
            log.warning(
                "%s: no person was found in any of the %d frames",
                printable(self._source.path), len(poses),
            )  # fmt: skip
            record.tags["note"] = "no person found"
        with whole(self._artifact("config/config.yaml")) as part:
            part.write_text(
                OmegaConf.to_yaml(OmegaConf.create(_escaped(self._plain))), encoding="utf-8",
                errors="surrogateescape",
            )  # fmt: skip
        for name, figure in (
            ("confidence", figures.confidence_heatmap(poses)),
            ("trajectories", figures.trajectories(poses, threshold)),
        ):
            figures.save(figure, self._artifact(f"figures/{name}.png"))
        if self._truth is not None and self._truth_path is not None:
            self._write_evaluation(poses, self._truth, self._truth_path)
        if keys.pictures:
            save_picture(keys.contact_sheet(), self._artifact("overlay/contact_sheet.png"))
            tracking.add_pictures(record, self._folder.path / "artifacts", keys.pictures)

    def _write_evaluation(self, poses: PoseSequence, truth: GroundTruth, path: Path) -> None:
        """Truth that does not fit must not cost the run."""
        from posexp.measure.evaluation import evaluate
        from posexp.show import evaluation_report

        try:
            evaluation = evaluate(poses, truth, part=evaluation_report.is_part(self._record.params))
        except PosexpError as error:
            log.warning("%s; the run goes on without evaluation", error)
            return
        for note in evaluation.notes:
            log.warning("%s", note)
        evaluation_report.write_evaluation(evaluation, self._worst, self._folder.path / "artifacts")
        self._record.metrics.update(evaluation_report.metrics(evaluation))
        self._record.tags.update(evaluation_report.truth_tags(path, {}))
        if len(evaluation.truth) == len(poses):
            tracking.add_series(
                self._record, poses, evaluation_report.error_series(evaluation, self._record.tags)
            )

    def _artifact(self, name: str) -> Path:
        return _artifact(self._folder.path, name)

    def _log(self) -> Run:
        store, problem = self._store, self._problem
        if store is not None:
            try:
                tracking.ask(store.uri)  # one that hangs would keep us for each of many requests
                return tracking.log_record(store, self._folder, self._record)
            except tracking.Refused as error:
                place = _reject(store, self._folder, self._record, error)
                raise TrackingError(
                    error.subject, f"{error.problem}; the results are in {place.resolve()}",
                    error.remedy,
                ) from error  # fmt: skip
            except TrackingError as error:
                problem = error
        assert problem is not None
        raise WaitingError(
            problem.subject,
            f"{problem.problem}; the results are in {self._folder.path.resolve()}",
            "`python -m posexp sync` with the same tracking settings logs them later",
        ) from problem  # fmt: skip


class WaitingError(TrackingError):
    """The results are complete, but the store did not take them."""


def _artifact(folder: Path, name: str) -> Path:
    path = folder / "artifacts" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _write_tables(poses: PoseSequence, record: RunRecord, folder: Path, body: bool) -> None:
    """Keypoints and confidence, as files and as the record's metrics and series."""
    from posexp.measure import quality

    record.metrics.update(quality.summary(poses, record.threshold))
    tracking.add_series(record, poses, quality.confidence_series(poses))
    table = poses.select(BODY) if body else poses
    table.to_csv(_artifact(folder, "keypoints/keypoints.csv"))
    poses.to_parquet(_artifact(folder, "keypoints/keypoints.parquet"))
    with whole(_artifact(folder, "statistics/confidence.csv")) as part:
        quality.confidence_table(poses, record.threshold).to_csv(
            part, index=False, float_format="%.6g"
        )


def _salvage(folder: Path, record: RunRecord) -> None:
    """Make tables of the poses that a dead process had written down."""
    try:
        skeleton = Skeleton.of(record.shape)
    except KeyError:  # a record without poses, or with those of a skeleton that nobody knows
        return
    about = {k: v for k, v in record.shape.items() if k not in skeleton.described()}
    frames = read_journal(folder / FILE, len(skeleton))
    if frames:
        poses = PoseSequence.from_frames(frames, skeleton, **about)
        body = record.params.get("keypoints.joints") == "body"
        _write_tables(poses, record, folder, body)


def _digest(parts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _status(error: BaseException | None) -> str:
    if error is None:
        return "FINISHED"
    return "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"


def _stamp(video: Path) -> tuple[int, int]:
    try:
        status = video.stat()
    except OSError as error:
        raise VideoError(video, f"cannot be read ({error.strerror})", "Check the path") from error
    return status.st_size, status.st_mtime_ns


def _sha256(video: Path) -> str:
    try:
        return sha256_of(video)
    except OSError as error:
        raise VideoError(video, f"cannot be read ({error.strerror})", "Check the path") from error


def _tags(job: Job, source: VideoSource, estimator: Estimator) -> dict[str, str]:
    info = source.info
    tags = {tracking.tag_name(key): printable(value) for key, value in job.columns.items()}
    tags |= {
        "video": printable(info.path.absolute()),
        "video.sha256": job.content.sha256,
        "video.fps": f"{info.fps:.6g}",
        "video.size": f"{info.width}x{info.height}",
        "video.codec": info.codec,
        "weights.source": printable(estimator.weights.source),
        "weights.sha256": estimator.weights.sha256,
        "confidence": estimator.confidence_meaning,
        "version.python": platform.python_version(),
        "posexp.keypoints": job.keypoints,
        "posexp.fingerprint": job.fingerprint,
    }
    if job.sweep:
        tags["posexp.sweep"] = job.sweep
    for package in _VERSIONS:
        tags[f"version.{package}"] = importlib.metadata.version(package)
    commit = _git_commit()
    if commit:
        tags["mlflow.source.git.commit"] = commit
    return tags


def _git_commit() -> str:
    """The checkout's commit; empty for an installed wheel."""
    here = Path(__file__).resolve().parents[1]
    if here.parent.name != "src":
        return ""
    try:
        result = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return result.stdout.strip()


def _escaped(config: Any) -> Any:
    """Plain values whose ``${`` OmegaConf must not read as interpolation."""
    if isinstance(config, dict):
        return {key: _escaped(value) for key, value in config.items()}
    return config.replace("${", "\\${") if isinstance(config, str) else config
