"""OpenSim's marker trajectories."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from posexp.exports.even import Even
from posexp.exports.format import Format
from posexp.exports.recording import Recording

UPRIGHT = (
    "X to the image's right, Y up, Z towards the camera. px, and m by the scale: from the image's "
    "bottom left corner, Z 0. m of a 3D variant: from the mid-hip"
)


def _write(recording: Recording, path: Path) -> list[str]:
    even = Even.of(recording.poses.time)
    points = even.sample(recording.upright)
    joints = recording.joints
    rate = f"{even.rate:.9g}"
    count = str(len(even.time))
    head = {
        "DataRate": rate, "CameraRate": rate, "NumFrames": count, "NumMarkers": str(len(joints)),
        "Units": recording.unit, "OrigDataRate": rate, "OrigDataStartFrame": "1",
        "OrigNumFrames": count,
    }  # fmt: skip
    axes = [f"{axis}{number}" for number in range(1, len(joints) + 1) for axis in "XYZ"]
    # A tab ends the rows: OpenSim drops what is empty after the last one.
    names = [*(cell for joint in joints for cell in (joint, "", "")), ""]
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for cells in (
            ["PathFileType", "4", "(X/Y/Z)", f"{recording.stem}.trc"],
            head.keys(), head.values(), ["Frame#", "Time", *names], ["", "", *axes, ""], [""],
        ):  # fmt: skip
            file.write("\t".join(cells) + "\n")
        for number, (time, row) in enumerate(
            zip(even.time, points.reshape(len(points), -1), strict=True), 1
        ):
            cells = ["" if np.isnan(value) else f"{value:.6f}" for value in row]
            file.write("\t".join([str(number), f"{time:.9g}", *cells, ""]) + "\n")
    said = [] if recording.unit == "m" else ["OpenSim scales models in m or mm: take unit=m for it"]
    return even.remarks + said


TRC = Format(
    name="trc",
    suffix=".trc",
    program="OpenSim",
    holds="a marker for each joint",
    units=("px", "m"),
    axes=UPRIGHT,
    missing="empty cells",
    lacks="confidence, angles, uneven times: resampled to a constant rate",
    write=_write,
)
