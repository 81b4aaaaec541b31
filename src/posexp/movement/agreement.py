"""Where runs agree on what was done: repetitions matched, differences, limits, and ICC."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from posexp.movement.uncertainty import match

QUANTITIES = {
    "lean_start": "s", "rise_start": "s", "standing": "s", "rise_s": "s", "peak_lean_deg": "deg",
    "left_knee_at_rise_deg": "deg", "right_knee_at_rise_deg": "deg",
}  # fmt: skip
"""Columns of the table of repetitions that are compared, with their units."""

OF_CLIPS = ("rise_s", "five_times_standing_s", "peak_lean_deg", "peak_rise_velocity_px_s")
"""Figures of a clip whose reliability over clips is told."""

FEWEST_CLIPS = 5
"""From which an intraclass correlation says anything; see `icc`."""

_LIMITS = 1.96  # standard deviations: 95 % of normal differences
_COLUMNS = (
    "first", "second", "quantity", "unit", "matched", "only_first", "only_second", "bias", "sd",
    "lower", "upper",
)  # fmt: skip


def matched(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The same repetition in two runs, for every two runs.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Tables of repetitions by the runs' labels.

    Returns
    -------
    DataFrame
        ``first, second`` (labels), ``repetition_first, repetition_second`` (their numbers; NaN
        where the other run has none whose rise overlaps), and for each of `QUANTITIES` the
        difference, first minus second, in its unit.
    """
    rows = []
    for (first, one), (second, other) in combinations(tables.items(), 2):
        spans = [table[["rise_start", "standing"]].to_numpy(float) for table in (one, other)]
        partners = match(*spans)
        for row, partner in enumerate(partners):
            there = partner is not None
            rows.append({
                "first": first, "second": second, "repetition_first": one["repetition"].iloc[row],
                "repetition_second": other["repetition"].iloc[partner] if there else np.nan,
                **{name: one[name].iloc[row] - other[name].iloc[partner] if there else np.nan
                   for name in QUANTITIES},
            })  # fmt: skip
        alone = sorted({*range(len(other))} - {p for p in partners if p is not None})
        rows += [
            {"first": first, "second": second, "repetition_second": other["repetition"].iloc[row]}
            for row in alone
        ]
    names = ["first", "second", "repetition_first", "repetition_second", *QUANTITIES]
    return pd.DataFrame(rows, columns=names)


def agreement(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Bias and 95 % limits of agreement between runs (Bland and Altman, Lancet 1986).

    Returns
    -------
    DataFrame
        ``first, second, quantity, unit``; ``matched, only_first, only_second``: repetitions;
        ``bias`` (mean of first minus second), ``sd``, ``lower, upper`` (bias -/+ 1.96 sd; NaN for
        a single repetition). Repetitions of one person are no independent samples: the limits
        describe, they are no test.
    """
    rows = []
    for (first, second), pair in matched(tables).groupby(["first", "second"], sort=False):
        alone = [pair[f"repetition_{side}"].isna() for side in ("second", "first")]
        for name, unit in QUANTITIES.items():
            values = pair[name].dropna().to_numpy(float)
            if not values.size:
                continue
            bias = float(values.mean())
            sd = float(values.std(ddof=1)) if values.size > 1 else np.nan
            rows.append((
                first, second, name, unit, int((~alone[0] & ~alone[1]).sum()),
                *(int(each.sum()) for each in alone), bias, sd, bias - _LIMITS * sd,
                bias + _LIMITS * sd,
            ))  # fmt: skip
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def reliability(clips: list[Mapping[str, Mapping[str, float]]]) -> pd.DataFrame:
    """ICC(2,1) over clips between all the runs that each clip has.

    Parameters
    ----------
    clips : list of mapping
        For each clip the figures of its runs by label, as `Repetitions.figures`.

    Returns
    -------
    DataFrame
        ``quantity, clips, runs, icc``; empty with fewer than `FEWEST_CLIPS` clips that all runs
        have a figure of.
    """
    labels = [label for label in clips[0] if all(label in clip for clip in clips)] if clips else []
    rows = []
    for name in OF_CLIPS:
        values = np.array(
            [[clip[label].get(name, np.nan) for label in labels] for clip in clips], float
        ).reshape(len(clips), len(labels))
        values = values[np.isfinite(values).all(axis=1)]
        if len(values) >= FEWEST_CLIPS and len(labels) > 1:
            rows.append((name, len(values), len(labels), icc(values)))
    return pd.DataFrame(rows, columns=["quantity", "clips", "runs", "icc"])


def icc(values: ArrayLike) -> float:
    """ICC(2,1): two-way random effects, absolute agreement, a single measurement.

    Shrout and Fleiss, Psychol Bull 1979, p. 423.

    Parameters
    ----------
    values : (n, k) array_like
        n subjects (clips), each measured by the same k raters (variants); no NaN.

    Returns
    -------
    float
        1 where all raters give the same; NaN where nothing varies.
    """
    table = np.asarray(values, float)
    n, k = table.shape
    mean = table.mean()
    of_subjects, of_raters = table.mean(axis=1), table.mean(axis=0)
    between = k * ((of_subjects - mean) ** 2).sum() / (n - 1)
    raters = n * ((of_raters - mean) ** 2).sum() / (k - 1)
    rest = table - of_subjects[:, None] - of_raters + mean
    error = (rest**2).sum() / ((n - 1) * (k - 1))
    whole = between + (k - 1) * error + k * (raters - error) / n
    return float((between - error) / whole) if whole > 0 else float("nan")
