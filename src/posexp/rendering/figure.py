"""The joints of a figure that rises from a chair and sits down again.

Axes of the scene: x to the person's left, y up, z forward (the way the person faces); metres,
origin on the floor between the feet. Segment lengths follow Winter's proportions of body height
(Biomechanics and Motor Control of Human Movement, 4th ed., fig. 4.1) for a person of 1.72 m.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Joints = dict[str, Vector]

DURATION = 8.0
"""s; two repetitions of `_CYCLE`."""

_CYCLE = 4.0
_RISE = (0.45, 1.45)  # s of the cycle: from the first lean to upright
_DESCENT = (2.25, 1.65)  # begin and length, s
_SHANK = _THIGH = 0.425
_UPPER_ARM, _FOREARM = 0.29, 0.255
_TRUNK = 0.50  # mid-hip to mid-shoulder
_SEATED, _STANDING = np.array([0.0, 0.515, -0.40]), np.array([0.0, 0.915, -0.005])
_SIDES = {"left": 1.0, "right": -1.0}


def minimum_jerk(share: float) -> float:
    """Smoothest way from 0 to 1 (Flash and Hogan 1985); held outside 0..1."""
    s = min(max(share, 0.0), 1.0)
    return s**3 * (10 - 15 * s + 6 * s * s)


def joints_at(time: float) -> Joints:
    """Joint centres at `time` s, m, by name; the 33 landmarks and helpers of the drawing.

    Helpers: ``mid_hip``, ``mid_shoulder``, ``neck``, ``head`` (centre), and ``head_pitch``
    (rad, in the first element).
    """
    up, lean = _phase(time)
    sway = 0.006 * np.sin(2 * np.pi * 0.31 * time + 0.4) + 0.003 * np.sin(2 * np.pi * 0.83 * time)
    forward = 0.005 * np.sin(2 * np.pi * 0.23 * time + 1.1)
    hip = _SEATED + (_STANDING - _SEATED) * (0, up, minimum_jerk(1.08 * up))
    hip = hip + (sway * up, 0.0, forward * up)
    direction = np.array([0.02 * np.sin(1.9 * time) * up, np.cos(lean), np.sin(lean)])
    shoulder = hip + _TRUNK * direction / np.linalg.norm(direction)
    joints = {"mid_hip": hip, "mid_shoulder": shoulder}
    for side, sign in _SIDES.items():
        _add_leg(joints, side, sign)
        _add_arm(joints, side, sign, up, time)
    _add_head(joints, lean, time)
    return joints


def _phase(time: float) -> tuple[float, float]:
    """(0 seated .. 1 upright, trunk lean in rad): momentum first, then extension."""
    t = time % _CYCLE
    if t < _DESCENT[0]:
        share = (t - _RISE[0]) / _RISE[1]
        up = minimum_jerk((share - 0.22) / 0.78)
        bend = minimum_jerk(share / 0.42) - minimum_jerk((share - 0.40) / 0.60)
        seated = 1.0 - minimum_jerk(share)
    else:
        share = (t - _DESCENT[0]) / _DESCENT[1]
        up = 1.0 - minimum_jerk(share / 0.86)
        bend = minimum_jerk(share / 0.55) - minimum_jerk((share - 0.50) / 0.50)
        seated = minimum_jerk(share)
    return up, np.deg2rad(3.0 + 5.0 * seated + 36.0 * bend)


def _two_links(start: Vector, end: Vector, first: float, second: float, pole: Vector) -> Vector:
    """The middle joint of two segments, bent towards `pole`."""
    line = end - start
    distance = min(float(np.linalg.norm(line)), first + second - 1e-4)
    line = line / np.linalg.norm(line)
    along = (first**2 - second**2 + distance**2) / (2 * distance)
    across = np.sqrt(max(first**2 - along**2, 0.0))
    side = pole - line * (pole @ line)
    return np.asarray(start + line * along + side / np.linalg.norm(side) * across)


def _add_leg(joints: Joints, side: str, sign: float) -> None:
    hip = joints["mid_hip"] + (sign * 0.088, 0.0, 0.0)
    ankle = np.array([sign * 0.115, 0.085, -0.03])
    outward = np.array([sign * 0.12, 0.0, 1.0])
    joints[f"{side}_hip"] = hip
    joints[f"{side}_ankle"] = ankle
    joints[f"{side}_knee"] = _two_links(hip, ankle, _THIGH, _SHANK, outward)
    joints[f"{side}_heel"] = ankle + (0.0, -0.055, -0.045)
    joints[f"{side}_foot_index"] = ankle + (sign * 0.03, -0.06, 0.165)


def _add_arm(joints: Joints, side: str, sign: float, up: float, time: float) -> None:
    shoulder = joints["mid_shoulder"] + (sign * 0.178, -0.01, 0.0)
    thigh = joints[f"{side}_knee"] - joints[f"{side}_hip"]
    resting = joints[f"{side}_hip"] + 0.72 * thigh + (sign * 0.01, 0.095, 0.0)
    swing = 0.02 * np.sin(2 * np.pi * 0.25 * time + sign)
    hanging = shoulder + (sign * 0.075, -0.505, 0.075 + swing)
    # The hands leave the thighs while the trunk comes up, on an arc and not through the body.
    wrist = resting + (hanging - resting) * up + np.array([sign * 0.05, 0.0, 0.04]) * up * (1 - up)
    reach = wrist - shoulder
    most = _UPPER_ARM + _FOREARM - 0.006
    wrist = shoulder + reach * min(1.0, most / float(np.linalg.norm(reach)))
    elbow = _two_links(
        shoulder, wrist, _UPPER_ARM, _FOREARM, np.array([sign * 0.55, -0.1, -1.0])
    )  # fmt: skip
    along = (wrist - elbow) / np.linalg.norm(wrist - elbow)
    inward = np.array([-sign, 0.0, 0.0])
    inward -= along * (inward @ along)
    inward /= np.linalg.norm(inward)
    front = np.cross(along, inward) * sign
    joints[f"{side}_shoulder"], joints[f"{side}_elbow"] = shoulder, elbow
    joints[f"{side}_wrist"] = wrist
    joints[f"{side}_index"] = wrist + 0.092 * along + 0.022 * front
    joints[f"{side}_pinky"] = wrist + 0.085 * along - 0.028 * front
    joints[f"{side}_thumb"] = wrist + 0.05 * along + 0.035 * front + 0.012 * inward


def _add_head(joints: Joints, lean: float, time: float) -> None:
    pitch = 0.35 * lean + 0.03 * np.sin(2 * np.pi * 0.37 * time)
    neck = joints["mid_shoulder"] + (0.0, 0.07 * np.cos(lean), 0.07 * np.sin(lean))
    cos, sin = np.cos(pitch), np.sin(pitch)
    turn = np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]])
    head = neck + turn @ np.array([0.0, 0.140, 0.025])
    joints |= {"neck": neck, "head": head, "head_pitch": np.array([pitch, 0.0, 0.0])}
    features = {"nose": (0.0, -0.018, 0.112)}
    for side, sign in _SIDES.items():
        features |= {
            f"{side}_eye_inner": (sign * 0.018, 0.015, 0.088),
            f"{side}_eye": (sign * 0.032, 0.015, 0.085),
            f"{side}_eye_outer": (sign * 0.046, 0.015, 0.076),
            f"{side}_ear": (sign * 0.08, -0.008, -0.005),
            f"{side}_mouth": (sign * 0.024, -0.058, 0.083),
        }
    for name, place in features.items():
        joints[name] = head + turn @ np.array(place)
