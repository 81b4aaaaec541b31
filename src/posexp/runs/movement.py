"""What a run says of the movement: clean keypoints, joint angles, repetitions and a sentence."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from posexp.config import Config
from posexp.errors import PosexpError
from posexp.exports.write import SCALE
from posexp.files import save_table, whole
from posexp.movement.cleaning import Cleaned, clean
from posexp.movement.repetitions import Repetitions, repetitions
from posexp.pose.sequence import PoseSequence
from posexp.pose.skeleton import BODY
from posexp.show import figures
from posexp.show.movement import angles_over_time, repetitions_over_time
from posexp.store import tags
from posexp.store.record import RunRecord

log = logging.getLogger("posexp")


def write_movement(
    poses: PoseSequence,
    config: Config,
    record: RunRecord,
    folder: Path,
    events: pd.DataFrame | None = None,
) -> None:
    """``keypoints/cleaned.*``, ``angles/``, ``movement/`` and their figures.

    Parameters
    ----------
    folder : Path
        Of the artifacts.
    events : DataFrame, optional
        Of the repetitions, where a person has set them.
    """
    cleaned = clean(poses, config.cleaning)
    seen = cleaned.view
    keypoints, places = folder / "keypoints", ("keypoints", "angles", "figures")
    for place in places:
        (folder / place).mkdir(parents=True, exist_ok=True)
    about = {"cleaning": cleaned.described(), "view": {**asdict(seen), "trusted": seen.trusted}}
    cleaned.poses.to_parquet(keypoints / "cleaned.parquet", px=True, **about)
    (cleaned.poses.select(BODY) if config.keypoints.joints == "body" else cleaned.poses).to_csv(
        keypoints / "cleaned.csv", px=True
    )
    with whole(keypoints / "cleaning.json") as part:
        part.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    save_table(cleaned.angles, folder / "angles" / "angles.csv")
    figure = angles_over_time(cleaned.angles, f"{poses.model}: joint angles", seen.sentence)
    figures.save(figure, folder / "figures" / "angles.png")
    if np.isfinite(seen.yaw):
        record.metrics["movement/view_yaw_deg"] = seen.yaw
    if seen.sentence:
        record.tags[tags.VIEW] = seen.sentence
    write_repetitions(poses, cleaned, config, record, folder, events)


def write_repetitions(
    poses: PoseSequence,
    cleaned: Cleaned,
    config: Config,
    record: RunRecord,
    folder: Path,
    events: pd.DataFrame | None = None,
) -> None:
    """``movement/repetitions.csv``, ``movement/notes.txt`` and ``figures/movement.png``.

    Nothing with ``activity=none``. A problem with a person's scale must not cost the run.
    """
    if config.activity == "none":
        return
    try:
        found = repetitions(poses, config.activity, config.scale, cleaned, events)
    except PosexpError as error:
        log.warning("%s; the run goes on without repetitions", error)
        return
    (folder / "movement").mkdir(parents=True, exist_ok=True)
    save_table(found.table, folder / "movement" / "repetitions.csv")
    with whole(folder / "movement" / "notes.txt") as part:
        part.write_text("\n".join([found.sentence, *found.notes]) + "\n", encoding="utf-8")
    record.metrics.update(found.metrics())
    if found.seen is not None and np.isfinite(found.seen.metres_per_px):
        record.metrics[SCALE] = found.seen.metres_per_px
    record.tags[tags.MOVEMENT] = told(found)
    if len(found.table):
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        title = f"{poses.model}: {found.sentence}"
        figures.save(repetitions_over_time(found, title), folder / "figures" / "movement.png")


def told(found: Repetitions) -> str:
    """The sentence, and why there is none of them where there is none."""
    return found.sentence if len(found.table) else f"{found.sentence}: {'; '.join(found.notes)}"
