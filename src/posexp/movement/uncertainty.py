"""How sure a number is: what the shake of the keypoints does to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from posexp.movement.events import Seen
from posexp.movement.phases import Repetition
from posexp.movement.signals import CUTOFF, Array

SUFFIX = "_bootstrap_sd"
"""Ends the name of the standard deviation of the column before it, in the same unit."""

REPLICATES = 40
"""Tables that a standard deviation is made of: it is known to about a ninth of itself."""

_BLOCK = 0.1  # s of residuals that stay together: as long as a model's error in a frame lasts
_CLIPPED = 3.0  # standard deviations: what cleaning took for outliers is no shake
_SHAKEN = ("hips", "shoulders", "lean", "knees", "ankles")

Compute = Callable[[Seen], tuple[list[Repetition], dict[str, float]]]


def bootstrap(
    compute: Compute, seen: Seen, raw: Seen, seed: int = 0
) -> tuple[Array, dict[str, float]]:
    """Standard deviations of each number of each repetition, and of the figures of the clip.

    A moving-block bootstrap over frames (Künsch, Ann Stat 1989): the residuals, raw minus cleaned,
    of all signals at once are cut into blocks of 0.1 s, drawn anew, added to the cleaned signals,
    and everything is computed again, `REPLICATES` times. The residuals hold only what is faster
    than 6 Hz, so they are scaled to the noise of all frequencies, as if it were white.

    That is how much a number would change if the same person did the same again before the same
    model; not how far the model is off, which is the same in every frame and every replicate.

    Parameters
    ----------
    compute : callable
        From what is seen to the repetitions and the figures.
    seen, raw : Seen
        Cleaned, and as the model said it.
    seed : int
        Of the draws: the same input gives the same answer.

    Returns
    -------
    ((N, columns of Repetition) array, dict)
        Standard deviations; NaN, or left out, where fewer than half of the replicates have the
        number.
    """
    rows, figures = compute(seen)
    random = np.random.default_rng(seed)
    residuals = {name: _residuals(seen, raw, name) for name in _SHAKEN}
    length = max(1, round(_BLOCK / float(np.median(np.diff(seen.time)))))
    found = np.full((REPLICATES, len(rows), len(Repetition._fields)), np.nan)
    sums = {name: np.full(REPLICATES, np.nan) for name in figures}
    for draw in range(REPLICATES):
        frames = _blocks(len(seen.time), length, random)
        shaken = {name: getattr(seen, name) + noise[frames] for name, noise in residuals.items()}
        again, numbers = compute(replace(seen, **shaken))
        for row, other in enumerate(match(spans_of(rows), spans_of(again))):
            if other is not None:
                found[draw, row] = again[other]
        for name in sums if len(again) == len(rows) else ():
            sums[name][draw] = numbers.get(name, np.nan)
    of_figures = {name: float(_sd(values)) for name, values in sums.items()}
    return _sd(found), {name: sd for name, sd in of_figures.items() if np.isfinite(sd)}


def spans_of(rows: list[Repetition]) -> Array:
    """(N, 2) start and end of each rise, s."""
    return np.array([(row.rise_start, row.standing) for row in rows], float).reshape(-1, 2)


def match(first: Array, second: Array) -> list[int | None]:
    """For each span of `first` (N, 2), s, the row of `second` that overlaps it most, or None.

    Each row of `second` is taken once.
    """
    overlap = np.minimum.outer(first[:, 1], second[:, 1])
    overlap -= np.maximum.outer(first[:, 0], second[:, 0])
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
