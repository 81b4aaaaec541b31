"""The figure's joints dressed: rounded cones and ellipsoids, in groups of one colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posexp.rendering.figure import Joints, Vector

CONE, ELLIPSOID, CAP, BOX = 0, 1, 2, 3

SKIN, SHIRT, TROUSERS, SHOES, SOLE, HAIR, EYE, PUPIL, LIPS, WOOD, METAL = range(11)

# Linear RGB, 0..1.
COLORS = np.array(
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
    ]
)


@dataclass(frozen=True)
class Shapes:
    """Primitives for the tracer, grouped; each group is one smooth surface.

    Parameters
    ----------
    primitives : (N, 10) array
        Kind, then its numbers, m: cone ax ay az bx by bz ra rb; ellipsoid and box centre and
        radii (half sides), then a box's rounding, or the height and slope of a cap's lower edge.
    groups : (G, 8) array
        First and last-plus-one primitive, smoothing length (m), colour, centre and radius of a
        sphere around it (m).
    """

    primitives: NDArray[np.float64]
    groups: NDArray[np.float64]


class _Builder:
    def __init__(self) -> None:
        self._rows: list[list[float]] = []
        self._groups: list[list[float]] = []

    def group(self, color: int, smooth: float, shapes: list[list[float]]) -> None:
        first = len(self._rows)
        self._rows += [shape + [0.0] * (10 - len(shape)) for shape in shapes]
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

    def build(self) -> Shapes:
        return Shapes(np.array(self._rows, float), np.array(self._groups, float))


def cone(a: Vector, b: Vector, ra: float, rb: float) -> list[float]:
    """A rounded cone from a to b."""
    return [CONE, *a, *b, ra, rb]


def person(joints: Joints) -> Shapes:
    """The dressed figure."""
    build = _Builder()
    _head(build, joints)
    _shirt(build, joints)
    _arms(build, joints)
    _legs(build, joints)
    return build.build()


def chair() -> Shapes:
    """A wooden chair with a back, seat at 0.44 m."""
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
    build.group(METAL, 0.0, legs)
    return build.build()


def _head(build: _Builder, joints: Joints) -> None:
    head, neck = joints["head"], joints["neck"]
    pitch = joints["head_pitch"][0]
    cos, sin = np.cos(pitch), np.sin(pitch)
    turn = np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]])

    def at(x: float, y: float, z: float) -> Vector:
        return np.asarray(head + turn @ np.array([x, y, z]))

    skin = [
        cone(at(0, 0.03, -0.015), at(0, 0.012, 0.018), 0.085, 0.078),
        cone(at(0, -0.02, 0.025), at(0, -0.075, 0.045), 0.062, 0.036),
        cone(at(0, 0.012, 0.088), at(0, -0.02, 0.103), 0.010, 0.014),
        cone(at(-0.012, -0.026, 0.09), at(0.012, -0.026, 0.09), 0.010, 0.010),
        cone(neck + (0, -0.045, -0.01), at(0, -0.055, -0.005), 0.056, 0.050),
    ]
    for sign in (-1.0, 1.0):
        skin.append(
            cone(at(sign * 0.08, 0.008, -0.008), at(sign * 0.078, -0.022, -0.003), 0.016, 0.011)
        )
        skin.append(
            cone(at(sign * 0.045, -0.02, 0.058), at(sign * 0.03, -0.045, 0.06), 0.03, 0.025)
        )
    build.group(SKIN, 0.022, skin)
    hair = [
        [CAP, *at(0, 0.028, -0.018), 0.094, 0.100, 0.104, -0.015, 0.62],
        cone(at(0, 0.02, -0.075), at(0, -0.05, -0.06), 0.05, 0.035),
    ]
    build.group(HAIR, 0.02, hair)
    for sign in (-1.0, 1.0):
        build.group(
            EYE,
            0.0,
            [cone(at(sign * 0.031, 0.013, 0.079), at(sign * 0.035, 0.013, 0.078), 0.0125, 0.0115)],
        )
        pupil = at(sign * 0.033, 0.013, 0.0868)
        build.group(PUPIL, 0.0, [cone(pupil, pupil, 0.0065, 0.0065)])
        build.group(
            HAIR,
            0.0,
            [cone(at(sign * 0.018, 0.040, 0.088), at(sign * 0.047, 0.037, 0.075), 0.005, 0.0035)],
        )
    build.group(
        LIPS, 0.0, [cone(at(-0.020, -0.058, 0.081), at(0.020, -0.058, 0.081), 0.0055, 0.0055)]
    )


def _shirt(build: _Builder, joints: Joints) -> None:
    shoulder, hip = joints["mid_shoulder"], joints["mid_hip"]
    shirt = [cone(shoulder + (0, 0.03, -0.01), joints["neck"] + (0, -0.025, -0.012), 0.075, 0.058)]
    axis = (shoulder - hip) / np.linalg.norm(shoulder - hip)
    for sign in (-1.0, 1.0):
        side = np.array([sign, 0.0, 0.0])
        chest, waist = shoulder - 0.10 * axis + 0.075 * side, hip + 0.14 * axis + 0.062 * side
        shirt.append(cone(chest, waist, 0.102, 0.088))
        shirt.append(cone(waist, hip + 0.02 * axis + 0.07 * side, 0.088, 0.098))
    shirt.append(
        cone(shoulder - 0.12 * axis + (0, 0, 0.02), hip + 0.12 * axis + (0, 0, 0.03), 0.098, 0.085)
    )
    for side_name in ("left", "right"):
        top, elbow = joints[f"{side_name}_shoulder"], joints[f"{side_name}_elbow"]
        shirt.append(cone(shoulder, top, 0.054, 0.042))
        shirt.append(cone(top, top + 0.62 * (elbow - top), 0.044, 0.050))
    build.group(SHIRT, 0.035, shirt)


def _arms(build: _Builder, joints: Joints) -> None:
    for side in ("left", "right"):
        shoulder, elbow, wrist = (joints[f"{side}_{n}"] for n in ("shoulder", "elbow", "wrist"))
        index, pinky, thumb = (joints[f"{side}_{n}"] for n in ("index", "pinky", "thumb"))
        muscle = elbow + 0.25 * (wrist - elbow)
        build.group(
            SKIN,
            0.014,
            [
                cone(shoulder + 0.5 * (elbow - shoulder), elbow, 0.044, 0.038),
                cone(elbow, muscle, 0.038, 0.040),
                cone(muscle, wrist, 0.040, 0.026),
                cone(wrist, wrist + 0.75 * (index - wrist), 0.024, 0.020),
                cone(wrist, wrist + 0.75 * (pinky - wrist), 0.024, 0.018),
                cone(wrist + 0.75 * (index - wrist), wrist + 1.5 * (index - wrist), 0.014, 0.009),
                cone(wrist + 0.75 * (pinky - wrist), wrist + 1.4 * (pinky - wrist), 0.013, 0.008),
                cone(
                    wrist + 0.75 * (index - wrist),
                    wrist + 1.45 * (0.5 * index + 0.5 * pinky - wrist),
                    0.015,
                    0.009,
                ),
                cone(wrist, thumb, 0.016, 0.011),
            ],
        )


def _legs(build: _Builder, joints: Joints) -> None:
    hip = joints["mid_hip"]
    legs = [cone(joints["left_hip"], joints["right_hip"], 0.106, 0.106)]
    legs.append(cone(hip + (0, 0.02, -0.02), hip + (0, -0.02, -0.035), 0.115, 0.11))
    for side in ("left", "right"):
        top, knee, ankle = (joints[f"{side}_{n}"] for n in ("hip", "knee", "ankle"))
        calf = knee + 0.3 * (ankle - knee) + (0.0, 0.0, -0.012)
        legs += [
            cone(top, top + 0.4 * (knee - top), 0.096, 0.084),
            cone(top + 0.4 * (knee - top), knee, 0.084, 0.063),
            cone(knee, calf, 0.062, 0.063),
            cone(calf, ankle + (0, 0.015, 0), 0.063, 0.047),
        ]
    build.group(TROUSERS, 0.03, legs)
    for side in ("left", "right"):
        heel, toe, ankle = (joints[f"{side}_{n}"] for n in ("heel", "foot_index", "ankle"))
        build.group(
            SHOES,
            0.02,
            [
                cone(heel + (0, 0.012, 0), toe + (0, 0.005, 0), 0.042, 0.034),
                cone(ankle + (0, 0.0, -0.012), heel + (0, 0.03, 0.01), 0.046, 0.04),
                cone(ankle + (0, -0.01, 0.02), toe + (0, 0.012, -0.04), 0.042, 0.034),
            ],
        )
        build.group(
            SOLE,
            0.01,
            [
                cone(
                    heel * (1, 0, 1) + (0, 0.008, 0),
                    toe * (1, 0, 1) + (0, 0.008, 0.012),
                    0.036,
                    0.03,
                )
            ],
        )
