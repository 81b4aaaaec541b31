"""What compared runs say was done, and how far they are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from posexp.exports.write import REPETITIONS
from posexp.files import save_table
from posexp.movement.agreement import OF_CLIPS, agreement, matched, reliability
from posexp.show.comparison_report import Movement
from posexp.store import tags
from posexp.store.run import Run

CLIP, AGREEMENT = "tables/movement.csv", "tables/movement_agreement.csv"
"""Artifacts of a comparison: what each run says was done, and how far they are apart."""


def write_agreement(runs: Mapping[str, Run], folder: Path) -> Movement | None:
    """`CLIP`, `AGREEMENT` and ``tables/repetitions.csv`` of compared runs, by label.

    None where fewer than two of them looked for repetitions.
    """
    tables = {label: table for label, run in runs.items() if (table := _table_of(run)) is not None}
    if len(tables) < 2:
        return None
    rows = [
        {"run": label, "movement": runs[label].tags.get(tags.MOVEMENT, ""),
         "view": runs[label].tags.get(tags.VIEW, ""),
         **{name: runs[label].metrics.get(f"movement/{name}") for name in OF_CLIPS}}
        for label in tables
    ]  # fmt: skip
    found = Movement(pd.DataFrame(rows), matched(tables), agreement(tables))
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    save_table(found.clip, folder / CLIP)
    save_table(found.repetitions, folder / "tables" / "repetitions.csv")
    save_table(found.agreement, folder / AGREEMENT)
    return found


def reliability_over(comparisons: Sequence[Run]) -> pd.DataFrame:
    """ICC(2,1) between the runs of comparisons of several clips, as `reliability` gives it."""
    clips = []
    for comparison in comparisons:
        table = comparison.table(CLIP)
        if table is not None:
            clips.append(table.set_index("run")[list(OF_CLIPS)].to_dict("index"))
    return reliability(clips)


def agreement_of(comparison: Run) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """`CLIP` and `AGREEMENT` of a comparison; None where its runs have no repetitions."""
    clip, table = comparison.table(CLIP), comparison.table(AGREEMENT)
    return None if clip is None or table is None else (clip, table)


def _table_of(run: Run) -> pd.DataFrame | None:
    """The repetitions that a run logged; None for one that did not look for any."""
    return run.table(REPETITIONS) if tags.MOVEMENT in run.tags else None
