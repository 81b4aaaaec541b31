"""What users call: run one job, or repeat a logged one; and load a run back."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from posexp.config import ADDRESS, Config, load_config, logged_overrides
from posexp.errors import ConfigError, TrackingError
from posexp.files import at_home, sha256_of
from posexp.models.registry import load
from posexp.models.weights.table import is_published
from posexp.pose.sequence import PoseSequence
from posexp.progress import progress_bar
from posexp.runs.fingerprint import content_of
from posexp.runs.job import prepare
from posexp.runs.performance import perform
from posexp.runs.recovery import recover
from posexp.settings import TrackingSettings
from posexp.spans import span
from posexp.store import tags
from posexp.store.archive import Archive
from posexp.store.run import Run
from posexp.video.embedded import embedded_clip
from posexp.video.source import VideoSource

log = logging.getLogger("posexp")


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
    with span("start: configuration"):
        config, plain = load_config(overrides)
    return _run(config, plain, Archive(config.tracking), progress, {})


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
    return Archive(TrackingSettings(uri=uri)).open().run(run_id)


@dataclass(frozen=True)
class Repetition:
    """A run that was made again, beside the first.

    Parameters
    ----------
    first, second : Run
        The logged run and its repetition.
    identical : bool
        Whether every keypoint of every frame has the same bits.
    largest_px : float
        The largest distance of a joint between the two, px; NaN when their frames differ.
    """

    first: Run
    second: Run
    identical: bool
    largest_px: float


def rerun(
    run_id: str = "last",
    settings: TrackingSettings | None = None,
    *,
    weights: str | None = None,
    progress: bool = False,
) -> Repetition:
    """Do again what a logged run did, from its configuration, and compare the keypoints.

    What comes from a store is data: nothing in it is resolved, and no address in it is asked but
    the published ones.

    Parameters
    ----------
    run_id : str
        Its id, the beginning of it, or ``last``.
    settings : TrackingSettings, optional
        Where the run is, and the new one goes; to the experiment of the first by default.
    weights : str, optional
        In place of the run's ``model.weights``: a file, or an address that you trust.
    progress : bool
        Show a progress bar.

    Raises
    ------
    TrackingError
        When there is no such run, or its video is another one now.
    ConfigError
        When its configuration has other keys or values than ours, or an address for weights.
    """
    settings = settings or TrackingSettings()
    archive = Archive(settings)
    first = archive.open().run(run_id)
    if first.edited:
        raise TrackingError(
            f"run {first.name} ({first.id})", "expected one that a model has made, got one that "
            "somebody has edited", f"Repeat what it was: run={first.tags[tags.EDITED_FROM]}",
        )  # fmt: skip
    config, plain = as_logged(first)
    logged = config.model.weights or ""
    if weights:
        config.model.weights = plain["model"]["weights"] = weights
    elif ADDRESS(logged) and not _is_trusted(config):
        raise ConfigError(
            "model.weights", f"the run {first.name} ({first.id}) took its weights from an address "
            f"that is not a published one: {logged}",
            f"If you trust it: python -m posexp rerun run={first.id} weights={logged}",
        )  # fmt: skip
    settings = in_its_experiment(settings, first)
    config.tracking, plain["tracking"] = settings, asdict(settings)
    second = _run(config, plain, archive, progress, {tags.RERUN_OF: first.id})
    before, now = _made_with(first), _made_with(second)
    for what in sorted(before):
        if now.get(what) != before[what]:
            log.warning("%s was %s, is %s", what, before[what], now.get(what))
    return Repetition(first, second, *_difference(first.poses(), second.poses()))


def as_logged(run: Run) -> tuple[Config, dict[str, Any]]:
    """The configuration of a logged run, checked; TrackingError where its video is not there."""
    config, plain = load_config(logged_overrides(run.file("config/config.yaml")))
    video = Path(config.video.path or "")
    there = os.path.isfile(video)  # noqa: PTH113  no error for what cannot be a name
    if not there or sha256_of(video) != run.video_sha256:
        raise TrackingError(
            f"run {run.name} ({run.id})", f"expected its video at {video}, found "
            f"{'another one' if there else 'nothing'} there", "Put it back there",
        )  # fmt: skip
    return config, plain


def in_its_experiment(settings: TrackingSettings, run: Run) -> TrackingSettings:
    """The settings, with the experiment of a run where they name none."""
    if settings.experiment != TrackingSettings.experiment:
        return settings
    return replace(settings, experiment=run.params.get("tracking.experiment", settings.experiment))


def _made_with(run: Run) -> dict[str, str]:
    """Versions and weights that a run was made with."""
    kept = (tags.WEIGHTS_SHA256, tags.RUNTIME)
    known = {k: v for k, v in run.tags.items() if k in kept or k.startswith(tags.VERSION)}
    with contextlib.suppress(TrackingError, ValueError, KeyError, TypeError, AttributeError):
        versions = json.loads(run.file(tags.ENVIRONMENT).read_text(encoding="utf-8"))["versions"]
        known |= {f"{tags.VERSION}{name}": str(version) for name, version in versions.items()}
    return known


def _is_trusted(config: Config) -> bool:
    """Whether the weights' address is published, or that of the model as it is installed here."""
    weights, model = config.model.weights, config.model.name
    return is_published(weights) or load_config([f"model={model}"])[0].model.weights == weights


def _run(
    config: Config, plain: dict[str, Any], archive: Archive, progress: bool, more: dict[str, str]
) -> Run:
    settings = config.video
    video = at_home(settings.path) if settings.path else embedded_clip()
    with span("start: video"):
        source = VideoSource(video, settings.start, settings.stop)
        content = content_of(source.path)
    with span("start: model"):
        estimator = load(config.model)
        job = prepare(config, plain, source.path, content, estimator.weights)
    with span("start: what others left"):
        recover(archive)
    with progress_bar(f"{estimator.name}: {video.name}", progress) as report:
        return perform(job, estimator, source, archive, report, more)


def _difference(first: PoseSequence, second: PoseSequence) -> tuple[bool, float]:
    """Whether two sequences are the same bit for bit, and the largest distance in px."""
    if replace(first, source="") == replace(second, source=""):
        return True, 0.0
    if first.image.shape != second.image.shape:
        return False, float("nan")
    apart = np.linalg.norm(first.image.astype(float) - second.image, axis=-1)
    return False, float(np.nanmax(apart)) if np.isfinite(apart).any() else float("nan")
