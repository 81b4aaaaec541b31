"""Chair stands and squats in a sequence of poses: when, how long, how far, and how sure."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from posexp.errors import check_choice
from posexp.measure.quality import torso_length
from posexp.movement.angles import WORLD, angles
from posexp.movement.cleaning import Cleaned, clean
from posexp.movement.events import Seen, activity_of
from posexp.movement.filters import Array
from posexp.movement.given import activity_of_events, checked_for
from posexp.movement.outcomes import outcomes, sentence
from posexp.movement.phases import Repetition, repetitions_in
from posexp.movement.scale import Scale, scale_of, tilt_of
from posexp.movement.uncertainty import SUFFIX, bootstrap
from posexp.movement.view import View
from posexp.pose.sequence import PoseSequence
from posexp.settings import ACTIVITIES, ScaleSettings

_NO_SHAKE = 1e-9  # of numbers that are always the same, but for rounding
_SEEN = 0.9  # share of the frames; in fewer, it is said
_BLIND = 1.0  # s unseen between two repetitions in which there may have been another


@dataclass(frozen=True)
class Repetitions:
    """The repetitions of a clip.

    Parameters
    ----------
    activity : str
        ``sit_to_stand``, ``squat`` or ``none``.
    table : DataFrame
        A row per repetition, columns as in docs/movement.md; NaN where not known. After each
        column with a unit its standard deviation, ``{column}_bootstrap_sd``.
    figures : dict of str to float
        Of the clip, as `outcomes` names them, with their ``_bootstrap_sd``.
    height : str
        What was followed up and down: ``hips`` or ``shoulders``.
    notes : tuple of str
        What was not counted, or not known, and why.
    seen : Seen, optional
        The heights and angles over time that they were found in.
    view : View, optional
        From where the person is seen, and what angles are worth then.
    """

    activity: str
    table: pd.DataFrame
    figures: dict[str, float] = field(default_factory=dict)
    height: str = ""
    notes: tuple[str, ...] = ()
    seen: Seen | None = None
    view: View | None = None

    @property
    def sentence(self) -> str:
        """``5 stands, five times 11.2 s, rise 0.79 s (0.76 to 0.82), peak lean 41 deg``."""
        if self.activity == "none":
            return ""
        return sentence(self.table["rise_s"].to_numpy(float), self.activity, self.figures)

    def metrics(self) -> dict[str, float]:
        """`figures` under their names in MLflow, ``movement/...``."""
        return {f"movement/{name}": value for name, value in self.figures.items()}


def repetitions(
    poses: PoseSequence,
    activity: str = "auto",
    scale: ScaleSettings | None = None,
    cleaned: Cleaned | None = None,
    events: pd.DataFrame | None = None,
) -> Repetitions:
    """Find the chair stands or squats of a clip, and measure each.

    Parameters
    ----------
    poses : PoseSequence
        Of one person, as the model gave them.
    activity : {"auto", "sit_to_stand", "squat", "none"}
        What is done; ``auto``: squats where the hips turn round at the bottom without a rest.
    scale : ScaleSettings, optional
        What is known in metres: then rises and velocities are told in m and m/s too.
    cleaned : Cleaned, optional
        The same, cleaned, where that has been done; `poses` cleaned in the standard way by default.
    events : DataFrame, optional
        A row per repetition, ``lean_start, rise_start, standing, sit_start, seated`` in s, NaN
        where not known, in place of what would be found: everything else is told from them. Their
        order says what is done. What follows from them alone has no standard deviation.

    Returns
    -------
    Repetitions
        Its table is empty, and its notes say why, where there is nothing to be found.

    Raises
    ------
    ConfigError
        For another activity.
    TableError
        For `events` that cannot be.
    """
    check_choice("activity", activity, ACTIVITIES)
    if events is not None:
        events = checked_for(events, poses.time)
        activity = activity_of_events(events) or activity
    if activity == "none":
        return _nothing(activity, "activity=none: no repetitions were looked for")
    cleaned = clean(poses) if cleaned is None else cleaned
    where = cleaned.view
    space = WORLD if where.in_space and not where.trusted else ""
    metres = scale_of(cleaned.poses, scale or ScaleSettings())
    seen = seen_in(cleaned.poses, cleaned.angles, space, metres.metres_per_px)
    if not (np.isfinite(seen.hips) | np.isfinite(seen.shoulders)).any():
        activity = "sit_to_stand" if activity == "auto" else activity
        return _nothing(activity, "neither hips nor shoulders are seen in any frame")
    if activity == "auto":
        activity = activity_of(seen)
    rows, notes = repetitions_in(seen, activity, events)
    blind = _blind(seen, activity, rows) if events is None else []
    end = -np.inf if blind else float(seen.time[-1])

    def compute(what: Seen) -> tuple[list[Repetition], dict[str, float]]:
        found, _ = repetitions_in(what, activity, events)
        return found, outcomes(found, activity, end)

    table = pd.DataFrame(rows, columns=list(Repetition._fields))
    figures = outcomes(rows, activity, end)
    if not rows and not notes:
        notes.append(
            f"the {seen.height(activity)} never rise" if events is None else "all were removed"
        )
    elif rows:
        spread, of_figures = bootstrap(compute, seen, seen_in(poses, angles(poses), space))
        if events is not None:  # what is given does not shake, which says nothing of how sure it is
            spread = np.where(spread < _NO_SHAKE, np.nan, spread)
            of_figures = {k: value for k, value in of_figures.items() if value >= _NO_SHAKE}
        table = _beside(table, spread)
        figures |= {name + SUFFIX: value for name, value in of_figures.items()}
    if events is not None:
        notes.append("the events are as somebody has set them")
    notes += [*blind, *_unknown(seen, rows, activity), *_measure(metres, tilt_of(cleaned.poses))]
    return Repetitions(activity, table, figures, seen.height(activity), tuple(notes), seen, where)


def seen_in(
    poses: PoseSequence, table: pd.DataFrame, space: str, metres_per_px: float = float("nan")
) -> Seen:
    """Heights and angles of a sequence; NaN for what its skeleton lacks.

    Parameters
    ----------
    table : DataFrame
        Its `angles`.
    space : {"", "_world"}
        Angles in the picture's plane, or in space.
    """
    joints, frames = poses.skeleton.joints, len(poses)

    def height(part: str) -> Array:
        names = [f"{side}_{part}" for side in ("left", "right")]
        if not set(names) <= set(joints):
            return np.full(frames, np.nan)
        return -np.mean([poses.joint(name)[:, 1] for name in names], axis=0, dtype=float)

    # Of the ankle it is the moment that counts, and the plane tells that from every side: in space
    # the feet are what mlkit knows least, and they bend most when the person stands already.
    wanted = [
        f"{name}{space}" for name in ("trunk_lean", "left_knee_flexion", "right_knee_flexion")
    ]
    wanted += [f"{side}_ankle_dorsiflexion" for side in ("left", "right")]
    lean, *legs = table.reindex(columns=wanted).to_numpy(float).T
    return Seen(
        poses.time, height("hip"), height("shoulder"), lean, np.stack(legs[:2], axis=1),
        np.stack(legs[2:], axis=1), torso_length(poses), metres_per_px,
    )  # fmt: skip


def _beside(table: pd.DataFrame, spread: Array) -> pd.DataFrame:
    """The table with each standard deviation after its column."""
    columns = {"repetition": table["repetition"]}
    for index, name in enumerate(table.columns[1:], 1):
        columns |= {name: table[name], name + SUFFIX: spread[:, index]}
    return pd.DataFrame(columns)


def _blind(seen: Seen, activity: str, rows: list[Repetition]) -> list[str]:
    """Stretches between repetitions in which nothing is seen, in sentences."""
    if not rows:
        return []
    values = getattr(seen, seen.height(activity))
    times = seen.time[np.isfinite(values)]
    inside = times[(times >= rows[0].rise_start) & (times <= rows[-1].standing)]
    long = np.flatnonzero(np.diff(inside) > _BLIND)
    return [
        f"from {inside[row]:.1f} to {inside[row + 1]:.1f} s nothing is seen: repetitions there are "
        "not counted"
        for row in long
    ]


def _unknown(seen: Seen, rows: list[Repetition], activity: str) -> list[str]:
    """Which columns are empty for want of joints, in sentences."""
    notes = []
    if not np.isfinite(seen.knees).any():
        notes.append("the legs are not seen: no knee angles")
    share = float(np.isfinite(getattr(seen, seen.height(activity))).mean())
    if share < _SEEN:
        notes.append(
            f"the {seen.height(activity)} are seen in {share:.0%} of the frames: repetitions in "
            "the others are not counted"
        )
    usual = "hips" if activity == "sit_to_stand" else "shoulders"
    if (height := seen.height(activity)) != usual:
        notes.append(f"the {usual} are hardly seen: the {height} are timed in their place")
    if rows and activity == "sit_to_stand" and not np.isfinite([r.lean_start for r in rows]).any():
        notes.append("no lean of the trunk is seen before the rises: no phase of flexion momentum")
    return notes


def _measure(scale: Scale, tilt: float) -> list[str]:
    """What a metre was made of, and whether the camera is tilted, in sentences."""
    notes = [scale.how] if scale.how else []
    if abs(tilt) > 0:
        notes.append(
            f"the camera seems tilted by {abs(tilt):.0f} degrees: heights are along the picture's "
            "vertical, and leans are off by as much"
        )
    return notes


def _nothing(activity: str, why: str) -> Repetitions:
    empty = pd.DataFrame(columns=list(Repetition._fields), dtype=float)
    return Repetitions(activity, empty, {"repetitions": 0.0}, notes=(why,))
