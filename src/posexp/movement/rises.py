"""Rises: when something goes up, from its height over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.signal import butter, find_peaks, sosfiltfilt

from posexp.errors import TableError

Array = NDArray[np.float64]

COLUMNS = ("start", "end", "peak_velocity", "rise")

CUTOFF = 6.0
"""Hz; what is faster in a person's movement is noise."""

_APART = 0.8  # s between the peaks of two rises
_PEAK = 0.5  # of the 99.5th percentile of the velocity: lower peaks are no rises
_BEGINS = 0.1  # of a rise's own peak velocity: where it starts and ends
_SMALLEST = 0.3  # of the range of the height: less is a fidget
_SHORTEST = 0.2  # s; noise that passed the low-pass goes up for half a period of 6 Hz, 0.08 s
_BRIDGED = 0.2  # s without a height that a straight line bridges
_RATE = 120.0  # Hz, at least, of the grid: below 12 frames/s no filter of 6 Hz exists
_PAD = 1.0  # s that each end is mirrored by, so that the filter settles outside


def find_rises(time: ArrayLike, height: ArrayLike) -> pd.DataFrame:
    """When something rises, by the speed at which it does.

    The height is smoothed (Butterworth, zero phase, 6 Hz). A rise is a peak of the upward velocity
    of at least half its 99.5th percentile, 0.8 s from any higher one. It starts and ends where the
    velocity is a tenth of that peak's own, as chair stands are timed from a moving marker: so no
    unit is needed. It goes up by at least 0.3 of the height's range (1st to 99th percentile), and
    takes at least 0.2 s.

    Parameters
    ----------
    time : (T,) array_like
        s, strictly increasing; evenly spaced or not.
    height : (T,) array_like
        In any unit, larger is higher. NaN where it is not known: up to 0.2 s are bridged by a
        straight line, a longer gap cuts, and nothing is told across it.

    Returns
    -------
    DataFrame
        A row per rise, in order: ``start``, ``end`` (s), ``peak_velocity`` (units/s), ``rise``
        (units). ``attrs["notes"]`` is a list of sentences: which rises are not counted, because
        the recording or a gap cuts them.

    Raises
    ------
    TableError
        Unless both have the same length and the times increase.
    """
    times, heights = _checked(time, height)
    notes: list[str] = []
    parts = [_smoothed(times[rows], heights[rows]) for rows in _stretches(times, heights)]
    rises: list[tuple[float, float, float, float]] = []
    if parts:
        everything = np.concatenate([part.height for part in parts])
        velocity = np.concatenate([part.velocity for part in parts])
        lowest = _PEAK * float(np.percentile(velocity, 99.5))
        smallest = _SMALLEST * float(np.subtract(*np.percentile(everything, [99, 1])))
        for part in parts if lowest > 0 else ():
            whole = part.rises(lowest, smallest, notes, times[0], times[-1])
            rises += sorted(whole)
    table = pd.DataFrame(rises, columns=list(COLUMNS), dtype=float)
    table.attrs["notes"] = notes
    return table


@dataclass(frozen=True)
class _Stretch:
    """A stretch without a gap, smoothed, on an even grid."""

    time: Array
    height: Array
    velocity: Array

    def rises(
        self, lowest: float, smallest: float, notes: list[str], first: float, last: float
    ) -> list[tuple[float, float, float, float]]:
        """Rises of this stretch; those that its ends cut are told in `notes`."""
        step = self.time[1] - self.time[0]
        apart = max(1, round(_APART / step))
        # A peak at an end counts: it is half a rise, and that is to be said.
        padded = np.concatenate([[-np.inf], self.velocity, [-np.inf]])
        peaks = find_peaks(padded, height=lowest, distance=apart)[0] - 1
        found: list[tuple[float, float, float, float]] = []
        taken: list[tuple[float, float]] = []
        for peak in sorted(peaks, key=lambda row: -self.velocity[row]):
            at = float(self.time[peak])
            if any(start <= at <= end for start, end in taken):
                continue  # it slowed down on the way, and is one rise
            start, end = self._crossing(peak, -1), self._crossing(peak, +1)
            begin = self.time[0] if start is None else start
            finish = self.time[-1] if end is None else end
            taken.append((begin, finish))
            rise = float(np.diff(np.interp([begin, finish], self.time, self.height))[0])
            if rise < smallest or finish - begin < _SHORTEST:
                continue
            if start is None or end is None:
                cut = begin if start is None else finish
                what = "recording" if cut in (first, last) else "part without gaps"
                how = "begins" if start is None else "ends"
                notes.append(f"a rise at {at:.2f} s is not counted: the {what} {how} in it")
                continue
            found.append((start, end, float(self.velocity[peak]), rise))
        return found

    def _crossing(self, peak: int, way: int) -> float | None:
        """Where the velocity falls to a tenth of the peak's, s; None where it never does."""
        level = _BEGINS * self.velocity[peak]
        values = self.velocity[peak:] if way > 0 else self.velocity[peak::-1]
        below = np.flatnonzero(values <= level)
        if not below.size:
            return None
        row = int(below[0])
        before, after = values[row - 1], values[row]
        steps = row - 1 + (before - level) / (before - after)
        return float(self.time[peak] + way * steps * (self.time[1] - self.time[0]))


def _checked(time: ArrayLike, height: ArrayLike) -> tuple[Array, Array]:
    times, heights = np.asarray(time, float), np.asarray(height, float)
    if times.ndim != 1 or times.shape != heights.shape:
        raise TableError(
            "find_rises", f"expected a height for each time, got {times.shape} times and "
            f"{heights.shape} heights",
        )  # fmt: skip
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise TableError("find_rises", "expected times in s that increase from row to row")
    return times, np.where(np.isfinite(heights), heights, np.nan)


def _stretches(times: Array, heights: Array) -> list[NDArray[np.intp]]:
    """Rows with a height, cut where more than `_BRIDGED` s lie between two of them.

    A slow camera has longer steps than that between all of its frames.
    """
    known = np.flatnonzero(np.isfinite(heights))
    if not known.size:
        return []
    longest = max(_BRIDGED, 1.5 * float(np.median(np.diff(times)))) if len(times) > 1 else _BRIDGED
    cuts = np.flatnonzero(np.diff(times[known]) > longest * (1 + 1e-9)) + 1
    parts = np.split(known, cuts)
    return [rows for rows in parts if times[rows[-1]] - times[rows[0]] >= _SHORTEST]


def _smoothed(times: Array, heights: Array) -> _Stretch:
    steps = np.diff(times)
    rate = max(_RATE, 1 / float(np.median(steps)))
    grid = np.linspace(times[0], times[-1], max(4, round((times[-1] - times[0]) * rate) + 1))
    even = np.interp(grid, times, heights)
    rate = 1 / (grid[1] - grid[0])
    # Two passes of order 2, -3 dB at 6 Hz after both (Winter 2009, ch. 2).
    sections = butter(2, CUTOFF / 0.802, fs=rate, output="sos")
    pad = min(len(even) - 1, round(_PAD * rate))
    smooth = sosfiltfilt(sections, even, padlen=pad)
    return _Stretch(grid, smooth, np.gradient(smooth, grid))
