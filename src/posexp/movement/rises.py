"""Rises: when something goes up, from its height over time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.signal import find_peaks

from posexp.errors import TableError
from posexp.movement.filters import BRIDGED, Array
from posexp.movement.signals import Stretch, stretches

_APART = 0.8  # s between the peaks of two rises
_PEAK = 0.5  # of the 99.5th percentile of the velocity: lower peaks are no rises
_END = 0.1  # s at the ends of what is seen in one go
_BEGINS = 0.1  # of a rise's own peak velocity: where it starts and ends
_SMALLEST = 0.3  # of the range of the height: less is a fidget
_SLOWEST = 0.5  # s between samples; whoever gives ms or frames for s is beyond it
_SHORTEST = 0.2  # s; noise that passed the low-pass goes up for half a period of 6 Hz, 0.08 s


class Rise(NamedTuple):
    """From `start` to `end`, s, at up to `peak_velocity`, units/s, by `rise`, units."""

    start: float
    end: float
    peak_velocity: float
    rise: float


def find_rises(time: ArrayLike, height: ArrayLike) -> pd.DataFrame:
    """When something rises, by the speed at which it does.

    The height is smoothed (Butterworth, zero phase, 6 Hz). A rise is a peak of the upward velocity
    of at least half its 99.5th percentile (of all but the first and last 0.1 s between gaps),
    0.8 s from any higher one. It starts and ends where the
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
        Unless both are numbers, of the same length, and the times increase, by 0.5 s or less.
    """
    times, heights = _checked(time, height)
    rises, notes = rises_in(stretches(times, heights), times)
    table = pd.DataFrame(rises, columns=list(Rise._fields), dtype=float)
    table.attrs["notes"] = notes
    return table


def rises_in(
    parts: list[Stretch], times: Array, least: float = 0.0
) -> tuple[list[Rise], list[str]]:
    """Rises and notes as `find_rises` tells them, of a height that is smoothed already.

    `times` are the recording's, s; of what its ends cut, less than `least` is no rise.
    """
    notes: list[str] = []
    rises: list[Rise] = []
    if parts:
        everything = np.concatenate([part.value for part in parts])
        # Where one is found again, a model settles: no speed of the person's.
        inner = [part.velocity[_inside(part)] for part in parts if _inside(part).any()]
        velocity = np.concatenate(inner or [part.velocity for part in parts])
        lowest = _PEAK * float(np.percentile(velocity, 99.5))
        smallest = _SMALLEST * float(np.subtract(*np.percentile(everything, [99, 1])))
        for part in parts if lowest > 0 else ():
            rises += sorted(_rises(part, (lowest, smallest, least), notes, (times[0], times[-1])))
    return rises, notes


def _inside(part: Stretch) -> NDArray[np.bool_]:
    """Which of its samples are not at its ends."""
    return (part.time >= part.time[0] + _END) & (part.time <= part.time[-1] - _END)


def _rises(
    part: Stretch,
    limits: tuple[float, float, float],
    notes: list[str],
    ends: tuple[float, float],
) -> list[Rise]:
    """Rises of a stretch; those that its ends cut are told in `notes`.

    The limits are the least velocity, the least rise, and the least rise of one that is cut.
    """
    lowest, smallest, least = limits
    apart = max(1, round(_APART / (part.time[1] - part.time[0])))
    # A peak at an end counts: it is half a rise, and that is to be said.
    padded = np.concatenate([[-np.inf], part.velocity, [-np.inf]])
    peaks = find_peaks(padded, height=lowest, distance=apart)[0] - 1
    found: list[Rise] = []
    taken: list[tuple[float, float]] = []
    for peak in sorted(peaks, key=lambda row: -part.velocity[row]):
        at = float(part.time[peak])
        if any(start <= at <= end for start, end in taken):
            continue  # it slowed down on the way, and is one rise
        start, end = part.falls_to(_BEGINS, peak, -1), part.falls_to(_BEGINS, peak, +1)
        begin = part.time[0] if start is None else start
        finish = part.time[-1] if end is None else end
        taken.append((begin, finish))
        rise = float(np.diff(np.interp([begin, finish], part.time, part.value))[0])
        if rise < smallest or finish - begin < _SHORTEST:
            continue
        if start is None or end is None:
            if rise < least:
                continue
            which = int(start is not None)
            near = abs((begin, finish)[which] - ends[which]) <= BRIDGED
            notes.append(
                f"a rise at {at:.2f} s is not counted: the "
                f"{'recording' if near else 'tracked part'} {('begins', 'ends')[which]} in it"
            )
            continue
        found.append(Rise(start, end, float(part.velocity[peak]), rise))
    return found


def _checked(time: ArrayLike, height: ArrayLike) -> tuple[Array, Array]:
    try:
        times, heights = np.asarray(time, float), np.asarray(height, float)
    except (TypeError, ValueError) as error:
        raise TableError("find_rises", f"expected numbers ({error})") from error
    if times.ndim != 1 or times.shape != heights.shape:
        raise TableError(
            "find_rises", f"expected a height for each time, got {times.shape} times and "
            f"{heights.shape} heights",
        )  # fmt: skip
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise TableError("find_rises", "expected times in s that increase from row to row")
    if len(times) > 1 and (step := float(np.median(np.diff(times)))) > _SLOWEST:
        raise TableError(
            "find_rises", f"expected two samples per second or more, got one in {step:g} s; are "
            "the times in s?",
        )  # fmt: skip
    return times, np.where(np.isfinite(heights), heights, np.nan)
