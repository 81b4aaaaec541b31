"""MATLAB's MAT-file, version 5."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.io import savemat

from posexp.exports.format import Format
from posexp.exports.recording import Recording


def _write(recording: Recording, path: Path) -> list[str]:
    poses = recording.poses
    content: dict[str, Any] = {
        **recording.about,
        "frame": poses.frame,
        "time": poses.time,
        "joints": np.array(recording.joints, dtype=object),
        "points": recording.points,
        "confidence": poses.confidence,
        "confidence_meaning": poses.confidence_meaning,
        "angles": _struct(recording.angles),
    }
    for name in ("depth", "visibility"):
        if getattr(poses, name) is not None:
            content[name] = getattr(poses, name)
    if recording.repetitions is not None:
        content["repetitions"] = _struct(recording.repetitions)
    savemat(
        path, content, appendmat=False, long_field_names=True, do_compression=True,
        oned_as="column",
    )  # fmt: skip
    return []


def _struct(table: pd.DataFrame) -> dict[str, Any]:
    """A table as a struct of columns, by names that MATLAB takes."""
    return {
        re.sub(r"\W", "_", re.sub(r"^(?=\W|\d|_)", "x", str(name)), flags=re.ASCII)[:63]: (
            table[name].to_numpy(dtype=object if table[name].dtype == object else None)
        )
        for name in table
    }


MAT = Format(
    name="mat",
    suffix=".mat",
    program="MATLAB, Octave",
    holds="points (frames x joints x 2 or 3), confidence, time (s), joints, angles (degrees), "
    "repetitions; depth and visibility of 3D variants",
    units=("px", "m"),
    axes="as csv; depth is the z of px",
    missing="NaN, confidence 0",
    lacks="nothing of these",
    write=_write,
)
