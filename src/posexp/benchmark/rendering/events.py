"""What a figure's motion defines exactly: the moments of each rise, and the joints' angles."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posexp.benchmark.rendering.figure import DESCENT, RISE, Movement, posture
from posexp.benchmark.rendering.scene import Scene

EVENTS = ("lean_start", "rise_start", "standing", "sit_start", "seated")
ANGLES = (
    "left_knee_flexion", "right_knee_flexion", "left_hip_flexion", "right_hip_flexion",
    "trunk_lean",
)  # fmt: skip
_STEP = 1e-4  # s of the movement
_TENTH = 0.1  # of the peak velocity


def true_events(movement: Movement, repetitions: int) -> pd.DataFrame:
    """When somebody leans, rises, stands, sits down and is seated.

    Returns
    -------
    DataFrame
        A row per repetition: ``repetition`` (from 1); `EVENTS`, s, where the trunk begins to
        lean, the hips to rise, where these stand still, begin to come down, and are seated; and
        the same with ``_tenth``, where the speed of trunk or hips is a tenth of that movement's
        peak: what can be seen of a smooth movement, and what posexp's own events are.
    """
    times = np.arange(0, movement.cycle, _STEP) * movement.speed
    up, lean = np.array([posture(time) for time in times]).T
    turn = int(np.searchsorted(times, (sum(RISE) + DESCENT[0]) / 2))
    rise, fall = np.diff(up[:turn]), -np.diff(up[turn:])
    forward = np.diff(lean[: int(np.searchsorted(times, sum(RISE)))])
    moments = {}
    for start, end, velocity, first in (
        ("lean_start", None, forward, 0), ("rise_start", "standing", rise, 0),
        ("sit_start", "seated", fall, turn),
    ):  # fmt: skip
        for suffix, least in (("", 1e-9), ("_tenth", _TENTH)):
            rows = np.flatnonzero(velocity > least * velocity.max())
            moments[start + suffix] = (first + rows[0]) * _STEP
            if end is not None:
                moments[end + suffix] = (first + rows[-1] + 1) * _STEP
    names = [name + suffix for suffix in ("", "_tenth") for name in EVENTS]
    return pd.DataFrame([
        {"repetition": number + 1,
         **{name: round(number * movement.cycle + moments[name], 4) for name in names}}
        for number in range(repetitions)
    ])  # fmt: skip


def true_angles(scene: Scene, times: NDArray[np.float64]) -> pd.DataFrame:
    """Angles of the person in space, degrees: 0 is straight, and upright.

    Parameters
    ----------
    scene : Scene
        Of the clip.
    times : (T,) array
        s.

    Returns
    -------
    DataFrame
        ``time`` (s) and `ANGLES`, a row per frame: knee flexion between thigh and shank, hip
        flexion between trunk (hip to shoulder of that side) and thigh, and the lean of the line
        from mid-hip to mid-shoulder from the vertical, forward positive.
    """
    rows = []
    for time in times:
        joints = scene.joints(float(time))
        row = {"time": float(time)}
        for side in ("left", "right"):
            shoulder, hip, knee, ankle = (
                joints[f"{side}_{name}"] for name in ("shoulder", "hip", "knee", "ankle")
            )
            row[f"{side}_knee_flexion"] = 180 - _between(hip - knee, ankle - knee)
            row[f"{side}_hip_flexion"] = 180 - _between(shoulder - hip, knee - hip)
        trunk = joints["mid_shoulder"] - joints["mid_hip"]
        lean = _between(trunk, np.array([0.0, 1.0, 0.0]))
        row["trunk_lean"] = float(np.copysign(lean, trunk[2]))
        rows.append(row)
    return pd.DataFrame(rows, columns=["time", *ANGLES])


def _between(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Degrees."""
    cos = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    return float(np.degrees(np.arccos(np.clip(cos, -1, 1))))
