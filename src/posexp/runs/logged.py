"""On logged runs: evaluate one against ground truth, compare several, and log what comes out."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from posexp.errors import ConfigError
from posexp.files import at_home, sha256_of
from posexp.measure.comparison import Comparison, compare
from posexp.measure.evaluation import GROUPS, Evaluation, evaluate
from posexp.pose.sequence import FramePose, PoseSequence
from posexp.pose.truth import read_truth, truth_beside
from posexp.settings import TrackingSettings
from posexp.show import evaluation_report
from posexp.show.comparison_report import disagreement_pictures, write_comparison
from posexp.show.pictures import WorstFrames
from posexp.store import tracking
from posexp.store.record import RunRecord
from posexp.store.tracking import Run, Store
from posexp.video.source import VideoSource

log = logging.getLogger("posexp")


def evaluate_run(
    run_id: str = "last",
    truth: str | Path | None = None,
    settings: TrackingSettings | None = None,
) -> tuple[Run, Evaluation]:
    """Compare a logged run with ground truth, and log metrics and figures to the same run.

    Parameters
    ----------
    run_id : str
        Its id, the beginning of it, or ``last``.
    truth : path, optional
        As `posexp.read_truth` takes it; ``clip.truth.*`` beside the run's video by default.
    settings : TrackingSettings, optional
        Where the run is.

    Returns
    -------
    Run, Evaluation
        The run with the new metrics, and all errors.

    Raises
    ------
    TableError
        When the truth cannot be read or does not fit.
    TrackingError
        When there is no such run, or the store does not answer.
    """
    import tempfile

    store = tracking.open_store(settings or TrackingSettings())
    run = store.run(run_id)
    video = Path(run.tags.get("video", ""))
    path = Path(truth) if truth is not None else truth_beside(video)
    if path is None:
        raise ConfigError(
            "truth", f"expected a file with ground truth: none lies beside {video.name}",
            f"Give truth=FILE, or name it {video.stem}.truth.csv",
        )  # fmt: skip
    poses = run.poses()
    labels = read_truth(path, poses.width, poses.height)
    evaluation = evaluate(poses, labels, part=evaluation_report.is_part(run.params))
    worst = _worst_frames(video, run.tags.get("video.sha256", ""), poses, labels.poses)
    with tempfile.TemporaryDirectory() as name:
        evaluation_report.write_evaluation(evaluation, worst, Path(name))
        tags = evaluation_report.truth_tags(path, run.tags)
        steps, series = tracking.thinned(
            evaluation.truth, evaluation_report.error_series(evaluation, tags)
        )
        metrics = evaluation_report.metrics(evaluation)
        run = store.add(run, metrics, steps, series, tags, Path(name), GROUPS)
    return run, evaluation


def compare_runs(
    runs: Sequence[str] = (),
    video: str | Path | None = None,
    sweep: str | None = None,
    settings: TrackingSettings | None = None,
) -> list[tuple[Run, Comparison]]:
    """Compare logged runs of one video, and log the comparison as a run of its own.

    Parameters
    ----------
    runs : sequence of str
        Ids, beginnings of them, or ``last``.
    video : path, optional
        Instead: all finished runs of this video, the newest of each variant.
    sweep : str, optional
        Instead: all finished runs of a sweep, a comparison for each of its videos.
    settings : TrackingSettings, optional
        Where the runs are.

    Returns
    -------
    list of (Run, Comparison)
        The logged comparison, with tables, figures and ``comparison.html``; and the comparison.

    Raises
    ------
    TableError
        For fewer than two runs, or runs that have nothing in common.
    TrackingError
        When there are no such runs, or the store does not answer.
    """
    settings = settings or TrackingSettings()
    store = tracking.open_store(settings)
    chosen = _chosen_runs(store, runs, video, sweep)
    groups = [chosen]
    if sweep is not None and not runs:
        videos = dict.fromkeys(run.tags.get("video.sha256") for run in chosen)
        groups = [[r for r in chosen if r.tags.get("video.sha256") == v] for v in videos] or [[]]
    comparisons = [(group, compare(group)) for group in groups]
    return [(_log_comparison(store, settings, *pair), pair[1]) for pair in comparisons]


def _log_comparison(
    store: Store, settings: TrackingSettings, chosen: list[Run], comparison: Comparison
) -> Run:
    import tempfile

    source = Path(chosen[0].tags.get("video", ""))
    title = f"{', '.join(comparison.labels)}: {source.stem}"
    pictures: list[tuple[int, Any]] = []
    if source.is_file() and sha256_of(source) == chosen[0].tags.get("video.sha256"):
        pictures = disagreement_pictures(comparison, source)
    else:
        log.warning("%s: the video of the runs has gone or changed; no pictures", source)
    record = RunRecord(
        name=f"compare {title}"[:250],
        experiment=settings.experiment,
        params={"runs": ", ".join(run.id for run in chosen)},
        tags={"posexp.kind": "comparison", "posexp.compared": str(source)},
        dataset={"name": source.name[:500], "digest": chosen[0].tags.get("video.sha256", "")[:16],
                 "source": str(source)},
        status="FINISHED",
    )  # fmt: skip
    record.metrics = _comparison_metrics(comparison)
    steps, series = tracking.thinned(
        next(iter(comparison.sequences.values())),
        {"frame_disagreement/torso": comparison.disagreement},
    )
    record.steps, record.series = steps, series
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_comparison(comparison, folder / "artifacts", title, pictures)
        tracking.add_pictures(record, folder / "artifacts", dict(pictures))
        tracking.add_tables(record, folder / "artifacts")
        record.end_ms = int(time.time() * 1000)
        store.start(record)
        return store.finish(record, folder)


def _chosen_runs(
    store: Store, runs: Sequence[str], video: str | Path | None, sweep: str | None
) -> list[Run]:
    if runs:
        return [store.run(run) for run in dict.fromkeys(runs)]
    if sweep is not None:
        found = store.search({"posexp.sweep": sweep})
    elif video is not None:
        path = at_home(video)
        if not path.is_file():
            raise ConfigError("video", f"expected a file, found none at {path}")
        found = store.search({"video.sha256": sha256_of(path)})
    else:
        raise ConfigError(
            "compare", "expected runs=[...], video=FILE or sweep=ID",
            "`python -m posexp ui` shows the runs and their ids",
        )  # fmt: skip
    newest: dict[Any, Run] = {}
    for run in found:  # newest first
        if run.status == "FINISHED":
            variant = tuple(sorted((k, v) for k, v in run.params.items() if k.startswith("model")))
            newest.setdefault((run.tags.get("video.sha256"), variant), run)
    return list(newest.values())[::-1]


def _comparison_metrics(comparison: Comparison) -> dict[str, float]:
    """The pairs' figures for the body joints; names that MLflow takes."""
    table = comparison.pairwise()
    metrics = {}
    for _, row in table[table["joint"] == "body"].iterrows():
        pair = re.sub(r"[^\w. -]", "_", f"{row['first']} - {row['second']}")
        for name in ("median_px", "median_torso", "agree"):
            metrics[f"between/{pair}/{name}"] = float(row[name])
    return {name: value for name, value in metrics.items() if np.isfinite(value)}


def _worst_frames(
    video: Path, digest: str, poses: PoseSequence, truth: PoseSequence
) -> WorstFrames | None:
    """Go through the run's video once more; None when it is not there any more."""
    if not video.is_file() or sha256_of(video) != digest:
        log.warning("%s: the video of the run has gone or changed; no worst frames", video)
        return None
    worst = WorstFrames(truth, poses.skeleton, poses.model)
    rows = {int(frame): row for row, frame in enumerate(poses.frame)}
    for frame in VideoSource(video, 0.0, None).frames():
        row = rows.get(frame.index)
        if row is not None:
            worst.add(
                frame, FramePose(frame.index, frame.time, poses.image[row], poses.confidence[row])
            )
    return worst
