"""The joints of figures: one that rises from a chair and sits down again; who walks, who stands.

Axes of a figure: x to its left, y up, z forward (the way it faces); metres, origin on the floor
between the feet. Segment lengths follow Winter's proportions of body height (Biomechanics and
Motor Control of Human Movement, 4th ed., fig. 4.1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posexp.errors import check_choice, check_range

Vector = NDArray[np.float64]
Joints = dict[str, Vector]

_HEIGHT = 1.72  # m; the lengths below are of a person so tall
_CYCLE = 4.0  # s
RISE = (0.45, 1.45)  # begin and length, s of the cycle: from the first lean to upright
DESCENT = (2.25, 1.65)  # begin and length, s
_SEAT = 0.44  # m
_SHANK = _THIGH = 0.425
_UPPER_ARM, _FOREARM = 0.29, 0.255
_TRUNK = 0.50  # mid-hip to mid-shoulder
_SIDES = {"left": 1.0, "right": -1.0}
_GOLDEN_ANGLE = 2.399963


@dataclass(frozen=True)
class Body:
    """A build.

    Parameters
    ----------
    height : float
        m.
    girth : float
        Thickness of trunk and limbs; 1 is slim.
    """

    height: float = _HEIGHT
    girth: float = 1.0

    def __post_init__(self) -> None:
        check_range("body.height", self.height, 1.4, 2.1, "m")
        check_range("body.girth", self.girth, 0.8, 1.5)

    @property
    def scale(self) -> float:
        """Lengths relative to the figure that the proportions were drawn for."""
        return self.height / _HEIGHT


@dataclass(frozen=True)
class Movement:
    """How somebody rises: seated, up, upright, down again, and so on.

    Parameters
    ----------
    speed : float
        1 is a repetition in 4 s.
    arms : {"sides", "crossed"}
        Hands on the thighs and then hanging, or arms crossed on the chest.
    seed : int
        Of the sway: the same rise, never quite the same.
    """

    speed: float = 1.0
    arms: str = "sides"
    seed: int = 0

    def __post_init__(self) -> None:
        check_range("movement.speed", self.speed, 0.2, 4)
        check_choice("movement.arms", self.arms, ("sides", "crossed"))

    @property
    def cycle(self) -> float:
        """Length of one repetition, s."""
        return _CYCLE / self.speed


def minimum_jerk(share: float) -> float:
    """Smoothest way from 0 to 1 (Flash and Hogan 1985); held outside 0..1."""
    s = min(max(share, 0.0), 1.0)
    return s**3 * (10 - 15 * s + 6 * s * s)


def joints_at(time: float, movement: Movement | None = None, body: Body | None = None) -> Joints:
    """Joint centres at `time` s, m, by name; the 33 landmarks and helpers of the drawing.

    Helpers: ``mid_hip``, ``mid_shoulder``, ``neck``, ``head`` (centre), and ``head_pitch``
    (rad, in the first element).
    """
    movement, body = movement or Movement(), body or Body()
    up, lean = posture(time * movement.speed)
    # Sway does not quicken with the rise; each seed begins elsewhere in it.
    return _posed(up, lean, time + _GOLDEN_ANGLE * movement.seed, movement.arms, body)


def standing_at(time: float, body: Body | None = None) -> Joints:
    """Joint centres of somebody who stands and sways a little, as `joints_at`."""
    return _posed(1.0, np.deg2rad(3.0), time, "sides", body or Body())


def _posed(up: float, lean: float, sway_time: float, arms: str, body: Body) -> Joints:
    """`joints_at`, from 0 (seated) to 1 (upright), with the trunk's lean in rad."""
    sway = 0.006 * np.sin(2 * np.pi * 0.31 * sway_time + 0.4)
    sway += 0.003 * np.sin(2 * np.pi * 0.83 * sway_time)
    forward = 0.005 * np.sin(2 * np.pi * 0.23 * sway_time + 1.1)
    seated = np.array([0.0, _SEAT + 0.075 * body.girth, -0.40])
    standing = np.array([0.0, 0.915 * body.scale, -0.005])
    hip = seated + (standing - seated) * (0, up, minimum_jerk(1.08 * up))
    hip = hip + (sway * up, 0.0, forward * up)
    direction = np.array([0.02 * np.sin(1.9 * sway_time) * up, np.cos(lean), np.sin(lean)])
    shoulder = hip + _TRUNK * body.scale * direction / np.linalg.norm(direction)
    joints = {"mid_hip": hip, "mid_shoulder": shoulder}
    for side, sign in _SIDES.items():
        _add_leg(joints, side, sign, body)
        if arms == "crossed":
            wrist, pole = _crossed(joints, sign, lean, body)
        else:
            wrist, pole = _resting(joints, side, sign, up, sway_time, body)
        _add_arm(joints, side, sign, wrist, pole, body)
    _add_head(joints, lean, 0.03 * np.sin(2 * np.pi * 0.37 * sway_time), body)
    return joints


def walking_at(time: float, body: Body | None = None) -> Joints:
    """Joint centres of somebody who walks on the spot, as `joints_at`; a stride takes 1.1 s."""
    body = body or Body()
    phase = 2 * np.pi * time / 1.1
    scale = body.scale
    hip = np.array([0.0, (0.895 + 0.018 * np.cos(2 * phase)) * scale, 0.0])
    joints = {"mid_hip": hip, "mid_shoulder": hip + scale * np.array([0.0, _TRUNK, 0.03])}
    for side, sign in _SIDES.items():
        swing = phase if sign > 0 else phase + np.pi
        thigh = np.deg2rad(24) * np.sin(swing)
        bend = np.deg2rad(6 + 26 * (1 - np.cos(swing + 0.9)))  # most while the leg comes forward
        top = hip + scale * np.array([sign * 0.088, 0.0, 0.0])
        knee = top + scale * _THIGH * np.array([0.0, -np.cos(thigh), np.sin(thigh)])
        low = thigh - bend
        ankle = knee + scale * _SHANK * np.array([0.0, -np.cos(low), np.sin(low)])
        _add_foot(joints, side, sign, ankle, body)
        joints |= {f"{side}_hip": top, f"{side}_knee": knee}
        arm = -0.45 * np.sin(swing)
        shoulder = _shoulder(joints, sign, body)
        wrist = shoulder + scale * np.array([sign * 0.08, -0.49 * np.cos(arm), 0.49 * np.sin(arm)])
        _add_arm(joints, side, sign, wrist, np.array([sign * 0.4, -0.1, -1.0]), body)
    _add_head(joints, 0.06, 0.0, body)
    return joints


def posture(time: float) -> tuple[float, float]:
    """(0 seated .. 1 upright, trunk lean in rad) at `time` s of a movement of speed 1.

    Momentum first, then extension.
    """
    t = time % _CYCLE
    if t < DESCENT[0]:
        share = (t - RISE[0]) / RISE[1]
        up = minimum_jerk((share - 0.22) / 0.78)
        bend = minimum_jerk(share / 0.42) - minimum_jerk((share - 0.40) / 0.60)
        seated = 1.0 - minimum_jerk(share)
    else:
        share = (t - DESCENT[0]) / DESCENT[1]
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


def _add_leg(joints: Joints, side: str, sign: float, body: Body) -> None:
    scale = body.scale
    hip = joints["mid_hip"] + (sign * 0.088 * scale, 0.0, 0.0)
    ankle = np.array([sign * 0.115, 0.085, -0.03]) * scale
    outward = np.array([sign * 0.12, 0.0, 1.0])
    joints[f"{side}_hip"] = hip
    joints[f"{side}_knee"] = _two_links(hip, ankle, _THIGH * scale, _SHANK * scale, outward)
    _add_foot(joints, side, sign, ankle, body)


def _add_foot(joints: Joints, side: str, sign: float, ankle: Vector, body: Body) -> None:
    joints[f"{side}_ankle"] = ankle
    joints[f"{side}_heel"] = ankle + body.scale * np.array([0.0, -0.055, -0.045])
    joints[f"{side}_foot_index"] = ankle + body.scale * np.array([sign * 0.03, -0.06, 0.165])


def _shoulder(joints: Joints, sign: float, body: Body) -> Vector:
    return np.asarray(joints["mid_shoulder"] + body.scale * np.array([sign * 0.178, -0.01, 0.0]))


def _resting(
    joints: Joints, side: str, sign: float, up: float, time: float, body: Body
) -> tuple[Vector, Vector]:
    """(wrist, pole of the elbow) on the thigh when seated, beside the body when upright."""
    shoulder, scale = _shoulder(joints, sign, body), body.scale
    thigh = joints[f"{side}_knee"] - joints[f"{side}_hip"]
    resting = joints[f"{side}_hip"] + 0.72 * thigh + (sign * 0.01, 0.095 * body.girth, 0.0)
    swing = 0.02 * np.sin(2 * np.pi * 0.25 * time + sign)
    out = 0.075 + 0.10 * (body.girth - 1)
    hanging = shoulder + scale * np.array([sign * out, -0.505, 0.075 + swing])
    # The hands leave the thighs while the trunk comes up, on an arc and not through the body.
    wrist = resting + (hanging - resting) * up + np.array([sign * 0.05, 0.0, 0.04]) * up * (1 - up)
    return wrist, np.array([sign * 0.55, -0.1, -1.0])


def _crossed(joints: Joints, sign: float, lean: float, body: Body) -> tuple[Vector, Vector]:
    """(wrist, pole of the elbow) with the hands at the opposite shoulders."""
    cos, sin = np.cos(lean), np.sin(lean)
    turn = np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]])
    # One arm lies above the other and further out, so that they do not meet.
    above = 0.5 * (1 + sign)
    place = np.array([
        -sign * 0.085, -0.155 + 0.045 * above, 0.145 * body.girth + 0.045 * above,
    ])  # fmt: skip
    wrist = joints["mid_shoulder"] + turn @ (body.scale * place)
    return wrist, turn @ np.array([sign * 0.55, -1.0, 0.35])


def _add_arm(
    joints: Joints, side: str, sign: float, wrist: Vector, pole: Vector, body: Body
) -> None:
    scale = body.scale
    shoulder = _shoulder(joints, sign, body)
    reach = wrist - shoulder
    most = (_UPPER_ARM + _FOREARM - 0.006) * scale
    wrist = shoulder + reach * min(1.0, most / float(np.linalg.norm(reach)))
    elbow = _two_links(shoulder, wrist, _UPPER_ARM * scale, _FOREARM * scale, pole)
    along = (wrist - elbow) / np.linalg.norm(wrist - elbow)
    inward = np.array([-sign, 0.0, 0.0])
    inward -= along * (inward @ along)
    inward /= np.linalg.norm(inward)
    front = np.cross(along, inward) * sign
    joints[f"{side}_shoulder"], joints[f"{side}_elbow"] = shoulder, elbow
    joints[f"{side}_wrist"] = wrist
    joints[f"{side}_index"] = wrist + scale * (0.092 * along + 0.022 * front)
    joints[f"{side}_pinky"] = wrist + scale * (0.085 * along - 0.028 * front)
    joints[f"{side}_thumb"] = wrist + scale * (0.05 * along + 0.035 * front + 0.012 * inward)


def _add_head(joints: Joints, lean: float, nod: float, body: Body) -> None:
    pitch = 0.35 * lean + nod
    scale = body.scale
    neck = joints["mid_shoulder"] + scale * np.array(
        [0.0, 0.07 * np.cos(lean), 0.07 * np.sin(lean)]
    )
    cos, sin = np.cos(pitch), np.sin(pitch)
    turn = scale * np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]])
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
