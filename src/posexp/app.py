"""The main job: one video, one variant, one MLflow run."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import logging
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from posexp import figures, reports, statistics, tracking
from posexp.config import Config, flatten, load_config
from posexp.errors import PosexpError, TrackingError
from posexp.estimators import Estimator, load
from posexp.evaluation import evaluate
from posexp.extraction import Extraction, Sink
from posexp.overlay import KeyFrames, OverlayVideo, WorstFrames
from posexp.poses import PoseSequence
from posexp.skeleton import BODY
from posexp.tracking import Run, RunRecord, Store
from posexp.truth import GroundTruth, read_truth, truth_beside
from posexp.video import VideoSource, writing_failed
from posexp.weights import sha256_of

log = logging.getLogger("posexp")

_VERSIONS = (
    "posexp", "mediapipe", "tensorflow", "tensorflow-hub", "ai-edge-litert", "av", "numpy", "mlflow"
)  # fmt: skip


def embedded_clip() -> Path:
    """The rendered sit-to-stand clip that comes with the package."""
    return Path(str(importlib.resources.files("posexp"))) / "data" / "sit_to_stand.mp4"


def run(overrides: Sequence[str] = (), *, progress: bool = False) -> Run:
    """Extract the poses of one video with one variant, and log them as one MLflow run.

    Parameters
    ----------
    overrides : sequence of str
        As on the command line: ``["model=lightning", "video=clip.mp4"]``.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Run
        The logged run, with its parameters, metrics and files.

    Raises
    ------
    PosexpError
        With one line that says what was expected, what was got and what to do. What had been
        computed is kept: in the run, or in the folder that the error names.
    KeyboardInterrupt
        After the run was closed as KILLED with what had been computed.
    """
    config, plain = load_config(overrides)
    source = VideoSource(
        Path(config.video.path) if config.video.path else embedded_clip(),
        config.video.start, config.video.stop,
    )  # fmt: skip
    estimator = load(config.model)
    job = _Job(config, plain, source, estimator)
    return job.run(progress)


def load_run(run_id: str = "last", uri: str | None = None) -> Run:
    """A logged run by its id, the beginning of it, or ``last``.

    Parameters
    ----------
    run_id : str
        Which run.
    uri : str, optional
        MLflow tracking URI; ``$MLFLOW_TRACKING_URI`` or ``mlruns/`` here by default.

    Raises
    ------
    TrackingError
        When there is no such run, or the store does not answer.
    """
    return tracking.open_store(tracking.TrackingSettings(uri=uri)).run(run_id)


class _Job:
    """One run: results go to a folder first, and from there to MLflow when it answers."""

    def __init__(
        self, config: Config, plain: dict[str, Any], source: VideoSource, estimator: Estimator
    ) -> None:
        self._config, self._source, self._estimator = config, source, estimator
        self._threshold = config.keypoints.confidence_threshold
        info = source.info
        name = config.tracking.run_name or f"{estimator.name} {info.path.stem}"
        plain["video"]["path"] = str(info.path)
        if getattr(estimator, "input_size", None):
            plain["model"]["input_size"] = estimator.input_size  # type: ignore[attr-defined]
        self._plain = plain
        digest = sha256_of(info.path)
        self._record = RunRecord(
            name=name,
            experiment=config.tracking.experiment,
            params=flatten(plain),
            tags=_tags(source, estimator, digest),
            dataset={
                "name": info.path.name[:500], "digest": digest[:16], "source": str(info.path)
            },
        )  # fmt: skip
        path = truth_beside(info.path)
        self._truth_path = path
        # Read now, so that a bad file is told before the long part.
        self._truth = read_truth(path, info.width, info.height) if path else None
        self._worst = (
            WorstFrames(self._truth.poses, estimator.skeleton, estimator.name)
            if self._truth else None
        )  # fmt: skip
        self._store, self._problem = self._open_store()
        self._folder = self._make_folder()

    def run(self, progress: bool) -> Run:
        record, extraction = self._record, None
        try:
            self._start()
            extraction, overlay, keys = self._extraction()
            error = self._extract(extraction, overlay, progress)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        if len(extraction):
            try:
                self._write_results(extraction.poses(), keys)
            except Exception as failure:  # the run must be closed, whatever went wrong
                lost = isinstance(failure, OSError)
                error = error or (writing_failed(self._folder, failure) if lost else failure)
        for warning in self._source.warnings:
            log.warning("%s: %s", self._source.path, warning)
        if self._source.warnings:
            record.tags["video.warnings"] = "; ".join(self._source.warnings)
        record.status = _status(error)
        if error is not None:
            record.tags["error"] = str(error) or type(error).__name__
        record.end_ms = int(time.time() * 1000)
        try:
            record.save(self._folder)
        except OSError as failure:
            (self._folder / "run.json.part").unlink(missing_ok=True)
            error = error or writing_failed(self._folder, failure)
            record.status, record.tags["error"] = _status(error), str(error)
        logged = self._log()
        if error is not None:
            raise error
        return logged

    def _open_store(self) -> tuple[Store | None, TrackingError | None]:
        """A server that is down must not cost a run: its results wait in a folder."""
        settings = self._config.tracking
        try:
            return tracking.open_store(settings), None
        except TrackingError as error:
            tracking.make_folder(Path(settings.folder).expanduser())
            log.warning("%s; going on without it", error.problem)
            return None, error

    def _make_folder(self) -> Path:
        stem = re.sub(r"[^\w.-]+", "_", self._source.path.stem)[:80]
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(self._record.start_ms / 1000))
        base = Path(self._config.tracking.folder).expanduser() / "pending"
        folder = base / f"{stamp}-{self._estimator.name}-{stem}"
        for attempt in range(2, 1000):
            try:
                folder.mkdir(parents=True)
                return folder
            except FileExistsError:
                folder = base / f"{stamp}-{self._estimator.name}-{stem}-{attempt}"
            except OSError as error:
                raise writing_failed(base, error) from error
        raise TrackingError(base, "expected a free folder name, found none", "Empty this folder")

    def _start(self) -> None:
        if self._store is not None:
            try:
                self._store.start(self._record)
            except TrackingError as error:
                if not tracking.is_server(self._store.uri):
                    raise
                self._store, self._problem = None, error

    def _extraction(self) -> tuple[Extraction, OverlayVideo | None, KeyFrames]:
        settings, skeleton = self._config.overlay, self._estimator.skeleton
        keys = KeyFrames(settings, skeleton, self._estimator.name)
        sinks: list[Sink] = [keys, *([self._worst] if self._worst else [])]
        overlay = None
        if settings.enabled:
            path = self._artifact("overlay/overlay.mp4")
            overlay = OverlayVideo(
                path, settings, skeleton, self._estimator.name, self._source.info.fps
            )
            sinks.append(overlay)
        return Extraction(self._source, self._estimator, sinks), overlay, keys

    def _extract(
        self, extraction: Extraction, overlay: OverlayVideo | None, progress: bool
    ) -> BaseException | None:
        """Go through the video; the error that stopped it, if one did."""
        stopped: BaseException | None = None
        try:
            extraction.run(progress)
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

    def _write_results(self, poses: PoseSequence, keys: KeyFrames) -> None:
        import imageio.v3 as iio
        from omegaconf import OmegaConf

        threshold = self._threshold
        record = self._record
        record.metrics.update(statistics.summary(poses, threshold))
        record.add_series(poses, statistics.confidence_series(poses))
        if not statistics.tracked(poses, threshold).any():
            log.warning(
                "%s: no person was found in any of the %d frames", self._source.path, len(poses)
            )
            record.tags["note"] = "no person found"
        table = poses if self._config.keypoints.joints == "all" else poses.select(BODY)
        table.to_csv(self._artifact("keypoints/keypoints.csv"))
        poses.to_parquet(self._artifact("keypoints/keypoints.parquet"))
        self._artifact("config/config.yaml").write_text(
            OmegaConf.to_yaml(OmegaConf.create(_escaped(self._plain))), encoding="utf-8"
        )
        confidence = statistics.confidence_table(poses, threshold)
        confidence.to_csv(
            self._artifact("statistics/confidence.csv"), index=False, float_format="%.6g"
        )
        for name, figure in (
            ("confidence", figures.confidence_heatmap(poses)),
            ("trajectories", figures.trajectories(poses, threshold)),
        ):
            figure.savefig(self._artifact(f"figures/{name}.png"), dpi=110)
        if self._truth is not None and self._truth_path is not None:
            self._write_evaluation(poses, self._truth, self._truth_path)
        if keys.pictures:
            iio.imwrite(self._artifact("overlay/contact_sheet.png"), keys.contact_sheet())
            (self._folder / "images").mkdir()
            for index, picture in keys.pictures.items():
                iio.imwrite(self._folder / "images" / f"{index:09d}.png", picture)

    def _write_evaluation(self, poses: PoseSequence, truth: GroundTruth, path: Path) -> None:
        """Truth that does not fit must not cost the run."""
        try:
            evaluation = evaluate(poses, truth, part=reports.is_part(self._record.params))
        except PosexpError as error:
            log.warning("%s; the run goes on without evaluation", error)
            return
        for note in evaluation.notes:
            log.warning("%s", note)
        reports.write_evaluation(evaluation, self._worst, self._folder / "artifacts")
        self._record.metrics.update(reports.metrics(evaluation))
        self._record.tags.update(reports.truth_tags(path))
        if len(evaluation.truth) == len(poses):
            self._record.add_series(poses, reports.error_series(evaluation))

    def _artifact(self, name: str) -> Path:
        path = self._folder / "artifacts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _log(self) -> Run:
        problem = self._problem
        if self._store is not None:
            try:
                return tracking.log_record(self._store, self._folder, self._record)
            except TrackingError as error:
                problem = error
        assert problem is not None
        raise TrackingError(
            problem.subject, f"{problem.problem}; the results are in {self._folder.resolve()}",
            "`python -m posexp sync` with the same tracking settings logs them later",
        ) from problem  # fmt: skip


def _status(error: BaseException | None) -> str:
    if error is None:
        return "FINISHED"
    return "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"


def _tags(source: VideoSource, estimator: Estimator, digest: str) -> dict[str, str]:
    info = source.info
    tags = {
        "video": str(info.path),
        "video.sha256": digest,
        "video.fps": f"{info.fps:.6g}",
        "video.size": f"{info.width}x{info.height}",
        "video.codec": info.codec,
        "weights.source": estimator.weights.source,
        "weights.sha256": estimator.weights.sha256,
        "confidence": estimator.confidence_meaning,
        "version.python": platform.python_version(),
    }
    for package in _VERSIONS:
        tags[f"version.{package}"] = importlib.metadata.version(package)
    commit = _git_commit()
    if commit:
        tags["mlflow.source.git.commit"] = commit
    return tags


def _git_commit() -> str:
    """The checkout's commit; empty for an installed wheel."""
    here = Path(__file__).resolve().parent
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
