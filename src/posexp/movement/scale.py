"""From pixels to metres at a person's depth, and whether the camera stands level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posexp.movement.filters import Array
from posexp.pose.sequence import PoseSequence
from posexp.settings import ScaleSettings

SEGMENTS = {
    "trunk": ("shoulder", "hip", 0.288),
    "thigh": ("hip", "knee", 0.245),
    "shank": ("knee", "ankle", 0.246),
}
"""Joints at the ends, and the length as a share of body height (Winter, Biomechanics and Motor
Control of Human Movement, 4th ed. 2009, fig. 4.1; the trunk from the heights of its ends)."""

_LONGEST = 90  # percentile over the clip: a segment is never longer than it is, noise aside
_STRAIGHT = 10.0  # degrees between legs and trunk up to which somebody stands straight
_APART = 0.05  # of the body: closer feet show no floor
_TILTED = 5.0  # degrees by which both feet and body are off before a camera is called tilted
_SOLES = ("left_heel", "right_heel", "left_foot_index", "right_foot_index")


@dataclass(frozen=True)
class Scale:
    """What a pixel is worth where the person is.

    Parameters
    ----------
    metres_per_px : float
        NaN where not known.
    how : str
        Of what it was made, or why there is none, in a few words; empty where none was asked for.
    """

    metres_per_px: float = float("nan")
    how: str = ""


def scale_of(poses: PoseSequence, settings: ScaleSettings) -> Scale:
    """Metres per pixel at the person's depth.

    With `settings.distance_m`, of two points of the picture. Else from the lengths of the person's
    trunk, thighs and shanks in the picture, each its 90th percentile over the clip, since a segment
    that points at the camera looks shorter than it is: the median of what they say. So heights are
    right for a camera that looks down too, as far as the segments that stood upright are.
    """
    if settings.distance_m is not None:
        first, second = settings.ends
        apart = float(np.hypot(second[0] - first[0], second[1] - first[1]))
        return Scale(settings.distance_m / apart, f"{settings.distance_m:g} m between two points")
    if settings.height_m is None and settings.shank_m is None:
        return Scale()
    found = []
    for name, (top, bottom, share) in SEGMENTS.items():
        length = settings.shank_m if name == "shank" else None
        if settings.height_m is not None:
            length = share * settings.height_m
        if length is not None:
            found += [length / px for px in _lengths(poses, top, bottom)]
    if not found:
        return Scale(how="no metres: trunk, thighs and shanks are not seen")
    said = (
        f"a body height of {settings.height_m:g} m and Winter's proportions"
        if settings.height_m is not None
        else f"a shank of {settings.shank_m:g} m"
    )
    return Scale(float(np.median(found)), f"{1000 * np.median(found):.2f} mm per px, from {said}")


def tilt_of(poses: PoseSequence) -> float:
    """How far a camera is turned about the way it looks, degrees, clockwise positive; 0 if level.

    By the line of the body, from ankles to shoulders of whoever stands upright, against the
    picture's vertical; and by the floor line, through the feet, against its horizontal. One of them
    alone may be off with a level camera (somebody leans; a floor seen obliquely slopes): the
    smaller is taken where both turn the same way by more than 5 degrees. NaN where nobody stands
    straight.
    """
    joints = poses.skeleton.joints
    wanted = ("shoulder", "hip", "ankle")
    names = [f"{side}_{part}" for part in wanted for side in ("left", "right")]
    if not set(names) <= set(joints):
        return float("nan")
    points = {name: poses.joint(name).astype(float) for name in joints}
    top, middle, bottom = (
        (points[f"left_{part}"] + points[f"right_{part}"]) / 2 for part in wanted
    )
    legs, trunk = _from_vertical(middle - bottom), _from_vertical(top - middle)
    straight = np.abs(legs - trunk) < _STRAIGHT
    if not straight.any():
        return float("nan")
    body = float(np.median(_from_vertical(top - bottom)[straight]))
    whole = _SOLES if set(_SOLES) <= set(joints) else ("left_ankle", "right_ankle")
    feet = np.array([np.nanmedian(points[name][straight], axis=0) for name in whole])
    floor = _slope(feet, float(np.median(np.linalg.norm((top - bottom)[straight], axis=1))))
    if not body * floor > 0 or min(abs(body), abs(floor)) < _TILTED:
        return 0.0
    return min(body, floor, key=abs)


def _from_vertical(lines: Array) -> Array:
    """(T,) of (T, 2) lines upwards, degrees, to the right positive."""
    return np.asarray(np.rad2deg(np.arctan2(lines[:, 0], -lines[:, 1])))


def _slope(points: Array, size: float) -> float:
    """Of the line through (n, 2) points of the feet, degrees, downwards to the right positive.

    NaN where they lie closer together than a twentieth of the body's `size`, px.
    """
    centred = points - points.mean(axis=0)
    if not np.isfinite(centred).all() or np.ptp(centred, axis=0).max() < _APART * size:
        return float("nan")
    across, down = np.linalg.svd(centred, full_matrices=False)[2][0]
    return float(np.rad2deg(np.arctan(down / across))) if across else 90.0


def _lengths(poses: PoseSequence, top: str, bottom: str) -> list[float]:
    """Of a segment on either side, px; a side that is never seen is left out."""
    lengths = []
    for side in ("left", "right"):
        names = [f"{side}_{top}", f"{side}_{bottom}"]
        if not set(names) <= set(poses.skeleton.joints):
            continue
        apart = np.linalg.norm(np.diff([poses.joint(name) for name in names], axis=0)[0], axis=-1)
        apart = apart[np.isfinite(apart)]
        if apart.size and (length := float(np.percentile(apart, _LONGEST))) > 0:
            lengths.append(length)
    return lengths
