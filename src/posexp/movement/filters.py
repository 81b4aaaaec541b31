"""Filters of quantities over time: on true times, without delay, and without crossing long gaps."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import median_filter
from scipy.signal import butter, sosfiltfilt

Array = NDArray[np.float64]

CUTOFF = 6.0
"""Hz; what is faster is not the movement of a person who rises from a chair."""

BRIDGED = 0.2
"""s; the longest gap that is bridged."""

_TWO_PASSES = (2**0.5 - 1) ** 0.25  # 0.802: of the cutoff, that two passes are 3 dB down there
_LEAST = 4  # samples of a stretch that can be filtered
_PAD = 0.5  # s, mirrored at each end
_EVEN = 0.01  # of a step, that times may be off and still count as even
_FINEST = 5.0  # times the cutoff: the rate that slower recordings are brought to
FASTEST = 1000.0
"""Hz, of a grid that uneven times are brought to: a few of them may be a nanosecond apart."""


def low_pass(times: Array, values: Array, cutoff: float = CUTOFF) -> Array:
    """What is slower than `cutoff`, by a Butterworth filter of 4th order without delay.

    Two passes of order 2, forwards and back, at ``cutoff / 0.802``, so that both together are
    3 dB down at `cutoff` (Winter, Biomechanics and Motor Control of Human Movement, 2009, ch. 3).
    Times that are not even are brought to a constant rate by a cubic spline, and back.

    Parameters
    ----------
    times : (T,) array
        s, increasing.
    values : (T,) or (T, n) array
        In any unit. NaN for not known: gaps up to `BRIDGED` s are bridged for the filter, which
        stops at longer ones. Where it was NaN, it stays so.
    cutoff : float
        Hz.

    Returns
    -------
    array
        As `values`; stretches of less than four samples are unchanged.
    """
    smooth = np.array(values, np.float64)
    table = _as_table(smooth)
    for columns, rows in _stretches(times, table):
        if len(rows) < _LEAST:
            continue
        part = np.ix_(rows, columns)
        grid, even = _at_even_times(times[rows], table[part], cutoff)
        rate = (len(grid) - 1) / (grid[-1] - grid[0])
        pad = min(len(even) - 1, round(_PAD * rate))
        filtered = sosfiltfilt(_two_passes(cutoff, round(rate, 9)), even, axis=0, padlen=pad)
        same = len(grid) == len(rows) and np.array_equal(grid, times[rows])
        table[part] = filtered if same else CubicSpline(grid, filtered)(times[rows])
    return smooth


def fill_gaps(times: Array, values: Array, longest: float = BRIDGED) -> Array:
    """Gaps inside of at most `longest` s, filled by the cubic spline through what is known.

    Parameters
    ----------
    times : (T,) array
        s, increasing.
    values : (T,) or (T, n) array
        NaN for not known.
    longest : float
        s from the last known value to the next; longer gaps stay NaN.

    Returns
    -------
    array
        As `values`; what was known has not changed.
    """
    filled = np.array(values, np.float64)
    table = _as_table(filled)
    for columns, rows in _stretches(times, table, longest):
        missing = np.setdiff1d(np.arange(rows[0], rows[-1] + 1), rows, assume_unique=True)
        if missing.size:
            known = table[np.ix_(rows, columns)]
            table[np.ix_(missing, columns)] = _curve(times[rows], known, times[missing])
    return filled


def outliers(
    times: Array, values: Array, window: float, limit: float, least: float = 0.0
) -> NDArray[np.bool_]:
    """Which values stand out from those around them (Hampel, J Am Stat Assoc 1974).

    Parameters
    ----------
    times : (T,) array
        s, increasing.
    values : (T, n) array
        NaN for not known, which never stands out.
    window : float
        s around a value whose median it is held against.
    limit : float
        Standard deviations: 1.4826 times the median distance from such medians, in the window, or
        in the whole column where that is larger.
    least : float
        The standard deviation that is taken for granted, in the unit of the values: what hardly
        shakes would be full of outliers wherever it moves.

    Returns
    -------
    (T, n) array of bool
    """
    if len(times) < 3:
        return np.zeros(values.shape, bool)
    half = max(1, round(min(window / 2 / float(np.median(np.diff(times))), len(times) - 1)))
    size = (2 * half + 1, 1)
    known = np.isfinite(values)
    whole = np.zeros(values.shape)
    for filled, column, there in zip(whole.T, values.T, known.T, strict=True):
        if there.any():
            filled[:] = np.interp(times, times[there], column[there])
    # At the ends the movement is taken to go on: a mirror would turn it back.
    ends = min(half, len(whole) - 1)
    before, after = whole[ends:0:-1], whole[-2 : -ends - 2 : -1]
    longer = np.concatenate([2 * whole[0] - before, whole, 2 * whole[-1] - after])
    middle = median_filter(longer, size, mode="nearest")[ends : ends + len(whole)]
    apart = np.abs(whole - middle)
    spread = np.maximum(median_filter(apart, size, mode="mirror"), np.median(apart, axis=0))
    return known & (apart > limit * np.maximum(1.4826 * spread, least))


def between_gaps(times: Array, values: Array, longest: float = BRIDGED) -> list[NDArray[np.intp]]:
    """The rows of (T,) values that are known, a list for each stretch between longer gaps, s."""
    known = np.flatnonzero(np.isfinite(values))
    if not known.size:
        return []
    steps = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    # Between neighbours nothing is missing, however slow the camera is.
    longest = max(longest, 1.5 * steps) * (1 + 1e-9)
    return np.split(known, np.flatnonzero(np.diff(times[known]) > longest) + 1)


def _as_table(values: Array) -> Array:
    """(T,) or (T, n) values as a view with columns."""
    return values[:, None] if values.ndim == 1 else values


def _stretches(
    times: Array, table: Array, longest: float = BRIDGED
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Columns that are known in the same rows, with these rows in each stretch between longer gaps.

    They are filtered together: one at a time takes three times as long.
    """
    alike: dict[bytes, list[int]] = {}
    for column, known in enumerate(np.isfinite(table).T):
        alike.setdefault(known.tobytes(), []).append(column)
    for columns in alike.values():
        for rows in between_gaps(times, table[:, columns[0]], longest):
            yield np.array(columns), rows


def _at_even_times(times: Array, values: Array, cutoff: float) -> tuple[Array, Array]:
    """The same at a constant rate: that of the times, in bounds."""
    step = float(np.median(np.diff(times)))
    even = times[0] + step * np.arange(len(times))
    if np.abs(times - even).max() <= _EVEN * step and step * _FINEST * cutoff <= 1:
        return times, values
    rate = max(min(1 / step, FASTEST), _FINEST * cutoff)
    grid = np.linspace(times[0], times[-1], max(_LEAST, 1 + round((times[-1] - times[0]) * rate)))
    return grid, _curve(times, values, grid)


def _curve(times: Array, values: Array, wanted: Array) -> Array:
    """Through the values; a straight line where they are too few for a cubic spline."""
    if len(times) < _LEAST:
        lines = [np.interp(wanted, times, column) for column in values.T]
        return np.stack(lines, axis=1)
    return np.asarray(CubicSpline(times, values)(wanted))


@functools.lru_cache(maxsize=32)
def _two_passes(cutoff: float, rate: float) -> Array:
    # On the warped scale of a digital filter, so that it holds at any rate.
    corner = np.arctan(np.tan(np.pi * cutoff / rate) / _TWO_PASSES) * rate / np.pi
    return np.asarray(butter(2, corner, fs=rate, output="sos"))
