"""What each repetition is worth: durations, phases, angles and velocities, from its events."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from posexp.movement.events import Moments, Seen, moments_in
from posexp.movement.given import moments_at
from posexp.movement.signals import Stretch, value_at

_QUIET = 0.1  # of its peak: slower than that, the body has come to rest
_STEADY = 0.3  # s that it must stay so
_SETTLES = 3.0  # s after standing in which it is looked for
_AROUND = 1.0  # s before a rise that belong to it where no lean was seen


class Repetition(NamedTuple):
    """A row of the table of repetitions; NaN where not known.

    Events in s; durations in s; the rise and its highest velocity in px, px/s, m and m/s; the
    trunk's largest lean from the vertical and how fast it went there, degrees and degrees/s; knee
    flexion where the rise starts and where it ends, and left minus right as a mean over it,
    degrees.
    """

    repetition: int
    lean_start: float
    rise_start: float
    standing: float
    sit_start: float
    seated: float
    rise_s: float
    descent_s: float
    flexion_s: float
    momentum_transfer_s: float
    extension_s: float
    stabilisation_s: float
    rise_px: float
    peak_rise_velocity_px_s: float
    rise_m: float
    peak_rise_velocity_m_s: float
    peak_lean_deg: float
    peak_lean_velocity_deg_s: float
    left_knee_at_rise_deg: float
    right_knee_at_rise_deg: float
    left_knee_standing_deg: float
    right_knee_standing_deg: float
    knee_difference_deg: float


def repetitions_in(
    seen: Seen, activity: str, events: pd.DataFrame | None = None
) -> tuple[list[Repetition], list[str]]:
    """Each repetition, found or at given `events`, and what was not counted, in sentences.

    The phases of a chair stand are those of Schenkman, Berger, Riley, Mann and Hodge (Whole-body
    movements during rising to standing from sitting, Phys Ther 1990): *flexion momentum* from the
    first lean to the rise of the hips, *momentum transfer* from there to the most dorsiflexion of
    the ankle, *extension* from there to standing, *stabilisation* until trunk and hips rest. The
    second and third are told only where the model has an ankle angle.
    """
    moments, notes = (
        moments_in(seen, activity) if events is None else (moments_at(seen, activity, events), [])
    )
    return [_measured(seen, activity, row, each) for row, each in enumerate(moments, 1)], notes


def _measured(seen: Seen, activity: str, number: int, at: Moments) -> Repetition:
    start, standing, scale = at.rise_start, at.standing, seen.metres_per_px
    turn = _most_dorsiflexion(seen, start, standing) if activity == "sit_to_stand" else np.nan
    first = at.lean_start if activity == "sit_to_stand" else at.sit_start
    lean, lean_velocity = _peaks(
        seen.leans, first if np.isfinite(first) else start - _AROUND, standing
    )
    rising, upright = (
        [value_at(seen.time, knee, moment) for knee in seen.knees.T] for moment in (start, standing)
    )
    return Repetition(
        repetition=number,
        lean_start=at.lean_start,
        rise_start=start,
        standing=standing,
        sit_start=at.sit_start,
        seated=at.seated,
        rise_s=standing - start,
        descent_s=at.seated - at.sit_start,
        flexion_s=start - at.lean_start,
        momentum_transfer_s=turn - start,
        extension_s=standing - turn,
        stabilisation_s=_settled(seen, activity, at) - standing,
        rise_px=at.rise,
        peak_rise_velocity_px_s=at.peak_velocity,
        rise_m=scale * at.rise,
        peak_rise_velocity_m_s=scale * at.peak_velocity,
        peak_lean_deg=lean,
        peak_lean_velocity_deg_s=lean_velocity,
        left_knee_at_rise_deg=rising[0],
        right_knee_at_rise_deg=rising[1],
        left_knee_standing_deg=upright[0],
        right_knee_standing_deg=upright[1],
        knee_difference_deg=_mean_difference(seen, start, standing),
    )


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


def _settled(seen: Seen, activity: str, at: Moments) -> float:
    """When height and lean have come to rest after standing, s.

    NaN where they never do before the person sits down, or the recording ends.
    """
    if activity != "sit_to_stand":
        return float("nan")
    standing = at.standing
    last = np.nanmin([at.sit_start, standing + _SETTLES])
    settled = [standing]
    for parts in (seen.path(activity), seen.leans):
        for part in parts:
            if not part.time[0] <= standing < part.time[-1]:
                continue
            rows = (part.time >= standing - _AROUND) & (part.time <= last)
            if not rows.any():
                continue
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
