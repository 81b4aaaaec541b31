"""What a run says of the movement: its repetitions, in a table, a figure and a sentence."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from posexp.config import Config
from posexp.errors import PosexpError, TrackingError
from posexp.files import save_table, whole
from posexp.movement.agreement import OF_CLIPS, agreement, matched, reliability
from posexp.movement.repetitions import Repetitions, repetitions
from posexp.pose.sequence import PoseSequence
from posexp.show import figures
from posexp.show.movement import repetitions_over_time
from posexp.store import tags
from posexp.store.record import RunRecord
from posexp.store.run import Run

CLIP, AGREEMENT = "tables/movement.csv", "tables/movement_agreement.csv"
"""Artifacts of a comparison: what each run says was done, and how far they are apart."""

log = logging.getLogger("posexp")


def write_repetitions(
    poses: PoseSequence, cleaned: PoseSequence, config: Config, record: RunRecord, folder: Path
) -> None:
    """``movement/repetitions.csv``, ``movement/notes.txt`` and ``figures/movement.png``.

    Nothing with ``activity=none``. A problem with a person's scale must not cost the run.
    """
    if config.activity == "none":
        return
    try:
        found = repetitions(poses, config.activity, config.scale, cleaned)
    except PosexpError as error:
        log.warning("%s; the run goes on without repetitions", error)
        return
    (folder / "movement").mkdir(parents=True, exist_ok=True)
    save_table(found.table, folder / "movement" / "repetitions.csv")
    with whole(folder / "movement" / "notes.txt") as part:
        part.write_text("\n".join([found.sentence, *found.notes]) + "\n", encoding="utf-8")
    record.metrics.update(found.metrics())
    record.tags[tags.MOVEMENT] = told(found)
    if len(found.table):
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        title = f"{poses.model}: {found.sentence}"
        figures.save(repetitions_over_time(found, title), folder / "figures" / "movement.png")


def told(found: Repetitions) -> str:
    """The sentence, and why there is none of them where there is none."""
    return found.sentence if len(found.table) else f"{found.sentence}: {'; '.join(found.notes)}"


def write_agreement(runs: Mapping[str, Run], folder: Path) -> None:
    """`CLIP`, `AGREEMENT` and ``tables/repetitions.csv`` of compared runs, by label.

    Nothing where fewer than two of them looked for repetitions.
    """
    tables = {label: table for label, run in runs.items() if (table := _table_of(run)) is not None}
    if len(tables) < 2:
        return
    save_table(matched(tables), folder / "tables" / "repetitions.csv")
    save_table(agreement(tables), folder / AGREEMENT)
    rows = [
        {"run": label, "movement": runs[label].tags.get(tags.MOVEMENT, ""),
         **{name: runs[label].metrics.get(f"movement/{name}") for name in OF_CLIPS}}
        for label in tables
    ]  # fmt: skip
    save_table(pd.DataFrame(rows), folder / CLIP)


def reliability_over(comparisons: Sequence[Run]) -> pd.DataFrame:
    """ICC(2,1) between the runs of comparisons of several clips, as `reliability` gives it."""
    clips = []
    for comparison in comparisons:
        table = _read(comparison, CLIP)
        if table is not None:
            clips.append(table.set_index("run")[list(OF_CLIPS)].to_dict("index"))
    return reliability(clips)


def agreement_of(comparison: Run) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """`CLIP` and `AGREEMENT` of a comparison; None where its runs have no repetitions."""
    clip, table = _read(comparison, CLIP), _read(comparison, AGREEMENT)
    return None if clip is None or table is None else (clip, table)


def _table_of(run: Run) -> pd.DataFrame | None:
    """The repetitions that a run logged; None for one that did not look for any."""
    return _read(run, "movement/repetitions.csv") if tags.MOVEMENT in run.tags else None


def _read(run: Run, artifact: str) -> pd.DataFrame | None:
    try:
        return pd.read_csv(run.file(artifact))
    except TrackingError:
        return None
