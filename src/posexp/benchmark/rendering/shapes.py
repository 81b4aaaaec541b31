"""Joints dressed: rounded cones, ellipsoids and boxes, in groups of one colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posexp.benchmark.rendering.figure import Body, Joints, Vector

CONE, ELLIPSOID, CAP, BOX = 0, 1, 2, 3

SKIN, SHIRT, TROUSERS, SHOES, SOLE, HAIR, EYE, PUPIL, LIPS, WOOD, METAL, PANEL = range(12)

# Linear RGB, 0..1, in the order of the names above.
_PLAIN = np.array(
    [
        [0.62, 0.36, 0.25],
        [0.035, 0.19, 0.30],
        [0.055, 0.06, 0.085],
        [0.72, 0.72, 0.70],
        [0.30, 0.30, 0.30],
        [0.055, 0.028, 0.014],
        [0.80, 0.79, 0.76],
        [0.02, 0.012, 0.008],
        [0.45, 0.16, 0.14],
        [0.36, 0.20, 0.09],
        [0.10, 0.10, 0.11],
        [0.42, 0.44, 0.46],
    ]
)


def _dressed(**colors: tuple[float, float, float]) -> NDArray[np.float64]:
    table = _PLAIN.copy()
    for name, color in colors.items():
        table[globals()[name.upper()]] = color
    return table


LOOKS = {
    "plain": _PLAIN,
    "like_the_wall": _dressed(
        shirt=(0.46, 0.50, 0.50), trousers=(0.40, 0.42, 0.41), shoes=(0.40, 0.34, 0.25)
    ),
    "other": _dressed(
        skin=(0.27, 0.14, 0.085), shirt=(0.50, 0.10, 0.07), trousers=(0.20, 0.21, 0.26),
        shoes=(0.06, 0.05, 0.05), hair=(0.30, 0.28, 0.27), lips=(0.25, 0.09, 0.08),
    ),
    "passer_by": _dressed(
        skin=(0.50, 0.28, 0.19), shirt=(0.42, 0.33, 0.05), trousers=(0.05, 0.08, 0.17),
        shoes=(0.10, 0.06, 0.04), hair=(0.16, 0.10, 0.05),
    ),
    "assistant": _dressed(
        skin=(0.56, 0.33, 0.23), shirt=(0.10, 0.33, 0.22), trousers=(0.52, 0.52, 0.50),
        shoes=(0.62, 0.62, 0.60), hair=(0.03, 0.02, 0.02),
    ),
}  # fmt: skip
"""Colours of a figure and its furniture by name, (12, 3) linear RGB each."""


@dataclass(frozen=True)
class Shapes:
    """Primitives for the tracer, grouped; each group is one smooth surface.

    Parameters
    ----------
    primitives : (N, 12) array
        Kind, then its numbers, m: cone ax ay az bx by bz ra rb; ellipsoid and box centre and
        radii (half sides), then a box's rounding, or the height and slope of a cap's lower edge;
        last the cosine and sine of its turn about y.
    groups : (G, 8) array
        First and last-plus-one primitive, smoothing length (m), colour, centre and radius of a
        sphere around it (m).
    colors : (C, 3) array
        Linear RGB.
    """

    primitives: NDArray[np.float64]
    groups: NDArray[np.float64]
    colors: NDArray[np.float64]

    def placed(self, yaw: float, x: float, z: float) -> Shapes:
        """Turned about y (rad; from z towards x) and moved over the floor."""
        cos, sin = np.cos(yaw), np.sin(yaw)
        turn = np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])
        offset = np.array([x, 0.0, z])
        primitives, groups = self.primitives.copy(), self.groups.copy()
        primitives[:, 1:4] = primitives[:, 1:4] @ turn.T + offset
        cones = primitives[:, 0] == CONE
        primitives[cones, 4:7] = primitives[cones, 4:7] @ turn.T + offset
        old = primitives[:, 10:].copy()
        primitives[:, 10] = old[:, 0] * cos - old[:, 1] * sin
        primitives[:, 11] = old[:, 1] * cos + old[:, 0] * sin
        groups[:, 4:7] = groups[:, 4:7] @ turn.T + offset
        return Shapes(primitives, groups, self.colors)


def together(parts: Sequence[Shapes]) -> Shapes:
    """Several shapes as one."""
    groups, primitives, colors = [], 0, 0
    for part in parts:
        rows = part.groups.copy()
        rows[:, :2] += primitives
        rows[:, 3] += colors
        groups.append(rows)
        primitives += len(part.primitives)
        colors += len(part.colors)
    return Shapes(
        np.concatenate([part.primitives for part in parts]),
        np.concatenate(groups),
        np.concatenate([part.colors for part in parts]),
    )


class _Builder:
    def __init__(self) -> None:
        self._rows: list[list[float]] = []
        self._groups: list[list[float]] = []

    def group(self, color: int, smooth: float, shapes: list[list[float]]) -> None:
        first = len(self._rows)
        self._rows += [shape + [0.0] * (10 - len(shape)) + [1.0, 0.0] for shape in shapes]
        points, reach = [], []
        for shape in shapes:
            a, b = np.array(shape[1:4]), np.array(shape[4:7])
            if shape[0] == CONE:
                points += [a, b]
                reach += [shape[7], shape[8]]
            else:
                points.append(a)
                reach.append(float(np.linalg.norm(b)))
        middle = (np.min(points, axis=0) + np.max(points, axis=0)) / 2
        radius = max(
            float(np.linalg.norm(p - middle)) + r for p, r in zip(points, reach, strict=True)
        )
        self._groups.append([first, len(self._rows), smooth, color, *middle, radius + smooth])

    def build(self, look: str) -> Shapes:
        return Shapes(np.array(self._rows, float), np.array(self._groups, float), LOOKS[look])


def cone(a: Vector, b: Vector, ra: float, rb: float) -> list[float]:
    """A rounded cone from a to b."""
    return [CONE, *a, *b, ra, rb]


def person(joints: Joints, body: Body, look: str) -> Shapes:
    """The dressed figure."""
    build = _Builder()
    _head(build, joints, body.scale)
    _shirt(build, joints, body)
    _arms(build, joints, body)
    _legs(build, joints, body)
    return build.build(look)


def table(distance: float, yaw: float) -> Shapes:
    """A low panel across the view, its top at 0.46 m, `distance` m from the origin."""
    build = _Builder()
    build.group(PANEL, 0.0, [[BOX, 0, 0.23, distance, 0.85, 0.23, 0.02, 0.01]])
    build.group(WOOD, 0.0, [[BOX, 0, 0.465, distance - 0.12, 0.88, 0.012, 0.16, 0.008]])
    return build.build("plain").placed(yaw, 0.0, 0.0)


def chair(arms: bool = False) -> Shapes:
    """A wooden chair with a back, seat at 0.44 m, with or without arms."""
    build = _Builder()
    build.group(WOOD, 0.0, [[BOX, 0, 0.415, -0.42, 0.22, 0.018, 0.21, 0.012]])
    build.group(
        WOOD, 0.0, [[BOX, 0, y, -0.655, 0.20, 0.045, 0.009, 0.008] for y in (0.62, 0.76, 0.88)]
    )
    legs: list[list[float]] = []
    for x in (-0.2, 0.2):
        legs.append(cone(np.array([x, 0.0, -0.24]), np.array([x, 0.41, -0.24]), 0.014, 0.016))
        legs.append(cone(np.array([x, 0.0, -0.68]), np.array([x, 0.95, -0.66]), 0.014, 0.016))
        legs.append(cone(np.array([x, 0.2, -0.24]), np.array([x, 0.2, -0.66]), 0.009, 0.009))
    if arms:
        for x in (-0.255, 0.255):
            build.group(WOOD, 0.0, [[BOX, x, 0.655, -0.43, 0.022, 0.013, 0.235, 0.01]])
            legs.append(cone(np.array([x, 0.0, -0.24]), np.array([x, 0.65, -0.24]), 0.014, 0.014))
            legs.append(
                cone(np.array([x, 0.65, -0.64]), np.array([0.8 * x, 0.65, -0.665]), 0.014, 0.014)
            )
    build.group(METAL, 0.0, legs)
    return build.build("plain")


def _head(build: _Builder, joints: Joints, scale: float) -> None:
    head, neck = joints["head"], joints["neck"]
    pitch = joints["head_pitch"][0]
    cos, sin = np.cos(pitch), np.sin(pitch)
    turn = np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]])

    def at(x: float, y: float, z: float) -> Vector:
        return np.asarray(head + scale * turn @ np.array([x, y, z]))

    def ball(a: Vector, b: Vector, ra: float, rb: float) -> list[float]:
        return cone(a, b, ra * scale, rb * scale)

    skin = [
        ball(at(0, 0.03, -0.015), at(0, 0.012, 0.018), 0.085, 0.078),
        ball(at(0, -0.02, 0.025), at(0, -0.075, 0.045), 0.062, 0.036),
        ball(at(0, 0.012, 0.088), at(0, -0.02, 0.103), 0.010, 0.014),
        ball(at(-0.012, -0.026, 0.09), at(0.012, -0.026, 0.09), 0.010, 0.010),
        ball(neck + scale * np.array([0, -0.045, -0.01]), at(0, -0.055, -0.005), 0.056, 0.050),
    ]
    for sign in (-1.0, 1.0):
        skin.append(
            ball(at(sign * 0.08, 0.008, -0.008), at(sign * 0.078, -0.022, -0.003), 0.016, 0.011)
        )
        skin.append(
            ball(at(sign * 0.045, -0.02, 0.058), at(sign * 0.03, -0.045, 0.06), 0.03, 0.025)
        )
    build.group(SKIN, 0.022, skin)
    hair = [
        [CAP, *at(0, 0.028, -0.018), *(scale * r for r in (0.094, 0.100, 0.104, -0.015)), 0.62],
        ball(at(0, 0.02, -0.075), at(0, -0.05, -0.06), 0.05, 0.035),
    ]
    build.group(HAIR, 0.02, hair)
    for sign in (-1.0, 1.0):
        build.group(
            EYE,
            0.0,
            [ball(at(sign * 0.031, 0.013, 0.079), at(sign * 0.035, 0.013, 0.078), 0.0125, 0.0115)],
        )
        pupil = at(sign * 0.033, 0.013, 0.0868)
        build.group(PUPIL, 0.0, [ball(pupil, pupil, 0.0065, 0.0065)])
        build.group(
            HAIR,
            0.0,
            [ball(at(sign * 0.018, 0.040, 0.088), at(sign * 0.047, 0.037, 0.075), 0.005, 0.0035)],
        )
    build.group(
        LIPS, 0.0, [ball(at(-0.020, -0.058, 0.081), at(0.020, -0.058, 0.081), 0.0055, 0.0055)]
    )


def _shirt(build: _Builder, joints: Joints, body: Body) -> None:
    shoulder, hip = joints["mid_shoulder"], joints["mid_hip"]
    scale, girth = body.scale, body.scale * body.girth
    shirt = [
        cone(
            shoulder + scale * np.array([0, 0.03, -0.01]),
            joints["neck"] + scale * np.array([0, -0.025, -0.012]),
            0.075 * scale, 0.058 * scale,
        )
    ]  # fmt: skip
    axis = (shoulder - hip) / np.linalg.norm(shoulder - hip) * scale
    for sign in (-1.0, 1.0):
        side = np.array([sign * girth, 0.0, 0.0])
        chest, waist = shoulder - 0.10 * axis + 0.075 * side, hip + 0.14 * axis + 0.062 * side
        shirt.append(cone(chest, waist, 0.102 * girth, 0.088 * girth))
        shirt.append(cone(waist, hip + 0.02 * axis + 0.07 * side, 0.088 * girth, 0.098 * girth))
    front = np.array([0, 0, girth])
    belly = 0.03 + 0.10 * (body.girth - 1)
    shirt.append(
        cone(
            shoulder - 0.12 * axis + 0.02 * front, hip + 0.12 * axis + belly * front,
            0.098 * girth, 0.085 * girth,
        )
    )  # fmt: skip
    thick = scale * (1 + 0.6 * (body.girth - 1))
    sleeves = []
    for name in ("left", "right"):
        top, elbow = joints[f"{name}_shoulder"], joints[f"{name}_elbow"]
        shirt.append(cone(shoulder, top, 0.054 * thick, 0.042 * thick))
        sleeves.append(cone(top, top + 0.62 * (elbow - top), 0.044 * thick, 0.050 * thick))
    build.group(SHIRT, 0.035, shirt)
    for sleeve in sleeves:
        build.group(SHIRT, 0.0, [sleeve])


def _arms(build: _Builder, joints: Joints, body: Body) -> None:
    thick = body.scale * (1 + 0.6 * (body.girth - 1))
    for side in ("left", "right"):
        shoulder, elbow, wrist = (joints[f"{side}_{n}"] for n in ("shoulder", "elbow", "wrist"))
        index, pinky, thumb = (joints[f"{side}_{n}"] - wrist for n in ("index", "pinky", "thumb"))
        muscle = elbow + 0.25 * (wrist - elbow)
        knuckles = wrist + 0.75 * index, wrist + 0.75 * pinky
        rows = (
            (shoulder + 0.5 * (elbow - shoulder), elbow, 0.044, 0.038),
            (elbow, muscle, 0.038, 0.040),
            (muscle, wrist, 0.040, 0.026),
            (wrist, knuckles[0], 0.024, 0.020),
            (wrist, knuckles[1], 0.024, 0.018),
            (knuckles[0], wrist + 1.5 * index, 0.014, 0.009),
            (knuckles[1], wrist + 1.4 * pinky, 0.013, 0.008),
            (knuckles[0], wrist + 1.45 * (0.5 * index + 0.5 * pinky), 0.015, 0.009),
            (wrist, wrist + thumb, 0.016, 0.011),
        )
        build.group(SKIN, 0.014, [cone(a, b, ra * thick, rb * thick) for a, b, ra, rb in rows])


def _legs(build: _Builder, joints: Joints, body: Body) -> None:
    hip = joints["mid_hip"]
    scale, girth = body.scale, body.scale * body.girth
    down, back = np.array([0, -scale, 0]), np.array([0, 0, -girth])
    seat = [
        (joints["left_hip"], joints["right_hip"], 0.106, 0.106),
        (hip - 0.02 * down + 0.02 * back, hip + 0.02 * down + 0.035 * back, 0.115, 0.11),
    ]
    shanks = []
    for side in ("left", "right"):
        top, knee, ankle = (joints[f"{side}_{n}"] for n in ("hip", "knee", "ankle"))
        middle, calf = top + 0.4 * (knee - top), knee + 0.3 * (ankle - knee) + 0.012 * back
        seat += [(top, middle, 0.096, 0.084), (middle, knee, 0.084, 0.063)]
        shanks.append([(knee, calf, 0.062, 0.063), (calf, ankle - 0.015 * down, 0.063, 0.047)])
    # Groups of their own for the shanks: small ones are quick to rule out.
    for rows in (seat, *shanks):
        build.group(TROUSERS, 0.03, [cone(a, b, ra * girth, rb * girth) for a, b, ra, rb in rows])
    for side in ("left", "right"):
        heel, toe, ankle = (joints[f"{side}_{n}"] for n in ("heel", "foot_index", "ankle"))

        def at(place: Vector, *offset: float) -> Vector:
            return np.asarray(place + scale * np.array(offset))

        shoe = (
            (at(heel, 0, 0.012, 0), at(toe, 0, 0.005, 0), 0.042, 0.034),
            (at(ankle, 0, 0, -0.012), at(heel, 0, 0.03, 0.01), 0.046, 0.04),
            (at(ankle, 0, -0.01, 0.02), at(toe, 0, 0.012, -0.04), 0.042, 0.034),
        )
        build.group(SHOES, 0.02, [cone(a, b, ra * scale, rb * scale) for a, b, ra, rb in shoe])
        sole = at(heel, 0, -0.022, 0), at(toe, 0, -0.017, 0.012)
        build.group(SOLE, 0.01, [cone(*sole, 0.036 * scale, 0.03 * scale)])
