"""On logged runs: evaluate one against ground truth, compare several, and log what comes out."""

from __future__ import annotations

import logging
import re
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from posexp.errors import ConfigError, TrackingError
from posexp.files import at_home, sha256_of
from posexp.measure.comparison import Comparison, compare
from posexp.measure.evaluation import GROUPS, Evaluation, evaluate
from posexp.pose.sequence import FramePose, PoseSequence
from posexp.pose.truth import read_truth, truth_beside
from posexp.runs import evaluated
from posexp.runs.agreement import write_agreement
from posexp.runs.note import described_again, described_comparison, with_comparisons
from posexp.settings import TrackingSettings
from posexp.show.comparison_report import disagreement_pictures, write_comparison
from posexp.show.evaluation_report import write_evaluation
from posexp.show.pictures import WorstFrames
from posexp.store import shown, tags
from posexp.store.archive import Archive
from posexp.store.record import RunRecord
from posexp.store.run import Run, newest_of_each
from posexp.store.views import comparisons_route
from posexp.video.source import VideoSource

if TYPE_CHECKING:
    from posexp.store.mlflow import Store

log = logging.getLogger("posexp")


def evaluate_run(
    run_id: str = "last",
    truth: str | Path | None = None,
    archive: Archive | None = None,
) -> tuple[Run, Evaluation]:
    """Compare a logged run with ground truth, and log metrics and figures to the same run.

    Parameters
    ----------
    run_id : str
        Its id, the beginning of it, or ``last``.
    truth : path, optional
        As `posexp.read_truth` takes it; ``clip.truth.*`` beside the run's video by default.
    archive : Archive, optional
        Where the run is; ``$MLFLOW_TRACKING_URI`` or ``mlruns/`` here by default.

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
    store = (archive or Archive(TrackingSettings())).open()
    run = store.run(run_id)
    video = run.video or Path()
    path = Path(truth) if truth is not None else truth_beside(video)
    if path is None:
        raise ConfigError(
            "truth", f"expected a file with ground truth: none lies beside {video.name}",
            f"Give truth=FILE, or name it {video.stem}.truth.csv",
        )  # fmt: skip
    poses = run.poses()
    labels = read_truth(path, poses.width, poses.height)
    evaluation = evaluate(poses, labels, part=evaluated.is_part(run.params))
    worst = _worst_frames(video, run.video_sha256, poses, labels.poses)
    with tempfile.TemporaryDirectory() as name:
        write_evaluation(evaluation, worst, Path(name))
        known = evaluated.truth_tags(path, run.tags)
        steps, series = shown.thinned(evaluation.truth, evaluated.error_series(evaluation, known))
        metrics = evaluated.metrics(evaluation)
        known = {**known, tags.DESCRIPTION: described_again(run, metrics, known)}
        run = store.add(run, metrics, steps, series, known, Path(name), GROUPS)
    return run, evaluation


def compare_runs(
    runs: Sequence[str] = (),
    video: str | Path | None = None,
    sweep: str | None = None,
    archive: Archive | None = None,
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
    archive : Archive, optional
        Where the runs are; ``$MLFLOW_TRACKING_URI`` or ``mlruns/`` here by default.

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
    archive = archive or Archive(TrackingSettings())
    store = archive.open()
    chosen = _chosen_runs(store, runs, video, sweep)
    groups = [chosen]
    if sweep is not None and not runs:
        videos = dict.fromkeys(run.video_sha256 for run in chosen)
        groups = [[run for run in chosen if run.video_sha256 == v] for v in videos] or [[]]
    comparisons = [(group, compare(group)) for group in groups]
    return [
        (_log_comparison(store, archive.settings.experiment, *pair), pair[1])
        for pair in comparisons
    ]


def _log_comparison(
    store: Store, experiment: str, chosen: list[Run], comparison: Comparison
) -> Run:
    source, content = chosen[0].video or Path(), chosen[0].video_sha256
    title = f"{', '.join(comparison.labels)}: {source.stem}"
    pictures: list[tuple[int, Any]] = []
    if source.is_file() and sha256_of(source) == content:
        pictures = disagreement_pictures(comparison, source)
    else:
        log.warning("%s: the video of the runs has gone or changed; no pictures", source)
    record = RunRecord(
        name=f"compare {title}"[:250],
        experiment=f"{experiment} comparisons",  # a table of its own: runs do not mix with them
        params={"runs": ", ".join(run.id for run in chosen)},
        tags={
            tags.KIND: "comparison", tags.COMPARED: str(source),
            tags.DESCRIPTION: described_comparison(chosen, source, len(pictures)),
        },
        dataset={"name": source.name[:500], "digest": content[:16], "source": str(source)},
        status="FINISHED",
    )  # fmt: skip
    record.metrics = _comparison_metrics(comparison)
    steps, series = shown.thinned(
        next(iter(comparison.sequences.values())),
        {"frame_disagreement/torso": comparison.disagreement},
    )
    record.steps, record.series = steps, series
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        labelled = dict(zip(comparison.labels, chosen, strict=True))
        movement = write_agreement(labelled, folder / "artifacts")
        write_comparison(comparison, folder / "artifacts", title, pictures, movement)
        shown.add_pictures(record, folder / "artifacts", dict(pictures))
        shown.add_tables(record, folder / "artifacts")
        record.end_ms = int(time.time() * 1000)
        store.start(record)
        logged = store.finish(record, folder)
    _link_back(store, chosen, logged)
    return logged


def _link_back(store: Store, chosen: list[Run], comparison: Run) -> None:
    """Have the runs' pages lead to their comparisons, where the store lets us."""
    for run in chosen:
        route = comparisons_route(comparison.experiment_id, run.id)
        try:
            store.describe(run.id, partial(with_comparisons, route=route))
        except TrackingError as error:
            log.warning("the page of run %s (%s) does not lead to the comparison: %s",
                        run.name, run.id[:8], error.problem)  # fmt: skip


def _chosen_runs(
    store: Store, runs: Sequence[str], video: str | Path | None, sweep: str | None
) -> list[Run]:
    if runs:
        return [store.run(run) for run in dict.fromkeys(runs)]
    if sweep is not None:
        found = store.search({tags.SWEEP: sweep})
    elif video is not None:
        path = at_home(video)
        if not path.is_file():
            raise ConfigError("video", f"expected a file, found none at {path}")
        found = store.search({tags.VIDEO_SHA256: sha256_of(path)})
    else:
        raise ConfigError(
            "compare", "expected runs=[...], video=FILE or sweep=ID",
            "`python -m posexp ui` shows the runs and their ids",
        )  # fmt: skip
    return newest_of_each(run for run in found if run.status == "FINISHED")[::-1]


def _comparison_metrics(comparison: Comparison) -> dict[str, float]:
    """The pairs' figures for the body joints; names that MLflow takes."""
    table = comparison.pairwise()
    metrics = {}
    for _, row in table[table["joint"] == "body"].iterrows():
        pair = re.sub(r"[^\w. -]", "_", f"{row['first']} - {row['second']}")
        for name in ("median_px", "median_torso", "agree"):
            metrics[f"between/{pair}/{name}"] = float(row[name])
        different = comparison.different(row["first"], row["second"])
        metrics[f"between/{pair}/different_people"] = float(different.mean())
    return {name: value for name, value in metrics.items() if np.isfinite(value)}


def _worst_frames(
    video: Path, digest: str, poses: PoseSequence, truth: PoseSequence
) -> WorstFrames | None:
    """Go through the run's video once more; None when it is not there any more."""
    if not video.is_file() or sha256_of(video) != digest:
        log.warning("%s: the video of the run has gone or changed; no worst frames", video)
        return None
    worst = WorstFrames(truth, poses.skeleton)
    rows = {int(frame): row for row, frame in enumerate(poses.frame)}
    for frame in VideoSource(video, 0.0, None).frames():
        row = rows.get(frame.index)
        if row is not None:
            worst.add(
                frame, FramePose(frame.index, frame.time, poses.image[row], poses.confidence[row])
            )
    return worst
