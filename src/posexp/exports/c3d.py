"""C3D, the file of motion capture laboratories."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from posexp.errors import ConfigError
from posexp.exports.even import Even
from posexp.exports.format import Format, library
from posexp.exports.recording import Recording
from posexp.exports.trc import UPRIGHT

_LONGEST = 65_535  # frames that its header can count; ezc3d reads no more either


def _write(recording: Recording, path: Path) -> list[str]:
    even = Even.of(recording.poses.time)
    points = even.sample(recording.upright)
    if len(points) > _LONGEST:
        raise ConfigError(
            "c3d", f"a file has {_LONGEST} frames, the recording {len(points)}", "Take format=trc"
        )
    data = np.ones((4, points.shape[1], len(points)))
    data[:3] = points.transpose(2, 1, 0)
    missing = np.isnan(data[:3]).any(axis=0)
    data[:3, missing] = np.nan
    file = library("ezc3d").c3d()
    about = recording.about
    parameters = file["parameters"]
    parameters["POINT"]["RATE"]["value"] = [even.rate]
    parameters["POINT"]["LABELS"]["value"] = list(recording.joints)
    parameters["POINT"]["UNITS"]["value"] = [recording.unit]
    file.add_parameter("POINT", "X_SCREEN", ["+X"])
    file.add_parameter("POINT", "Y_SCREEN", ["+Y"])
    file.add_parameter("POSEXP", "START_S", [float(even.time[0])])
    for name in ("video", "model", "what"):
        file.add_parameter("POSEXP", name.upper(), [str(about[name])])
    file["data"]["points"] = data
    file["data"]["meta_points"]["residuals"] = np.where(missing, -1.0, 0.0)[None]
    file.write(str(path))
    return even.remarks


C3D = Format(
    name="c3d",
    suffix=".c3d",
    program="Vicon, Qualisys, Mokka, OpenSim",
    holds="a point for each joint; POINT:UNITS and POINT:X_SCREEN, Y_SCREEN say its unit and axes",
    units=("px", "m"),
    axes=UPRIGHT,
    missing="residual -1",
    lacks="more than 65,535 frames; confidence, angles; times: a constant rate, resampled "
    "where need be, from 0 (POSEXP:START_S)",
    write=_write,
    needs=("ezc3d",),
)
