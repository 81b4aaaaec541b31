"""Many videos, many variants: the grid of a sweep, what is missing of it, and what came out."""

from __future__ import annotations

import contextlib
import html
import logging
import queue
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm.auto import tqdm

from posexp.config import Config, flatten, grid, load_config
from posexp.errors import TrackingError, VideoError, printable
from posexp.files import save_table
from posexp.models.registry import find_weights
from posexp.progress import Report, in_notebook, progress_bar, watched
from posexp.runs.fingerprint import Content, content_of
from posexp.runs.job import Job, prepare
from posexp.runs.recovery import log_waiting, recover, waits
from posexp.store import tags
from posexp.store.archive import Archive
from posexp.store.run import Run
from posexp.sweeps.clips import Clip, find_clips, sweep_of
from posexp.sweeps.launchers import launch
from posexp.sweeps.worker import Outcome
from posexp.video.embedded import embedded_clip

log = logging.getLogger("posexp")

METRICS = {
    "tracking/frames": "frames", "tracking/tracked_share": "tracked",
    "tracking/longest_gap_s": "longest_gap_s", "confidence/mean": "confidence",
    "jitter/residual_torso": "jitter_residual_torso", "error/mean_px": "error_px",
    "pck/0.10": "pck_0.10",
}  # fmt: skip
"""Of each run, in the table of a sweep."""

TAKEN = ("video", "model", "status", "run", *METRICS.values(), "problem")
"""Columns of that table that are ours, after those of the list and of the grid."""

GOOD = ("finished", "done before")


@dataclass
class Sweep:
    """What became of a batch.

    Parameters
    ----------
    name : str
        The tag ``posexp.sweep`` of its runs.
    table : DataFrame
        A row per job: the columns of the list, the keys that the grid varies, ``video, model,
        status, run``, the figures of `METRICS`, ``problem``.
    path : Path
        The table as CSV.
    page : str
        Address of its runs' charts in the MLflow UI; empty without runs.
    """

    name: str
    table: pd.DataFrame
    path: Path
    page: str = ""

    def _repr_html_(self) -> str:
        """For notebooks: its name and its table."""
        table = self.table.to_html(index=False, na_rep="", float_format="{:.4g}".format)
        return f"<b>sweep {html.escape(self.name)}</b>{table}"

    @property
    def failed(self) -> pd.DataFrame:
        """The rows of jobs that are not finished, here or by another process."""
        return self.table[~self.table["status"].isin((*GOOD, "elsewhere"))]


@dataclass
class _Plan:
    """The jobs of a sweep, and what can be said of some without doing them."""

    name: str
    config: Config
    varied: list[str]
    jobs: list[Job] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)


def sweep(overrides: Sequence[str] = (), *, progress: bool | None = None) -> Sweep:
    """Run every variant on every video, and log a run for each; what is there is not done again.

    Parameters
    ----------
    overrides : sequence of str
        As on the command line after ``-m``: ``["model=lightning,mlkit", "video=clips/"]``. Values
        with commas make the grid; ``video`` is a file, a folder, a glob, a .txt or .csv list.
    progress : bool, optional
        Show a bar for the batch and one for each clip under way; in a notebook by default.

    Returns
    -------
    Sweep
        Its table. Failed jobs are rows of it and raise nothing.

    Raises
    ------
    PosexpError
        For a configuration, list or model that cannot be used, before any job has begun.
    KeyboardInterrupt
        After the jobs under way were closed as KILLED; the table so far is written.
    """
    progress = in_notebook() if progress is None else progress
    plan = _plan(overrides, progress)
    archive = Archive(plan.config.tracking)
    answers = _answers(archive, plan.name)
    recover(archive)
    done = (_logged(archive, plan.name) or {}) if answers else {}
    missing = []
    for job in plan.jobs:
        if job.fingerprint in done and not plan.config.force:
            plan.rows.append(_row(Outcome(job, "done before", done[job.fingerprint]), plan.varied))
        else:
            missing.append(job)
    outcomes = {_key(job): Outcome(job, "not begun") for job in missing}
    try:
        with _bars(len(plan.jobs), len(plan.jobs) - len(missing), progress) as (bar, bars):
            for outcome in launch(missing, plan.config.launcher, archive.sweeps / "jobs", bars):
                outcomes[_key(outcome.job)] = outcome
                bar.update()
    finally:
        found = _logged(archive, plan.name)
        logged = found or {}
        before = {run.id for run in done.values()}
        for outcome in outcomes.values():
            run = logged.get(outcome.job.fingerprint)
            # Logged only now, done by another process, or in a cluster job that was ended.
            if run and run.id not in before and outcome.status != "finished":
                outcome = Outcome(outcome.job, "finished", run)
            elif outcome.status == "elsewhere":
                outcome = _elsewhere(outcome, archive, found is not None)
            plan.rows.append(_row(outcome, plan.varied))
        result = _result(plan, archive.sweeps, found is not None)
    result.page = next((run.sweep_page for run in (logged | done).values()), "")
    return result


def _elsewhere(outcome: Outcome, archive: Archive, answers: bool) -> Outcome:
    """What is known of a job that another process has done, or does, when it is not logged."""
    if waits(archive, outcome.job):
        problem = f"its results wait in {archive.outbox.base}"
        return Outcome(outcome.job, "waiting", problem=problem)
    if not answers:
        return Outcome(outcome.job, "unknown", problem="the store does not say what became of it")
    return outcome


def _key(job: Job) -> tuple[Path, str]:
    return job.video, job.fingerprint


def _plan(overrides: Sequence[str], progress: bool) -> _Plan:
    parts = grid(overrides)
    configs = [load_config(part) for part in parts]
    first = configs[0][0]
    video = first.video.path
    clips = find_clips(video, TAKEN) if video else [Clip(embedded_clip())]
    name = first.tracking.sweep or sweep_of(video or "embedded", first.tracking.experiment)
    typed = dict.fromkeys(argument for part in parts for argument in part)
    keys = [argument.partition("=")[0] for argument in typed]
    varied = [key for key in dict.fromkeys(keys) if keys.count(key) > 1 and key != "model"]
    plan = _Plan(name, first, varied)
    # Downloads, or says that it cannot, now and not in the night.
    weights = [find_weights(config.model) for config, _ in configs]
    contents: dict[Path, Content | VideoError] = {}
    with progress_bar("reading the videos", progress and len(clips) > 20) as report:
        for number, clip in enumerate(clips, 1):
            contents[clip.path] = _content(clip.path)
            report(number, len(clips))
    jobs: dict[tuple[Path, str], Job] = {}
    for (config, plain), model in zip(configs, weights, strict=True):
        for clip in clips:
            content = contents[clip.path]
            if isinstance(content, Content):
                job = prepare(config, plain, clip.path, content, model, name, clip.columns)
                jobs.setdefault(_key(job), job)
            else:
                about = _about(clip.columns, clip.path, config, plain, varied)
                plan.rows.append({**about, "status": "failed", "problem": str(content)})
    plan.jobs = [*jobs.values()]
    return plan


def _content(path: Path) -> Content | VideoError:
    try:
        return content_of(path)
    except VideoError as error:
        return error


def _answers(archive: Archive, name: str) -> bool:
    """Whether the store answers; it and the experiment are made before the first job."""
    try:
        archive.open().prepare(archive.settings.experiment, name)
        return True
    except TrackingError as error:
        archive.go_on_without(error)
        return False


def _logged(archive: Archive, name: str) -> dict[str, Run] | None:
    """Finished runs of a sweep by fingerprint, once the results that waited are logged too.

    None when the store does not say.
    """
    try:
        store = archive.open()
        log_waiting(archive, store, every=False)
        runs = store.search({tags.SWEEP: name}, None, "status = 'FINISHED'")
    except TrackingError as error:
        log.warning("%s; `python -m posexp sync` logs later what waits", error.problem)
        return None
    return {run.fingerprint: run for run in runs}


def _row(outcome: Outcome, varied: list[str]) -> dict[str, Any]:
    job, run = outcome.job, outcome.run
    return {
        **_about(job.columns, job.video, job.config, job.plain, varied),
        "status": outcome.status,
        **(_figures(run) if run else {}),
        "problem": outcome.problem,
    }


def _about(
    columns: dict[str, str], video: Path, config: Config, plain: dict[str, Any], varied: list[str]
) -> dict[str, Any]:
    flat = flatten(plain)
    keys = {key: flat[key] for key in varied if key in flat}
    return {**columns, **keys, "video": printable(video), "model": config.model.name}


def _figures(run: Run) -> dict[str, Any]:
    figures = {name: run.metrics[key] for key, name in METRICS.items() if key in run.metrics}
    return {"run": run.id, **figures}


def _result(plan: _Plan, folder: Path, known: bool) -> Sweep:
    names = dict.fromkeys(name for row in plan.rows for name in row)
    columns = [name for name in names if name not in TAKEN]
    table = pd.DataFrame(plan.rows, columns=[*columns, *TAKEN])
    table = table.sort_values([*columns, "video", "model"], kind="stable", ignore_index=True)
    path = folder / (re.sub(r"[^\w.-]+", "_", plan.name)[:200] + ".csv")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists() and not known:
            log.warning("%s: left as it is; what the runs say is not known now", path)
        else:
            save_table(table, path)
    except OSError as error:
        log.warning("%s: could not be written (%s)", path, error.strerror)
    return Sweep(plan.name, table, path)


@contextlib.contextmanager
def _bars(total: int, done: int, progress: bool) -> Iterator[tuple[Any, Any]]:
    """A bar for the batch and, below it, one for each clip under way."""
    shown = progress and watched()
    free: queue.PriorityQueue[int] = queue.PriorityQueue()
    for place in range(1, total + 1):
        free.put(place)

    @contextlib.contextmanager
    def clip(job: Job) -> Iterator[Report]:
        place = free.get()
        label = f"{job.config.model.name}: {job.video.name}"
        with progress_bar(label, shown, place) as report:
            yield report
        free.put(place)

    with tqdm(
        total=total, initial=done, desc="batch", unit="job", disable=not shown,
        dynamic_ncols=True, position=0,
        bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt} jobs [{elapsed}]",  # jobs differ too much
    ) as bar:  # fmt: skip
        yield bar, clip
