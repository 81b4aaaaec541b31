"""What many runs say was done, in one table."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from posexp.movement.uncertainty import SUFFIX
from posexp.runs.run import load_run
from posexp.store import tags
from posexp.store.run import Run

FIGURES = (
    "repetitions", "five_times_standing_s", "rise_s", "rise_s_iqr", "rise_slope_s_per_repetition",
    "peak_lean_deg", "peak_rise_velocity_m_s",
)  # fmt: skip
"""Of each run, by the names of docs/movement.md."""


def outcomes(runs: Iterable[Run | str], uri: str | None = None) -> pd.DataFrame:
    """The outcomes of many runs: a row for each.

    Parameters
    ----------
    runs : iterable of Run or str
        Runs, or their ids, as in the column ``run`` of a sweep's table.
    uri : str, optional
        MLflow tracking URI of the ids; as `posexp.load` takes it.

    Returns
    -------
    DataFrame
        ``run`` (id), ``video`` (path), ``model``; ``movement``: the run's sentence, or why there is
        none; each of `FIGURES`, after it its standard deviation ``..._bootstrap_sd``;
        ``view_yaw_deg`` (0 from the front, 90 from the side) and ``view``: what angles are worth
        there, empty where they can be trusted. NaN for what is not known, and for runs that looked
        for nothing.

    Raises
    ------
    TrackingError
        For an id of which there is no run, or a store that does not answer.
    """
    numbers = [*(name + end for name in FIGURES for end in ("", SUFFIX)), "view_yaw_deg"]
    rows = []
    for each in runs:
        run = each if isinstance(each, Run) else load_run(each, uri)
        rows.append({
            "run": run.id, "video": str(run.video or ""), "model": run.model,
            "movement": run.tags.get(tags.MOVEMENT, ""),
            **{name: run.metrics.get(f"movement/{name}", np.nan) for name in numbers},
            "view": run.tags.get(tags.VIEW, ""),
        })  # fmt: skip
    return pd.DataFrame(rows, columns=["run", "video", "model", "movement", *numbers, "view"])
