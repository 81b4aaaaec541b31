"""What each repetition is worth: durations, phases, angles and velocities, from its events."""

from __future__ import annotations

import numpy as np
import pandas as pd

from posexp.movement.events import EVENTS, Seen, events_of
from posexp.movement.signals import Stretch, value_at

_QUIET = 0.1  # of its peak: slower than that, the body has come to rest
_STEADY = 0.3  # s that it must stay so
_SETTLES = 3.0  # s after standing in which it is looked for
_AROUND = 1.0  # s before a rise that belong to it where no lean was seen

COLUMNS = (
    "repetition", *EVENTS, "rise_s", "descent_s", "flexion_s", "momentum_transfer_s", "extension_s",
    "stabilisation_s", "rise_px", "peak_rise_velocity_px_s", "peak_lean_deg",
    "peak_lean_velocity_deg_s", "left_knee_at_rise_deg", "right_knee_at_rise_deg",
    "left_knee_standing_deg", "right_knee_standing_deg", "knee_difference_deg",
)  # fmt: skip
"""Of the table of repetitions, before metres and uncertainties."""


def repetition_table(seen: Seen, activity: str) -> tuple[pd.DataFrame, list[str]]:
    """`COLUMNS`, a row per repetition, and what was not counted, in sentences.

    The phases of a chair stand are those of Schenkman, Berger, Riley, Mann and Hodge (Whole-body
    movements during rising to standing from sitting, Phys Ther 1990): *flexion momentum* from the
    first lean to the rise of the hips, *momentum transfer* from there to the most dorsiflexion of
    the ankle, *extension* from there to standing, *stabilisation* until trunk and hips rest. The
    second and third are told only where the model has an ankle angle.
    """
    moments, notes = events_of(seen, activity)
    rows = []
    for number, each in enumerate(moments.itertuples(index=False), 1):
        lean_start, start, standing = each.lean_start, each.rise_start, each.standing
        turn = _most_dorsiflexion(seen, start, standing) if activity == "sit_to_stand" else np.nan
        first = lean_start if np.isfinite(lean_start) else start - _AROUND
        if activity == "squat" and np.isfinite(each.sit_start):
            first = each.sit_start
        lean, lean_velocity = _peaks(seen.leans, first, standing)
        knees = [
            [value_at(seen.time, knee, moment) for knee in seen.knees.T]
            for moment in (start, standing)
        ]
        rows.append((
            number, *(getattr(each, name) for name in EVENTS), standing - start,
            each.seated - each.sit_start, start - lean_start, turn - start, standing - turn,
            _settled(seen, activity, standing, each.sit_start) - standing, each.rise,
            each.peak_velocity, lean, lean_velocity, *knees[0], *knees[1],
            _mean_difference(seen, start, standing),
        ))  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS)), notes


def _most_dorsiflexion(seen: Seen, start: float, standing: float) -> float:
    """When the ankles bend most in a rise, s; NaN where no ankle is seen all through it."""
    rows = (seen.time >= start) & (seen.time <= standing)
    angles = seen.ankles[rows]
    whole = angles[:, np.isfinite(angles).all(axis=0)] if rows.any() else angles[:, :0]
    if not whole.size:
        return float("nan")
    return float(seen.time[rows][np.argmax(whole.mean(axis=1))])


def _peaks(parts: list[Stretch], first: float, last: float) -> tuple[float, float]:
    """The largest value in a span and the largest rate up to it, units and units/s."""
    for part in parts:
        rows = (part.time >= first) & (part.time <= last)
        if rows.any():
            top = int(np.argmax(part.value[rows]))
            return float(part.value[rows][top]), float(part.velocity[rows][: top + 1].max())
    return float("nan"), float("nan")


def _settled(seen: Seen, activity: str, standing: float, limit: float) -> float:
    """When height and lean have come to rest after standing, s.

    NaN where they never do before the person sits down, or the recording ends.
    """
    if activity != "sit_to_stand":
        return float("nan")
    last = np.nanmin([limit, standing + _SETTLES])
    settled = [standing]
    for parts in (seen.path(activity), seen.leans):
        for part in parts:
            if not part.time[0] <= standing < part.time[-1]:
                continue
            rows = (part.time >= standing - _AROUND) & (part.time <= last)
            speed, times = np.abs(part.velocity[rows]), part.time[rows]
            moving = times[speed > _QUIET * speed.max()]
            settled.append(float(moving[-1]) if moving.size else standing)
            if times[-1] - settled[-1] < _STEADY:
                return float("nan")
    return max(settled)


def _mean_difference(seen: Seen, start: float, standing: float) -> float:
    """Left minus right knee flexion, mean over a rise, degrees."""
    rows = (seen.time >= start) & (seen.time <= standing)
    difference = seen.knees[rows, 0] - seen.knees[rows, 1]
    known = difference[np.isfinite(difference)]
    return float(known.mean()) if known.size else float("nan")
