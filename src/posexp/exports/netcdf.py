"""The dataset of the package movement, as netCDF.

Dimensions, variables and attributes are those of ``movement.validators.datasets.ValidPosesInputs``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from posexp.exports.even import Even
from posexp.exports.format import Format, library
from posexp.exports.recording import Recording


def _write(recording: Recording, path: Path) -> list[str]:
    xarray = library("xarray")
    poses, even = recording.poses, Even.of(recording.poses.time)
    points = recording.points.transpose(0, 2, 1)[..., None]
    attributes = {
        **recording.about, "ds_type": "poses", "time_unit": "seconds", "source_file": poses.source,
    }  # fmt: skip
    if len(poses) > 1 and not even.resampled:
        attributes["fps"] = even.rate
    dims = ("time", "space", "keypoints", "individuals")
    confidence = poses.confidence[..., None].astype(np.float64)
    xarray.Dataset(
        data_vars={
            "position": (dims, points, {"units": recording.unit}),
            "confidence": ((dims[0], *dims[2:]), confidence),
        },
        coords={
            "time": ("time", poses.time),
            "space": list("xyz"[: points.shape[1]]),
            "keypoints": list(recording.joints),
            "individuals": ["person"],
        },
        attrs=attributes,
    ).to_netcdf(path, engine="h5netcdf")
    return []


MOVEMENT = Format(
    name="movement",
    suffix=".nc",
    program="movement (xarray)",
    holds="position (time, space, keypoints, individuals) and confidence, the times in s as "
    "they are; attribute fps where frames are even",
    units=("px", "m"),
    axes="as csv, without the z of px",
    missing="NaN, confidence 0",
    lacks="angles, repetitions, visibility",
    write=_write,
    needs=("xarray", "h5netcdf"),
)
