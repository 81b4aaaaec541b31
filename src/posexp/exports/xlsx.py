"""A workbook with a sheet each for keypoints, angles and repetitions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from posexp.errors import ConfigError
from posexp.exports.format import Format, library
from posexp.exports.recording import Recording

_ROWS = 1_048_575  # below the header; no more fit into a sheet


def _write(recording: Recording, path: Path) -> list[str]:
    poses = recording.poses
    if len(poses) > _ROWS:
        raise ConfigError(
            "xlsx", f"a sheet has {_ROWS} rows, the recording {len(poses)} frames",
            "Take format=csv or mat",
        )  # fmt: skip
    angles = recording.angles.add_suffix("_deg")
    angles.insert(0, "time_s", poses.time)
    angles.insert(0, "frame", poses.frame)
    about = pd.DataFrame(list(recording.about.items()), columns=["what", "value"])
    sheets = {"keypoints": recording.wide(), "angles": angles}
    if recording.repetitions is not None:
        sheets["repetitions"] = recording.repetitions
    book = library("openpyxl").Workbook(write_only=True)  # row by row, in little memory
    for name, table in {**sheets, "about": about}.items():
        sheet = book.create_sheet(name)
        sheet.freeze_panes = "A2"
        sheet.append([str(column) for column in table])
        for row in table.itertuples(index=False, name=None):
            sheet.append([_cell(value) for value in row])
    book.save(path)
    return []


def _cell(value: Any) -> Any:
    """What a cell takes: empty for what is missing."""
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value


XLSX = Format(
    name="xlsx",
    suffix=".xlsx",
    program="Excel, LibreOffice",
    holds="sheets: keypoints (a row per frame), angles (degrees), repetitions, about",
    units=("px", "m"),
    axes="as csv",
    missing="empty cells, confidence 0",
    lacks="more than 1,048,575 frames",
    write=_write,
    needs=("openpyxl",),
)
