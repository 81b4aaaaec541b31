"""A run that a person has put right: a new one, made from its poses as the first was."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd

from posexp.errors import ConfigError, TableError, TrackingError
from posexp.exports.write import REPETITIONS
from posexp.movement.events import EVENTS
from posexp.movement.given import checked_for
from posexp.pose.sequence import PoseSequence
from posexp.progress import Report, progress_bar
from posexp.runs import edits as edited
from posexp.runs.edits import AUTOMATIC_EVENTS, AUTOMATIC_POSES, EDITS, Change, Edits, Table
from posexp.runs.fingerprint import content_of
from posexp.runs.job import prepare
from posexp.runs.performance import perform
from posexp.runs.replay import Replay
from posexp.runs.run import as_logged, in_its_experiment
from posexp.settings import TrackingSettings
from posexp.store import tags
from posexp.store.archive import Archive
from posexp.store.run import Run
from posexp.video.source import VideoSource


def edit(
    run: Run | str,
    events: Table | None = None,
    keypoints: Table | None = None,
    *,
    settings: TrackingSettings | None = None,
    progress: bool = False,
    report: Report | None = None,
) -> Run:
    """Put a run's events or keypoints right, as a new run; the first stays as it is.

    Everything that follows from them is made again, in the same way: cleaning, angles,
    repetitions, metrics, figures, the overlay. What the program had found is kept in the new run
    (``keypoints/automatic.parquet``, ``movement/automatic.csv``), with a row for every change
    (``edits/edits.csv``) and the joints that were set as ground truth (``edits/labels.csv``).

    Parameters
    ----------
    run : Run or str
        A finished one, or its id, the beginning of it, or ``last``; also one that was edited.
    events : DataFrame or path of a CSV, optional
        In place of all events of the run: a row per repetition, ``lean_start, rise_start,
        standing, sit_start, seated`` in s, empty where not known, as in
        ``movement/repetitions.csv``, whose other columns are computed again.
    keypoints : DataFrame or path of a CSV, optional
        ``frame, joint, x, y``, px of the upright picture; x and y empty where the joint is not to
        be seen.
    settings : TrackingSettings, optional
        Where the run is, and the new one goes.
    progress : bool
        Show a progress bar.
    report : callable, optional
        Hears how far it is, in place of a bar.

    Returns
    -------
    Run
        The new run; its tag ``posexp.edited_from`` is the id of the first.

    Raises
    ------
    PosexpError
        For a run that is not there or not finished, one whose video is not there any more, tables
        that cannot be (see docs/editing.md), or nothing to change. Nothing is logged then.
    """
    if settings is None:
        settings = settings_of(run) if isinstance(run, Run) else TrackingSettings()
    archive = Archive(settings)
    first = archive.open().run(run) if isinstance(run, str) else run
    if first.status != "FINISHED":
        raise TrackingError(
            f"run {first.name} ({first.id})", f"expected a finished run, got one that is "
            f"{first.status}", "Edit one that is complete, or run again",
        )  # fmt: skip
    changed = _edits_of(first, events, keypoints)
    config, plain = as_logged(first)
    config.tracking = in_its_experiment(settings, first)
    config.tracking.run_name = f"{first.name.removesuffix(' edited')} edited"
    plain["tracking"] = asdict(config.tracking)
    video = Path(config.video.path or "")
    source = VideoSource(video, config.video.start, config.video.stop)
    replay = Replay(first, changed)
    job = prepare(config, plain, video, content_of(video), replay.weights)
    # What a model said is another result: nothing may take this one for it.
    job = replace(
        job,
        keypoints=_digest(job.keypoints, changed),
        fingerprint=_digest(job.fingerprint, changed),
    )
    more = {
        **tags.of_the_clip(first.tags),
        tags.EDITED_FROM: first.id,
        tags.EDITED: changed.sentence,
    }
    if changed.events is not None:
        more[tags.EVENTS_SET] = "true"
    with progress_bar(f"{first.name}: {video.name}", progress and report is None) as bar:
        return perform(job, replay, source, archive, report or bar, more)


def settings_of(run: Run) -> TrackingSettings:
    """Settings by which the store of a run is found."""
    here = TrackingSettings()
    if Archive(here).address.uri == run.uri:
        return here
    # The store's folder, whose artifacts are in <folder>/artifacts/<experiment>/<run>/artifacts.
    for folder in Path(run.artifacts).parents:
        there = TrackingSettings(folder=str(folder))
        if Archive(there).address.uri == run.uri:
            return there
    return TrackingSettings(uri=run.uri)


def _edits_of(run: Run, events: Table | None, keypoints: Table | None) -> Edits:
    """The changes, checked before anything is begun."""
    poses, found = run.poses(), _repetitions_of(run)
    told: pd.DataFrame | None = None
    event_changes: list[Change] = []
    changes: list[Change] = []
    if events is not None:
        if run.params.get("activity") == "none":
            raise ConfigError(
                "events", f"run {run.name} ({run.id[:8]}) was made with activity=none",
                "Run it again with activity=sit_to_stand, and edit that",
            )  # fmt: skip
        told = checked_for(edited.read_edits("events", events), poses.time)
        event_changes = edited.moved_events(_events_in(found), told)
    if not event_changes:  # then those that somebody has set before stay
        told = _events_in(found) if tags.EVENTS_SET in run.tags else None
    new = poses
    if keypoints is not None:
        new, changes = edited.moved_joints(poses, edited.read_edits("keypoints", keypoints))
    if not (event_changes or changes):
        raise TableError(
            "edit", f"nothing to change: run {run.name} ({run.id[:8]}) has the same already"
            if events is not None or keypoints is not None
            else "expected events or keypoints, got neither",
        )  # fmt: skip
    table = edited.changes_of(event_changes, changes)
    automatic_events, before = found, poses if changes else None
    if run.edited:
        known = pd.read_csv(run.file(EDITS)).astype(table.dtypes.to_dict())
        table = pd.concat([known, table], ignore_index=True)
        automatic_events = run.table(AUTOMATIC_EVENTS)
        if (known["what"] == "keypoint").any():
            before = PoseSequence.read(run.file(AUTOMATIC_POSES))
    return Edits(new, told, table, before, automatic_events)


def _events_in(found: pd.DataFrame | None) -> pd.DataFrame:
    return pd.DataFrame(columns=list(EVENTS), dtype=float) if found is None else found[list(EVENTS)]


def _repetitions_of(run: Run) -> pd.DataFrame | None:
    return run.table(REPETITIONS) if tags.MOVEMENT in run.tags else None


def _digest(before: str, changed: Edits) -> str:
    return hashlib.sha256(f"{before} {changed.table.to_csv()}".encode()).hexdigest()
