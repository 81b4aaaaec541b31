"""When somebody leans, rises, stands, sits down and is seated; on plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.signal import find_peaks

from posexp.movement.rises import rises_in
from posexp.movement.signals import Array, Stretch, stretches

EVENTS = ("lean_start", "rise_start", "standing", "sit_start", "seated")
"""Of a repetition, s; a squat goes down first, so its last two come before the others."""

ACTIVITIES = ("sit_to_stand", "squat")

_SEATED = 0.35  # s at the bottom, median: shorter is a squat, that turns round without a rest
_SLACK = 0.1  # s by which a rise and the sitting down beside it may overlap
_BEFORE = 3.0  # s before a rise in which the trunk begins to lean for it
_LEANS = 5.0  # degrees that the trunk leans forward at least, or no lean is seen
_BEGINS = 0.1  # of its own peak velocity: where a lean starts, as a rise does
_SMALLEST = 0.25  # of the trunk's length that a rise goes up at least: less is rocking, or breath


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
        Dorsiflexion, left and right, degrees; NaN where the model has no feet.
    trunk : float
        Length of the trunk in the picture, px.
    """

    time: Array
    hips: Array
    shoulders: Array
    lean: Array
    knees: Array
    ankles: Array
    trunk: float

    @cached_property
    def leans(self) -> list[Stretch]:
        """Of the trunk, smoothed."""
        return stretches(self.time, self.lean)

    def height(self, activity: str) -> str:
        """What is followed up and down: ``hips`` or ``shoulders``.

        Of chair stands the hips: the shoulders also go down and up as the trunk leans, and begin to
        rise a tenth of a second late. Of squats the shoulders: the hips of a person who crouches are
        what models see worst. The other of both where it is known twice as often.
        """
        known = {name: np.isfinite(getattr(self, name)).mean() for name in ("hips", "shoulders")}
        first, second = known if activity == "sit_to_stand" else reversed(known)
        return second if known[second] > 2 * known[first] else first

    def path(self, activity: str) -> list[Stretch]:
        """The height that `height` names, smoothed."""
        return self._paths[self.height(activity)]

    @cached_property
    def _paths(self) -> dict[str, list[Stretch]]:
        return {name: stretches(self.time, getattr(self, name)) for name in ("hips", "shoulders")}

    def up_and_down(self, activity: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Rises and falls of that height, as `find_rises` gives them."""
        path = self.path(activity)
        return rises_in(path, self.time), rises_in([-part for part in path], self.time)


def activity_of(seen: Seen) -> str:
    """``sit_to_stand`` or ``squat``, by how long the hips rest at the bottom.

    A recording that begins down there, or a median rest of at least `_SEATED` s, is of a chair.
    """
    rises, falls = seen.up_and_down("sit_to_stand")
    rests = []
    for row, start in enumerate(rises["start"]):
        before = falls["end"][falls["end"] <= start + _SLACK]
        if before.empty:
            if row == 0:
                return "sit_to_stand"
            continue
        rests.append(start - before.iloc[-1])
    return "squat" if rests and np.median(rests) < _SEATED else "sit_to_stand"


def events_of(seen: Seen, activity: str) -> tuple[pd.DataFrame, list[str]]:
    """The moments of each repetition, s, and what was not counted, in sentences.

    Returns
    -------
    DataFrame
        A row per repetition: `EVENTS` (NaN where not known), ``peak_velocity`` (px/s) and ``rise``
        (px).
    list of str
        Why there are fewer than one might think.
    """
    rises, falls = seen.up_and_down(activity)
    notes = list(rises.attrs["notes"])
    small = rises["rise"] < _SMALLEST * seen.trunk
    if small.any():
        times = f"{small.sum()} time{'s' if small.sum() > 1 else ''}"
        notes.append(
            f"{times} up by less than a quarter of the trunk's length: that is no {_WORD[activity]}"
        )
        rises = rises[~small].reset_index(drop=True)
    rows = []
    for row, rise in rises.iterrows():
        after = rises["start"].get(row + 1, np.inf)
        before = rises["end"].get(row - 1, -np.inf)
        if activity == "squat":
            down = falls[(falls["start"] > before - _SLACK) & (falls["end"] < rise.start + _SLACK)]
            down = down.iloc[-1:]
        else:
            down = falls[(falls["start"] > rise.end - _SLACK) & (falls["end"] < after + _SLACK)]
            down = down.iloc[:1]
        sits = falls["end"][falls["end"] < rise.start + _SLACK]
        free = max(before, rise.start - _BEFORE, sits.iloc[-1] - 0.5 if len(sits) else -np.inf)
        lean = lean_start(seen.leans, free, rise.start) if activity == "sit_to_stand" else np.nan
        rows.append({
            "lean_start": lean, "rise_start": rise.start, "standing": rise.end,
            "sit_start": down["start"].iloc[0] if len(down) else np.nan,
            "seated": down["end"].iloc[0] if len(down) else np.nan,
            "peak_velocity": rise.peak_velocity, "rise": rise["rise"],
        })  # fmt: skip
    table = pd.DataFrame(rows, columns=[*EVENTS, "peak_velocity", "rise"], dtype=float)
    return table, notes


_WORD = {"sit_to_stand": "stand", "squat": "squat"}


def lean_start(leans: list[Stretch], earliest: float, rise: float) -> float:
    """When the trunk begins to lean for a rise that starts at `rise`, s; NaN where it is not seen.

    The last forward peak of its angular velocity that is at least half the highest since
    `earliest`; from there back to a tenth of that peak. So rocking before it does not count.
    """
    for part in leans:
        rows = np.flatnonzero((part.time >= earliest) & (part.time <= rise + _SLACK))
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
