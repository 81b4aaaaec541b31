"""DeepLabCut's tables, and those of LightningPose, which have the same three rows at their top."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from posexp.exports.format import Format
from posexp.exports.recording import Recording

_LACKS = "times, angles, repetitions, z; frames are numbers"


def _table(recording: Recording, scorer: str) -> pd.DataFrame:
    """A row per frame of the video; columns (scorer, bodyparts, coords)."""
    poses = recording.poses
    columns = pd.MultiIndex.from_product(
        [[scorer], recording.joints, ["x", "y", "likelihood"]],
        names=["scorer", "bodyparts", "coords"],
    )
    values = np.concatenate([recording.points, poses.confidence[..., None]], axis=-1)
    return pd.DataFrame(values.reshape(len(poses), -1), index=poses.frame, columns=columns)


def _scorer(recording: Recording) -> str:
    return f"posexp_{recording.poses.model or 'poses'}"


def _write_csv(recording: Recording, path: Path) -> list[str]:
    _table(recording, _scorer(recording)).to_csv(path, float_format="%.9g")
    return []


def _write_h5(recording: Recording, path: Path) -> list[str]:
    table = _table(recording, _scorer(recording))
    table.to_hdf(path, key="df_with_missing", format="table", mode="w")
    return []


def _write_lightningpose(recording: Recording, path: Path) -> list[str]:
    _table(recording, "heatmap_tracker").to_csv(path, float_format="%.9g")
    return []


DEEPLABCUT = Format(
    name="deeplabcut",
    suffix=".deeplabcut.csv",
    program="DeepLabCut, SLEAP, movement, Anipose",
    holds="rows scorer, bodyparts, coords; x, y, likelihood for each joint and frame",
    units=("px",),
    axes="x right, y down from the top left corner",
    missing="empty cells, likelihood 0",
    lacks=_LACKS,
    write=_write_csv,
)
DEEPLABCUT_H5 = Format(
    name="deeplabcut_h5",
    suffix=".h5",
    program="DeepLabCut",
    holds="the same table, under the key df_with_missing",
    units=("px",),
    axes="as deeplabcut",
    missing="NaN, likelihood 0",
    lacks=_LACKS,
    write=_write_h5,
    needs=("tables",),
)
LIGHTNINGPOSE = Format(
    name="lightningpose",
    suffix=".lightningpose.csv",
    program="Lightning Pose, movement",
    holds="the same table, with the scorer heatmap_tracker",
    units=("px",),
    axes="as deeplabcut",
    missing="empty cells, likelihood 0",
    lacks=_LACKS,
    write=_write_lightningpose,
)
