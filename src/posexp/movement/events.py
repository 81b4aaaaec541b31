"""When somebody leans, rises, stands, sits down and is seated; on plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.signal import find_peaks

from posexp.movement.filters import Array
from posexp.movement.rises import Rise, rises_in
from posexp.movement.signals import Stretch, stretches

_SEATED = 0.35  # s at the bottom, median: shorter is a squat, that turns round without a rest
_EARLY = 0.5  # s before somebody sits in which the next lean may begin
SLACK = 0.1  # s by which a rise and the sitting down beside it may overlap
_BEFORE = 3.0  # s before a rise in which the trunk begins to lean for it
_LEANS = 5.0  # degrees that the trunk leans forward at least, or no lean is seen
_BEGINS = 0.1  # of its own peak velocity: where a lean starts, as a rise does
_SMALLEST = 0.25  # of the trunk's length that a rise goes up at least: less is rocking, or breath

_WORD = {"sit_to_stand": "stand", "squat": "squat"}


@dataclass(frozen=True)
class Seen:
    """What is seen of somebody over time (T frames).

    Parameters
    ----------
    time : (T,) array
        s.
    hips, shoulders : (T,) array
        Heights, px, up positive; NaN where not known.
    lean : (T,) array
        Of the trunk from the vertical, degrees, forward positive.
    knees : (T, 2) array
        Flexion, left and right, degrees, 0 straight.
    ankles : (T, 2) array
        Dorsiflexion, left and right, in the picture's plane, degrees; NaN where the model has no
        feet.
    trunk : float
        Length of the trunk in the picture, px.
    metres_per_px : float
        At the person's depth; NaN where not known.
    """

    time: Array
    hips: Array
    shoulders: Array
    lean: Array
    knees: Array
    ankles: Array
    trunk: float
    metres_per_px: float = float("nan")

    @cached_property
    def leans(self) -> list[Stretch]:
        """Of the trunk, smoothed."""
        return stretches(self.time, self.lean)

    def height(self, activity: str) -> str:
        """What is followed up and down: ``hips`` or ``shoulders``.

        Of chair stands the hips: the shoulders also go down and up as the trunk leans, and begin to
        rise a tenth of a second late. Of squats the shoulders: the hips of a person who crouches
        are what models see worst. The other of both where it is known twice as often.
        """
        known = {name: np.isfinite(getattr(self, name)).mean() for name in ("hips", "shoulders")}
        first, second = known if activity == "sit_to_stand" else reversed(known)
        return second if known[second] > 2 * known[first] else first

    def path(self, activity: str) -> list[Stretch]:
        """The height that `height` names, smoothed."""
        return self.hip_path if self.height(activity) == "hips" else self.shoulder_path

    @cached_property
    def hip_path(self) -> list[Stretch]:
        """The hips' height, smoothed."""
        return stretches(self.time, self.hips)

    @cached_property
    def shoulder_path(self) -> list[Stretch]:
        """The shoulders' height, smoothed."""
        return stretches(self.time, self.shoulders)

    def up_and_down(self, activity: str) -> tuple[list[Rise], list[Rise], list[str]]:
        """Rises and falls of that height, and which rises are not counted, in sentences."""
        path = self.path(activity)
        least = _SMALLEST * self.trunk if np.isfinite(self.trunk) else 0.0
        rises, notes = rises_in(path, self.time, least)
        return rises, rises_in([-part for part in path], self.time)[0], notes


class Moments(NamedTuple):
    """Of a repetition, s; a squat goes down first, so its last two come before the others.

    NaN where not known. With them the rise, px, and its highest velocity, px/s.
    """

    lean_start: float
    rise_start: float
    standing: float
    sit_start: float
    seated: float
    rise: float
    peak_velocity: float


EVENTS = Moments._fields[:5]


def activity_of(seen: Seen) -> str:
    """``sit_to_stand`` or ``squat``, by how long the hips rest at the bottom.

    A recording that begins down there, or a median rest of at least `_SEATED` s, is of a chair.
    """
    rises, falls, _ = seen.up_and_down("sit_to_stand")
    rests = []
    for row, rise in enumerate(rises):
        before = [fall.end for fall in falls if fall.end <= rise.start + SLACK]
        if before:
            rests.append(rise.start - before[-1])
        elif row == 0:
            return "sit_to_stand"
    return "squat" if rests and np.median(rests) < _SEATED else "sit_to_stand"


def moments_in(seen: Seen, activity: str) -> tuple[list[Moments], list[str]]:
    """The moments of each repetition, and what was not counted, in sentences."""
    rises, falls, notes = seen.up_and_down(activity)
    large = [each for each in rises if not each.rise < _SMALLEST * seen.trunk]
    if small := len(rises) - len(large):
        notes.append(
            f"{small} time{'s' if small > 1 else ''} up by less than a quarter of the trunk's "
            f"length: that is no {_WORD[activity]}"
        )
    starts = [each.start for each in large] + [np.inf]
    ends = [-np.inf] + [each.end for each in large]
    found = []
    for row, rise in enumerate(large):
        if activity == "squat":
            down = [
                each
                for each in falls
                if each.start > ends[row] - SLACK and each.end < rise.start + SLACK
            ][-1:]
            lean = np.nan
        else:
            down = [
                each
                for each in falls
                if each.start > rise.end - SLACK and each.end < starts[row + 1] + SLACK
            ][:1]
            sat = [each.end for each in falls if each.end < rise.start + SLACK]
            free = max(ends[row], rise.start - _BEFORE, sat[-1] - _EARLY if sat else -np.inf)
            lean = lean_start(seen.leans, free, rise.start)
        sit_start, seated = (down[0].start, down[0].end) if down else (np.nan, np.nan)
        found.append(Moments(
            lean, rise.start, rise.end, sit_start, seated, rise.rise, rise.peak_velocity
        ))  # fmt: skip
    return found, notes


def lean_start(leans: list[Stretch], earliest: float, rise: float) -> float:
    """When the trunk begins to lean for a rise that starts at `rise`, s; NaN where it is not seen.

    The last forward peak of its angular velocity that is at least half the highest since
    `earliest`; from there back to a tenth of that peak. So rocking before it does not count.
    """
    for part in leans:
        rows = np.flatnonzero((part.time >= earliest) & (part.time <= rise + SLACK))
        if rows.size < 3:
            continue
        velocity = part.velocity[rows]
        highest = float(velocity.max())
        if highest <= 0:
            continue
        padded = np.concatenate([[-np.inf], velocity, [-np.inf]])
        peak = int(rows[find_peaks(padded, height=0.5 * highest)[0][-1] - 1])
        start, end = part.falls_to(_BEGINS, peak, -1), part.falls_to(_BEGINS, peak, +1)
        if start is None or start < earliest:
            continue
        last = part.time[-1] if end is None else end
        if np.diff(np.interp([start, last], part.time, part.value))[0] >= _LEANS:
            return min(start, rise)
    return float("nan")
