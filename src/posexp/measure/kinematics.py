"""What the clinic reads from keypoints: joint angles, and the delay between two recordings."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posexp.pose.sequence import Floats, PoseSequence
from posexp.pose.skeleton import REGIONS

_LIMBS = {
    "left_knee": ("left_hip", "left_knee", "left_ankle"),
    "right_knee": ("right_hip", "right_knee", "right_ankle"),
    "left_hip": ("left_shoulder", "left_hip", "left_knee"),
    "right_hip": ("right_shoulder", "right_hip", "right_knee"),
}
"""Angles between two bones, by the joints at their ends and where they meet."""

ANGLES = (*_LIMBS, "trunk")
"""Angles that every variant can give."""

LONGEST_LAG = 0.5
"""s; delays are looked for up to this."""

_COARSEST = 0.1  # s between frames; coarser, a line through three of them is no movement


def angles(poses: PoseSequence) -> pd.DataFrame:
    """Angles in the image plane, degrees.

    Returns
    -------
    DataFrame
        A row per frame and a column for each of `ANGLES` whose joints the skeleton has.
        ``{side}_knee``: between thigh and shank, ``{side}_hip``: between trunk (hip to shoulder)
        and thigh; both 0 to 180, 180 straight. ``trunk``: of the line from mid-hip to
        mid-shoulder against the image's vertical, -180 to 180, 0 upright, positive towards the
        image's right. NaN where a joint is missing. Angles of a projection differ from those of
        the body unless the camera looks at right angles to the movement.
    """
    columns = limb_angles(poses, poses.image)
    line = trunk(poses)
    if line is not None:
        columns["trunk"] = np.rad2deg(np.arctan2(line[:, 0], -line[:, 1]))
    return pd.DataFrame(columns)


def trunk(poses: PoseSequence) -> NDArray[np.float32] | None:
    """(T, 2) from mid-hip to mid-shoulder, px; None for a skeleton without these joints."""
    if not set(REGIONS["torso"]) <= set(poses.skeleton.joints):
        return None
    top = (poses.joint("left_shoulder") + poses.joint("right_shoulder")) / 2
    return top - (poses.joint("left_hip") + poses.joint("right_hip")) / 2


def world_angles(poses: PoseSequence) -> pd.DataFrame:
    """Knee and hip angles in space, degrees, 0 to 180; as `angles`, from ``poses.world``.

    The trunk's is left out: the camera's vertical need not be the room's.
    """
    if poses.world is None:
        raise ValueError("these poses have no world coordinates")
    return pd.DataFrame(limb_angles(poses, poses.world))


def angle_difference(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """First minus second, degrees, the short way round; for the columns that both have."""
    common = [name for name in first if name in second]
    difference = first[common].to_numpy() - second[common].to_numpy()
    return pd.DataFrame((difference + 180) % 360 - 180, columns=common)


def lag(poses: PoseSequence, reference: PoseSequence) -> float:
    """How much later the movement is in `poses` than in `reference`, s.

    The shift at which the velocities of all common joints (x and y, one signal each) correlate
    best; up to `LONGEST_LAG` either way, refined between frames by a parabola through the
    highest three values. A causal filter shows as a positive lag.

    Returns
    -------
    float
        Negative when `poses` is early; NaN when the two have less than two seconds in common,
        when the reference has fewer than ten frames a second, when nothing moves, or when no
        shift makes the velocities alike (correlation below 0.3).
    """
    joints = [j for j in reference.skeleton.joints if j in poses.skeleton.joints]
    if not joints or min(len(poses), len(reference)) < 3:
        return float("nan")
    begin, end = max(poses.time[0], reference.time[0]), min(poses.time[-1], reference.time[-1])
    step = float(np.median(np.diff(reference.time)))
    if end - begin < 4 * LONGEST_LAG or step > 1.01 * _COARSEST:
        return float("nan")
    times = np.arange(begin, end, step)
    mine = _velocities(poses.select(joints), times)
    theirs = _velocities(reference.select(joints), times)
    both = np.isfinite(mine).all(axis=0) & np.isfinite(theirs).all(axis=0)
    mine, theirs = mine[:, both], theirs[:, both]
    most = round(LONGEST_LAG / step)
    shifts = np.arange(-most, most + 1)
    # The same stretch of `poses` for every shift: a jump at its ends must not favour one.
    middle = mine[most:-most]
    values = np.array([
        _correlation(middle, theirs[most - shift : len(theirs) - most - shift]) for shift in shifts
    ])  # fmt: skip
    best = int(np.argmax(values)) if np.isfinite(values).all() else 0
    if best in (0, len(values) - 1) or values[best] < 0.3:
        return float("nan")
    before, peak, after = values[best - 1 : best + 2]
    curve = before - 2 * peak + after
    return float((shifts[best] + (0.5 * (before - after) / curve if curve else 0.0)) * step)


def limb_angles(poses: PoseSequence, points: Floats) -> dict[str, NDArray[np.float64]]:
    """(T,) each angle between two bones that the skeleton has, degrees, 180 straight.

    Parameters
    ----------
    points : (T, J, 2 or 3) array
        Where the joints are.
    """
    columns = {}
    for name, joints in _LIMBS.items():
        if set(joints) <= set(poses.skeleton.joints):
            a, b, c = (points[:, i].astype(float) for i in poses.skeleton.indices(joints))
            columns[name] = angle_between(a - b, c - b)
    return columns


def angle_between(first: Floats, second: Floats) -> NDArray[np.float64]:
    """(T,) angles between (T, 2 or 3) vectors, degrees; NaN for a vector of no length."""
    lengths = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = (first * second).sum(axis=-1) / lengths
    return np.asarray(np.rad2deg(np.arccos(np.clip(cosine, -1, 1))))


def _velocities(poses: PoseSequence, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """(len(times), 2 J) px/s at even times; gaps are bridged, NaN where a joint is never seen."""
    signals = poses.image.reshape(len(poses), -1).astype(float)
    columns = []
    for signal in signals.T:
        seen = np.isfinite(signal)
        if not seen.any():
            columns.append(np.full(len(times), np.nan))
            continue
        columns.append(np.gradient(np.interp(times, poses.time[seen], signal[seen]), times))
    return np.stack(columns, axis=1)


def _correlation(first: Floats, second: Floats) -> float:
    """Of all signals together; NaN when one of them does not move."""
    energy = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / energy) if energy > 1e-9 else float("nan")
