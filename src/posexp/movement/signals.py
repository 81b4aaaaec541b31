"""One quantity over time: smoothed with its velocity, and read between its frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posexp.movement.filters import BRIDGED, FASTEST, Array, between_gaps, low_pass

_SHORTEST = 0.2  # s of a stretch that is worth a filter
_RATE = 120.0  # Hz, at least, of the grid: below 12 frames/s no filter of 6 Hz exists


@dataclass(frozen=True)
class Stretch:
    """A stretch without a gap on an even grid: (n,) time in s, smoothed values, units/s."""

    time: Array
    value: Array
    velocity: Array

    def falls_to(self, share: float, peak: int, way: int) -> float | None:
        """When the velocity is a `share` of that at row `peak`, s; None where it never is.

        The first time after the peak (`way` 1), or the last before it (-1).
        """
        level = share * self.velocity[peak]
        values = self.velocity[peak:] if way > 0 else self.velocity[peak::-1]
        below = np.flatnonzero(values <= level)
        if not below.size or below[0] == 0:
            return None
        row = int(below[0])
        before, after = values[row - 1], values[row]
        steps = row - 1 + (before - level) / (before - after)
        return float(self.time[peak] + way * steps * (self.time[1] - self.time[0]))

    def __neg__(self) -> Stretch:
        """Upside down: a fall is a rise."""
        return Stretch(self.time, -self.value, -self.velocity)


def stretches(times: Array, values: Array) -> list[Stretch]:
    """A quantity between its gaps, low-passed at 6 Hz.

    Gaps up to `BRIDGED` s are bridged by a straight line; so are the steps of a slow camera.
    """
    return [
        _smoothed(times[rows], values[rows])
        for rows in between_gaps(times, values)
        if times[rows[-1]] - times[rows[0]] >= _SHORTEST
    ]


def value_at(times: Array, values: Array, moment: float) -> float:
    """The value at a moment, between frames; NaN where none is known within `BRIDGED` s."""
    known = np.isfinite(values)
    if not np.isfinite(moment) or not known.any():
        return float("nan")
    if np.abs(times[known] - moment).min() > BRIDGED:
        return float("nan")
    return float(np.interp(moment, times[known], values[known]))


def _smoothed(times: Array, values: Array) -> Stretch:
    rate = max(_RATE, min(1 / float(np.median(np.diff(times))), FASTEST))
    grid = np.linspace(times[0], times[-1], max(4, round((times[-1] - times[0]) * rate) + 1))
    even = np.interp(grid, times, values)
    smooth = low_pass(grid, even)
    return Stretch(grid, smooth, np.gradient(smooth, grid))
