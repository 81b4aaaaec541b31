"""OpenSim's motion file: angles over time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from posexp.errors import TableError
from posexp.exports.even import Even
from posexp.exports.format import Format
from posexp.exports.recording import Recording


def _write(recording: Recording, path: Path) -> list[str]:
    even = Even.of(recording.poses.time)
    angles = even.sample(recording.angles.to_numpy(dtype=np.float64))
    seen = np.isfinite(angles)
    ever = seen.any(axis=0)
    names = [str(name) for name in recording.angles.columns[ever]]
    if not names:
        raise TableError(recording.stem, "no angle is seen in any frame: nothing for a mot file")
    said = even.remarks
    if unseen := [str(name) for name in recording.angles if name not in names]:
        said.append(f"never seen, and left out: {', '.join(unseen)}")
    # OpenSim's Storage reads no further than the first nan.
    values, seen = angles[:, ever], seen[:, ever]
    for column, there in zip(values.T, seen.T, strict=True):
        column[~there] = np.interp(even.time[~there], even.time[there], column[there])
    if gaps := int((~seen).sum()):
        said.append(
            f"{gaps} of {seen.size} values are missing, and stand on straight lines between what "
            "was seen: OpenSim reads no mot file with gaps"
        )
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(
            f"{recording.stem}\nversion=1\nnRows={len(values)}\nnColumns={len(names) + 1}\n"
            "inDegrees=yes\nendheader\n"
        )
        file.write("\t".join(["time", *names]) + "\n")
        for time, row in zip(even.time, values, strict=True):
            file.write("\t".join([f"{time:.9g}", *(f"{value:.9g}" for value in row)]) + "\n")
    return said


MOT = Format(
    name="mot",
    suffix=".mot",
    program="OpenSim",
    holds="joint angles, degrees, by posexp's names and definitions",
    units=(),
    axes="none: the angles of movement.md, 0 is straight: in the image plane, and in space "
    "(_world) of 3D variants",
    missing="on a straight line between what was seen, and said: OpenSim reads no mot file with "
    "gaps. An angle that was never seen is left out",
    lacks="coordinates, confidence; uneven times: resampled to a constant rate. Its names and "
    "signs are not those of a model's coordinates (knee_angle_r)",
    write=_write,
)
