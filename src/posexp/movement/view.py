"""From where a person is seen, and what angles in the picture's plane are then worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posexp.movement.angles import facing
from posexp.pose.sequence import PoseSequence
from posexp.pose.skeleton import REGIONS

TRUSTED = 30.0
"""Degrees off side-on up to which angles in the plane are trusted.

There a knee that is bent by 75 degrees (thigh 60, shank 15 from the vertical) looks 6 straighter.
"""

STEEP = 30.0
"""Degrees of pitch from which heights in the picture tell little: who rises also comes forward,
which is downwards there."""

_SHOULDERS = 0.7  # width of the shoulders over the length of the trunk, seen from the front
_WHOLE = tuple(
    f"{side}_{part}" for part in ("shoulder", "hip", "knee", "ankle") for side in ("left", "right")
)
_STANDS = 0.93  # of the way from shoulder to ankle along hip and knee, that is straight
_UPRIGHT = 75  # percentile of the trunk's length in the picture that counts as upright


@dataclass(frozen=True)
class View:
    """From where a person is seen.

    Parameters
    ----------
    yaw : float
        Degrees, the median over the clip: 0 facing the camera, 90 side-on, 180 from behind; NaN
        where shoulders and hips are not seen.
    in_space : bool
        Told from world coordinates, or else from the shoulders' width in the picture.
    pitch : float
        Degrees that the camera looks down on whoever stands, by world coordinates, which tell about
        two thirds of it; NaN without them, or where ankles are not seen.
    """

    yaw: float
    in_space: bool
    pitch: float = float("nan")

    @property
    def off(self) -> float:
        """Degrees off side-on, 0..90."""
        return abs(self.yaw - 90)

    @property
    def trusted(self) -> bool:
        """Whether angles in the picture's plane are near those of the body."""
        return self.off <= TRUSTED and not self.steep

    @property
    def steep(self) -> bool:
        """Whether the camera looks steeply down (or up): then repetitions are in doubt too."""
        return abs(self.pitch) >= STEEP

    @property
    def sentence(self) -> str:
        """What is to be known of the angles; empty where they can be trusted."""
        if self.trusted:
            return ""
        if np.isnan(self.yaw):
            return "shoulders and hips are not seen: no angle can be told"
        if self.steep:
            where = "above" if self.pitch > 0 else "below"
            return (
                f"seen steeply from {where} ({abs(self.pitch):.0f} deg or more): repetitions and "
                "their times are in doubt, and angles in the picture's plane are not to be trusted"
            )
        where = "the front" if self.yaw < 90 else "behind"
        better = (
            "those in space (_world) are better" if self.in_space
            else "a 3D model (mlkit) tells them better"
        )  # fmt: skip
        return (
            f"seen {self.off:.0f} deg off side-on, towards {where}: angles in the picture's plane "
            f"are not to be trusted, {better}"
        )


def view(poses: PoseSequence) -> View:
    """From where the person is seen, the median over the clip.

    From world coordinates by where the hips and the shoulders face; without them by the width of
    the shoulders in the picture over the trunk's length when upright, which is 0 side-on and 0.7
    from the front.

    Parameters
    ----------
    poses : PoseSequence
        Cleaned, as a rule (`Cleaned.view`), as angles are; raw ones say the same within a degree.
    """
    in_space = poses.world is not None
    if not set(REGIONS["torso"]) <= set(poses.skeleton.joints):
        return View(float("nan"), in_space)
    points = poses.image if poses.world is None else poses.world
    lines = {
        part: (points[:, poses.skeleton.index(f"left_{part}")]
               - points[:, poses.skeleton.index(f"right_{part}")]).astype(float)
        for part in ("hip", "shoulder")
    }  # fmt: skip
    if in_space:
        ahead = facing(lines["hip"]) + facing(lines["shoulder"])
        yaw = np.rad2deg(np.arctan2(np.abs(ahead[:, 0]), -ahead[:, 2]))
    else:
        middles = [
            (poses.joint(f"left_{part}") + poses.joint(f"right_{part}")) / 2
            for part in ("shoulder", "hip")
        ]
        lengths = np.linalg.norm(middles[0] - middles[1], axis=1)
        known = lengths[np.isfinite(lengths)]
        upright = float(np.percentile(known, _UPRIGHT)) if known.size else float("nan")
        across = lines["shoulder"][:, 0] / (_SHOULDERS * upright if upright > 0 else np.nan)
        yaw = np.rad2deg(np.arccos(np.clip(across, -1, 1)))
    known = yaw[np.isfinite(yaw)]
    pitch = _pitch(poses) if in_space else float("nan")
    return View(float(np.median(known)) if known.size else float("nan"), in_space, pitch)


def _pitch(poses: PoseSequence) -> float:
    """Of the camera, degrees, by the trunk of whoever stands: who sits may lean to the camera."""
    assert poses.world is not None
    if not set(_WHOLE) <= set(poses.skeleton.joints):
        return float("nan")
    sides = poses.world[:, poses.skeleton.indices(_WHOLE)].astype(float)
    chain = sides.reshape(len(sides), 4, 2, 3).mean(axis=2)
    along = np.linalg.norm(np.diff(chain, axis=1), axis=2).sum(axis=1)
    standing = np.linalg.norm(chain[:, 0] - chain[:, -1], axis=1) > _STANDS * along
    if not standing.any():
        return float("nan")
    trunk = (chain[:, 0] - chain[:, 1])[standing]
    return float(np.median(np.rad2deg(np.arctan2(-trunk[:, 2], np.hypot(*trunk[:, :2].T)))))
