"""How sure a number is: what the shake of the keypoints does to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from posexp.movement.events import Seen
from posexp.movement.filters import CUTOFF, Array
from posexp.movement.phases import Repetition
from posexp.movement.signals import stretches

SUFFIX = "_bootstrap_sd"
"""Ends the name of the standard deviation of the column before it, in the same unit."""

REPLICATES = 40
"""Tables that a standard deviation is made of: it is known to about a ninth of itself."""

_BLOCK = 0.1  # s of residuals that stay together: as long as a model's error in a frame lasts
_CLIPPED = 3.0  # standard deviations: beyond are outliers, which cleaning has taken out
_LEAST = 0.25  # share of noise above the cutoff that is taken for granted at a low frame rate
_SHAKEN = ("hips", "shoulders", "lean", "knees", "ankles")

Compute = Callable[[Seen], tuple[list[Repetition], dict[str, float]]]


def bootstrap(
    compute: Compute, seen: Seen, raw: Seen, seed: int = 0
) -> tuple[Array, dict[str, float]]:
    """Standard deviations of each number of each repetition, and of the figures of the clip.

    A moving-block bootstrap over frames (Künsch, Ann Stat 1989): what of the model's own signals is
    faster than 6 Hz, which no movement is, is cut into blocks of 0.1 s, of all signals at once;
    they are drawn anew and added to the cleaned signals, and everything is computed again,
    `REPLICATES` times. They are scaled to the noise of all frequencies, as if it were white.

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
    noise = {name: _noises(seen.time, getattr(raw, name)) for name in _SHAKEN}
    step = float(np.median(np.diff(seen.time)))
    length = max(1, round(min(_BLOCK / step, len(seen.time))))
    found = np.full((REPLICATES, len(rows), len(Repetition._fields)), np.nan)
    sums = {name: np.full(REPLICATES, np.nan) for name in figures}
    for draw in range(REPLICATES):
        frames = _blocks(len(seen.time), length, random)
        shaken = {name: getattr(seen, name) + each[frames] for name, each in noise.items()}
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


def _noises(time: Array, values: Array) -> Array:
    """`_noise` of (T,) values, or of each column of (T, n)."""
    if values.ndim == 1:
        return _noise(time, values)
    return np.stack([_noise(time, column) for column in values.T], axis=1)


def _noise(time: Array, values: Array) -> Array:
    """(T,) what is faster than `CUTOFF`, as large as the noise of all frequencies.

    Where nothing is known the noise of other frames.
    """
    rest = values - _slow(time, values)
    known = np.isfinite(rest)
    if not known.any():
        return np.zeros(len(values))
    share = 1 - 2 * CUTOFF * float(np.median(np.diff(time)))  # of white noise above the cutoff
    limit = _CLIPPED * 1.4826 * float(np.median(np.abs(rest[known])))
    rest = np.clip(rest, -limit, limit) / np.sqrt(max(share, _LEAST))
    rest[~known] = np.resize(rest[known], (~known).sum())
    return rest


def _slow(time: Array, values: Array) -> Array:
    slow = np.full(len(values), np.nan)
    for part in stretches(time, values):
        rows = (time >= part.time[0]) & (time <= part.time[-1])
        slow[rows] = np.interp(time[rows], part.time, part.value)
    return slow


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
