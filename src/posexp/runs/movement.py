"""What a run says of the movement: its repetitions, in a table, a figure and a sentence."""

from __future__ import annotations

import logging
from pathlib import Path

from posexp.config import Config
from posexp.errors import PosexpError
from posexp.files import save_table, whole
from posexp.movement.repetitions import Repetitions, repetitions
from posexp.pose.sequence import PoseSequence
from posexp.show import figures
from posexp.show.movement import repetitions_over_time
from posexp.store import tags
from posexp.store.record import RunRecord

log = logging.getLogger("posexp")


def write_repetitions(
    poses: PoseSequence, cleaned: PoseSequence, config: Config, record: RunRecord, folder: Path
) -> None:
    """``movement/repetitions.csv``, ``movement/notes.txt`` and ``figures/movement.png``.

    Nothing with ``activity=none``. A problem with a person's scale must not cost the run.
    """
    if config.activity == "none":
        return
    try:
        found = repetitions(poses, config.activity, config.scale, cleaned)
    except PosexpError as error:
        log.warning("%s; the run goes on without repetitions", error)
        return
    (folder / "movement").mkdir(parents=True, exist_ok=True)
    save_table(found.table, folder / "movement" / "repetitions.csv")
    with whole(folder / "movement" / "notes.txt") as part:
        part.write_text("\n".join([found.sentence, *found.notes]) + "\n", encoding="utf-8")
    record.metrics.update(found.metrics())
    record.tags[tags.MOVEMENT] = told(found)
    if len(found.table):
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        title = f"{poses.model}: {found.sentence}"
        figures.save(repetitions_over_time(found, title), folder / "figures" / "movement.png")


def told(found: Repetitions) -> str:
    """The sentence, and why there is none of them where there is none."""
    return found.sentence if len(found.table) else f"{found.sentence}: {'; '.join(found.notes)}"
