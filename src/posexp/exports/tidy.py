"""Tidy CSV: a row per frame and joint, for R, pandas and whatever reads tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from posexp.exports.format import Format
from posexp.exports.recording import Recording


def _write(recording: Recording, path: Path) -> list[str]:
    poses, points, unit = recording.poses, recording.points, recording.unit
    frames, joints = points.shape[:2]
    columns = {
        "frame": np.repeat(poses.frame, joints),
        "time_s": [repr(time) for time in np.repeat(poses.time, joints).tolist()],
        "joint": np.tile(recording.joints, frames),
    }
    for axis, name in enumerate("xyz"[: points.shape[-1]]):
        columns[f"{name}_{unit}"] = points[..., axis].ravel()
    if unit == "px" and poses.depth is not None:
        columns["z_px"] = poses.depth.ravel()
    columns["confidence"] = poses.confidence.ravel()
    if poses.visibility is not None:
        columns["visibility"] = poses.visibility.ravel()
    pd.DataFrame(columns).to_csv(path, index=False, float_format="%.9g")
    return []


TIDY = Format(
    name="csv",
    suffix=".csv",
    program="R, pandas, any table",
    holds="a row per frame and joint: time, coordinates, confidence, visibility",
    units=("px", "m"),
    axes="x right, y down from the top left corner; z away from the camera, from the mid-hip "
    "(3D variants). In m of a 3D variant x and y are from the mid-hip too",
    missing="empty cells, confidence 0",
    lacks="angles, repetitions, the size of the image",
    write=_write,
)
