"""OpenSim's motion file: angles over time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from posexp.errors import TableError
from posexp.exports.even import Even
from posexp.exports.format import Format
from posexp.exports.recording import Recording


def _write(recording: Recording, path: Path) -> list[str]:
    names = [str(name) for name in recording.angles]
    if not names:
        raise TableError(recording.stem, "its joints make no angle: nothing for a mot file")
    even = Even.of(recording.poses.time)
    values = even.sample(recording.angles.to_numpy(dtype=np.float64))
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(
            f"{recording.stem}\nversion=1\nnRows={len(values)}\nnColumns={len(names) + 1}\n"
            "inDegrees=yes\nendheader\n"
        )
        file.write("\t".join(["time", *names]) + "\n")
        for time, row in zip(even.time, values, strict=True):
            file.write("\t".join([f"{time:.9g}", *(f"{value:.9g}" for value in row)]) + "\n")
    return even.remarks


MOT = Format(
    name="mot",
    suffix=".mot",
    program="OpenSim",
    holds="joint angles, degrees, by posexp's names and definitions",
    units=(),
    axes="none: angles in the image plane (reading-the-numbers.md says between what)",
    missing="nan",
    lacks="coordinates, confidence; uneven times: resampled to a constant rate. Its names and "
    "signs are not those of a model's coordinates (knee_angle_r)",
    write=_write,
)
