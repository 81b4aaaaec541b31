"""How sure a number is: what the shake of the keypoints does to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posexp.movement.events import Seen
from posexp.movement.signals import CUTOFF, Array

SUFFIX = "_bootstrap_sd"
"""Ends the name of the standard deviation of the column before it, in the same unit."""

REPLICATES = 40
"""Tables that a standard deviation is made of: it is known to about a ninth of itself."""

_BLOCK = 0.1  # s of residuals that stay together: as long as a model's error in a frame lasts
_CLIPPED = 3.0  # standard deviations: what cleaning took for outliers is no shake
_SHAKEN = ("hips", "shoulders", "lean", "knees", "ankles")

Tables = Callable[[Seen], tuple[pd.DataFrame, dict[str, float]]]


def bootstrap(
    tables: Tables, seen: Seen, raw: Seen, seed: int = 0
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Standard deviations of a table of repetitions and of the figures made of it.

    A moving-block bootstrap over frames (Künsch, Ann Stat 1989): the residuals, raw minus cleaned,
    of all signals at once are cut into blocks of 0.1 s, drawn anew, added to the cleaned signals,
    and everything is computed again, `REPLICATES` times. The residuals hold only what is faster
    than 6 Hz, so they are scaled to the noise of all frequencies, as if it were white.

    That is how much a number would change if the same person did the same again before the same
    model; not how far the model is off, which is the same in every frame and every replicate.

    Parameters
    ----------
    tables : callable
        From what is seen to the table (a row per repetition, with ``rise_start`` and
        ``standing``, s) and the figures of the clip.
    seen, raw : Seen
        Cleaned, and as the model said it.
    seed : int
        Of the draws: the same input gives the same answer.

    Returns
    -------
    (DataFrame, dict)
        As `tables` returns them, with standard deviations in place of values; NaN, or left out,
        where fewer than half of the replicates have the number.
    """
    table, figures = tables(seen)
    random = np.random.default_rng(seed)
    residuals = {name: _residuals(seen, raw, name) for name in _SHAKEN}
    step = float(np.median(np.diff(seen.time)))
    length = max(1, round(_BLOCK / step))
    columns = [name for name in table if name != "repetition"]
    found = np.full((REPLICATES, len(table), len(columns)), np.nan)
    sums: dict[str, list[float]] = {name: [] for name in figures}
    for draw in range(REPLICATES):
        rows = _blocks(len(seen.time), length, random)
        shaken = {name: getattr(seen, name) + noise[rows] for name, noise in residuals.items()}
        again, numbers = tables(replace(seen, **shaken))
        matched = match(table, again)
        for row, other in enumerate(matched):
            if other is not None:
                found[draw, row] = again[columns].iloc[other]
        if len(again) == len(table):
            for name in sums:
                sums[name].append(numbers.get(name, np.nan))
    spread = pd.DataFrame({name: _sd(found[:, :, i]) for i, name in enumerate(columns)})
    of_figures = {name: float(_sd(np.array(values))) for name, values in sums.items() if values}
    return spread, {name: sd for name, sd in of_figures.items() if np.isfinite(sd)}


def match(first: pd.DataFrame, second: pd.DataFrame) -> list[int | None]:
    """For each repetition of `first` the row of `second` whose rise overlaps it most, or None.

    Each row of `second` is taken once; ``rise_start`` and ``standing``, s, say when a rise is.
    """
    if first.empty or second.empty:
        return [None] * len(first)
    starts, ends = (
        [table[name].to_numpy(float) for table in (first, second)]
        for name in ("rise_start", "standing")
    )
    overlap = np.minimum.outer(*ends) - np.maximum.outer(*starts)
    matched: list[int | None] = [None] * len(first)
    while (overlap > 0).any():
        row, other = (int(i) for i in np.unravel_index(np.argmax(overlap), overlap.shape))
        matched[row] = other
        overlap[row, :] = overlap[:, other] = 0
    return matched


def _residuals(seen: Seen, raw: Seen, name: str) -> Array:
    """Raw minus cleaned; those of other frames where either is not known."""
    values = np.asarray(getattr(raw, name) - getattr(seen, name), float)
    columns = values.reshape(len(values), -1)
    step = float(np.median(np.diff(seen.time)))
    share = 1 - 2 * CUTOFF * step  # of white noise that is faster than the cutoff
    scale = 1 / np.sqrt(max(share, 0.25))
    for column in columns.T:
        known = np.isfinite(column)
        if not known.any():
            column[:] = 0
            continue
        limit = _CLIPPED * 1.4826 * float(np.median(np.abs(column[known])))
        column[:] = scale * np.clip(column, -limit, limit)
        column[~known] = np.resize(column[known], (~known).sum())
    return values


def _blocks(frames: int, length: int, random: np.random.Generator) -> NDArray[np.intp]:
    """(frames,) rows in runs of `length`, each run from anywhere."""
    length = min(length, frames)
    starts = random.integers(0, frames - length + 1, size=-(-frames // length))
    return (starts[:, None] + np.arange(length)).ravel()[:frames]


def _sd(values: Array) -> Array:
    """Standard deviation over the first axis, where half of it is known."""
    known = np.isfinite(values).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, np.nansum(values, axis=0) / known, np.nan)
        sd = np.sqrt(np.nansum((values - mean) ** 2, axis=0) / (known - 1))
    return np.where(known >= max(2, len(values) / 2), sd, np.nan)
