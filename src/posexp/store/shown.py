"""The forms in which MLflow's UI shows things: series of frames, a grid of images, tables.

They are files and names that are made with the results, so that logging reads no pictures.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from posexp.files import whole
from posexp.pose.sequence import PoseSequence
from posexp.show.picture_files import PNG
from posexp.store.record import RunRecord

SERIES_POINTS = 3000
"""Points of a per-frame series that are logged; longer videos are thinned evenly."""


def add_series(record: RunRecord, poses: PoseSequence, series: dict[str, Any]) -> None:
    """Give a record per-frame series, thinned to `SERIES_POINTS`."""
    record.steps, values = thinned(poses, series)
    record.series |= values


def thinned(
    poses: PoseSequence, series: dict[str, Any]
) -> tuple[list[int], dict[str, list[float]]]:
    """Frames and per-frame series, thinned evenly to `SERIES_POINTS`."""
    every = -(-len(poses) // SERIES_POINTS)
    steps = [int(frame) for frame in poses.frame[::every]]
    values = {k: [round(float(v), 6) for v in column[::every]] for k, column in series.items()}
    return steps, values


def add_pictures(record: RunRecord, folder: Path, pictures: dict[int, Any]) -> None:
    """Write pictures where MLflow's UI looks for its Image grid, which steps through them.

    Parameters
    ----------
    record : RunRecord
        Gets the tag by which the UI knows that there are some.
    folder : Path
        Of the artifacts.
    pictures : dict
        Step to (h, w, 3) uint8 RGB.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for step, picture in pictures.items():
        image = Image.fromarray(picture)
        small = image.copy()
        small.thumbnail((256, 256))
        # As MlflowClient.log_image names them; the same ones when they are written again.
        own = uuid.uuid5(uuid.NAMESPACE_OID, f"{record.key} {step}")
        name = f"overlay+step+{step}+timestamp+{record.start_ms}+{own}"
        for file, kind, content, options in (
            (f"{name}.png", "PNG", image, PNG), (f"{name}+compressed.webp", "WEBP", small, {})
        ):  # fmt: skip
            with whole(folder / "images" / file) as part:
                content.save(part, kind, **options)
        record.tags["mlflow.loggedImages"] = "True"


def add_tables(record: RunRecord, folder: Path) -> None:
    """Give ``tables/*.csv`` of the artifacts the form that MLflow's evaluation view shows."""
    known = []
    for path in sorted((folder / "tables").glob("*.csv")):
        with whole(path.with_suffix(".json")) as part:
            pd.read_csv(path).to_json(part, orient="split", index=False)
        known.append({"path": f"tables/{path.stem}.json", "type": "table"})
    record.tags["mlflow.loggedArtifacts"] = json.dumps(known)
