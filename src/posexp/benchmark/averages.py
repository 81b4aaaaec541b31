"""Figures of several clips as one, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from posexp.measure.metrics import quantile

HEADLINE = "pck/0.10"
PEOPLE = ("second person", "several people")
"""Factors of clips with others in the picture."""

_BOUNDED = (  # in which a miss counts in full
    "pck/", "oks/", "detection/", "swaps/share", "person/", "movement/found", "movement/extra",
)  # fmt: skip


def over_clips(part: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """A row per variant: the mean over clips of shares and of speed, the median of all else.

    No clip is left out because a variant saw nothing in it: there its error is infinite, and
    counts as that in the median, which is infinite when that is so in half of the clips. NaN only
    where no clip has the figure at all.
    """
    groups = part.groupby("variant", sort=False)
    return pd.DataFrame({
        metric: groups[metric].mean() if metric == "cpu_ms" or metric.startswith(_BOUNDED)
        else groups[metric].agg(_median)
        for metric in metrics
    })  # fmt: skip


def _median(values: pd.Series) -> float:
    known = np.sort(values.dropna().to_numpy(float))
    return quantile(known, 0.5)


def as_text(value: float, form: str = "{:.1%}") -> str:
    if np.isnan(value):
        return "-"
    return form.format(value) if np.isfinite(value) else "∞"


def conditions(table: pd.DataFrame) -> pd.DataFrame:
    """PCK@0.1 by condition (rows, in the order of the catalogue) and variant (columns)."""
    named = table.assign(condition=[condition_of(row) for _, row in table.iterrows()])
    wide = named.pivot_table(
        index="condition", columns="variant", values=HEADLINE, aggfunc="mean", sort=False
    )
    order = list(dict.fromkeys(named["variant"]))
    return wide.loc[list(dict.fromkeys(named["condition"])), order]


def condition_of(row: pd.Series) -> str:
    if row["factor"] == "view":
        return f"{row['camera']}: {row['view']} view"
    if row["factor"] == "several people":
        return f"{row['camera']}: {row['level']}"
    return f"{row['camera']}: {row['factor']} {row['level']}"
