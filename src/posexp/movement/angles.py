"""Joint angles as the clinic has them: 0 is straight, in the picture's plane and in space."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posexp.measure.kinematics import angle_between, limb_angles
from posexp.movement.filters import Array
from posexp.pose.sequence import Floats, PoseSequence
from posexp.pose.skeleton import REGIONS

WORLD = "_world"
"""Ends the names of angles in space."""


def angles(poses: PoseSequence) -> pd.DataFrame:
    """Joint angles over time, degrees.

    Parameters
    ----------
    poses : PoseSequence
        Cleaned, as a rule (`movement.cleaning.clean`): angles of raw poses shake.

    Returns
    -------
    DataFrame
        A row per frame: ``frame``, ``time`` (s), and the columns below whose joints the skeleton
        has. NaN where a joint is missing.

        ``{side}_knee_flexion``
            0 straight: 180 less the angle between thigh and shank.
        ``{side}_hip_flexion``
            0 straight: 180 less the angle between trunk (hip to shoulder) and thigh.
        ``trunk_lean``
            Of the line from mid-hip to mid-shoulder from the vertical, forward positive. Forward in
            the picture is the side to which the trunk leans further over the clip.
        ``{side}_ankle_dorsiflexion``
            0 with the foot (heel to toe) at right angles to the shank, toes up positive.
        ``pelvis_obliquity``
            Of the line between the hips from the horizontal, left hip up positive.

        They are angles of what the picture shows: those of the body only if the camera looks at
        right angles to the movement (`movement.view.view`). The same with ``_world`` are in space,
        for models with world coordinates; the lean in space is that in the plane in which the
        person faces. Vertical is the camera's: hold it level.
    """
    columns: dict[str, NDArray[np.generic]] = {"frame": poses.frame, "time": poses.time}
    columns |= _named(poses, poses.image.astype(np.float64))
    if poses.world is not None:
        found = _named(poses, poses.world.astype(np.float64))
        columns |= {f"{name}{WORLD}": values for name, values in found.items()}
    return pd.DataFrame(columns)


def _named(poses: PoseSequence, points: Floats) -> dict[str, Array]:
    """The angles of (T, J, 2 or 3) points, x to the right, y down, z away."""
    columns = {f"{k}_flexion": 180 - v for k, v in limb_angles(poses, points).items()}

    def at(joint: str) -> Floats:
        return points[:, poses.skeleton.index(joint)]

    if set(REGIONS["torso"]) <= set(poses.skeleton.joints):
        across = at("left_hip") - at("right_hip")
        trunk = (at("left_shoulder") + at("right_shoulder") - at("left_hip") - at("right_hip")) / 2
        columns["trunk_lean"] = _lean(trunk, across)
    for side in ("left", "right"):
        names = [f"{side}_{part}" for part in ("knee", "ankle", "heel", "foot_index")]
        if set(names) <= set(poses.skeleton.joints):
            knee, ankle, heel, toe = (at(name) for name in names)
            columns[f"{side}_ankle_dorsiflexion"] = 90 - angle_between(knee - ankle, toe - heel)
    if {"left_hip", "right_hip"} <= set(poses.skeleton.joints):
        across = at("left_hip") - at("right_hip")
        level = np.linalg.norm(np.delete(across, 1, axis=1), axis=1)
        columns["pelvis_obliquity"] = np.rad2deg(np.arctan2(-across[:, 1], level))
    return columns


def _lean(trunk: Floats, across: Floats) -> Array:
    """(T,) of the trunk from the vertical; `across` is from the right to the left hip."""
    if trunk.shape[1] == 3:
        ahead = facing(across)
        return np.asarray(np.rad2deg(np.arctan2((trunk * ahead).sum(axis=1), -trunk[:, 1])))
    lean = np.rad2deg(np.arctan2(trunk[:, 0], -trunk[:, 1]))
    known = lean[np.isfinite(lean)]
    if not known.size:
        return np.asarray(lean)
    low, middle, high = np.percentile(known, [2, 50, 98])
    return np.asarray(lean if high - middle >= middle - low else -lean)


def facing(across: Floats) -> Array:
    """(T, 3) where a person faces, horizontal and of length 1, from (T, 3) right to left hip."""
    ahead = np.stack([across[:, 2], np.zeros(len(across)), -across[:, 0]], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(ahead / np.linalg.norm(ahead, axis=1, keepdims=True))
