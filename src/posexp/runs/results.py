"""What a run leaves: tables, the configuration, figures and pictures, and the record's figures.

It is imported when there is something to write: matplotlib takes a while.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posexp.config import as_yaml
from posexp.errors import PosexpError, printable
from posexp.files import save_table, whole
from posexp.measure import quality
from posexp.measure.evaluation import evaluate
from posexp.people.track import changes_of, track_table
from posexp.pose.sequence import PoseSequence
from posexp.pose.skeleton import BODY
from posexp.pose.truth import GroundTruth
from posexp.runs import evaluated
from posexp.show import figures
from posexp.show.evaluation_report import write_evaluation
from posexp.show.people import people_picture
from posexp.show.picture_files import save_picture
from posexp.show.pictures import KeyFrames, WorstFrames
from posexp.store import shown, tags
from posexp.store.record import RunRecord

if TYPE_CHECKING:  # it would load what finds people
    from posexp.people.stage import OnPerson

log = logging.getLogger("posexp")


def write_tables(poses: PoseSequence, record: RunRecord, folder: Path, body: bool) -> None:
    """Keypoints and confidence, as files and as the record's metrics and series.

    Parameters
    ----------
    folder : Path
        Of the artifacts.
    body : bool
        Only the body joints in ``keypoints.csv``.
    """
    record.metrics.update(quality.summary(poses, record.threshold))
    shown.add_series(record, poses, quality.confidence_series(poses))
    table = poses.select(BODY) if body else poses
    table.to_csv(_place(folder, "keypoints/keypoints.csv"))
    poses.to_parquet(_place(folder, "keypoints/keypoints.parquet"))
    confidence = quality.confidence_table(poses, record.threshold)
    save_table(confidence, _place(folder, "statistics/confidence.csv"))


def write_person(stage: OnPerson, record: RunRecord, folder: Path) -> None:
    """Who was there, who was followed, and where that is in doubt."""
    crowd = stage.crowd
    if crowd is None:  # it ended before anybody looked
        return
    followed = None if stage.followed is None else stage.followed + 1
    record.tags |= {tags.PEOPLE: str(len(crowd.people)), tags.PERSON: str(followed or "nobody")}
    save_table(crowd.table(followed), _place(folder, tags.PEOPLE_TABLE))
    save_picture(people_picture(crowd, followed), _place(folder, tags.PEOPLE_PICTURE))
    if followed is None:
        return
    track = track_table(stage.track)
    save_table(track, _place(folder, tags.TRACK))
    record.metrics["person/lost_share"] = float((track["state"] == "lost").mean())
    times = changes_of(track)
    record.metrics["person/changes"] = float(len(times))
    if times:
        more = f" and {len(times) - 3} times more" if len(times) > 3 else ""
        said = ", ".join(f"{time:.2f}" for time in times[:3])
        record.tags[tags.DOUBT] = f"person may change at {said} s{more}"


def note_if_nobody(poses: PoseSequence, record: RunRecord, video: Path) -> None:
    """Say that no person was found, in the run too."""
    if not quality.tracked(poses, record.threshold).any():
        log.warning("%s: no person was found in any of the %d frames", printable(video), len(poses))
        record.tags[tags.NOTE] = "no person found"


def write_config(plain: dict[str, Any], folder: Path) -> None:
    """The configuration as YAML, which `rerun` reads."""
    with whole(_place(folder, "config/config.yaml")) as part:
        part.write_text(as_yaml(plain), encoding="utf-8", errors="surrogateescape")


def write_environment(environment: dict[str, Any], folder: Path) -> None:
    """What the results were made with."""
    with whole(_place(folder, tags.ENVIRONMENT)) as part:
        part.write_text(json.dumps(environment, indent=1), encoding="utf-8")


def write_figures(poses: PoseSequence, threshold: float, folder: Path) -> None:
    """Confidence and trajectories as pictures."""
    for name, figure in (
        ("confidence", figures.confidence_heatmap(poses)),
        ("trajectories", figures.trajectories(poses, threshold)),
    ):
        figures.save(figure, _place(folder, f"figures/{name}.png"))


def write_truth(
    poses: PoseSequence,
    truth: GroundTruth,
    path: Path,
    worst: WorstFrames,
    record: RunRecord,
    folder: Path,
) -> None:
    """The evaluation against the truth in `path`; one that does not fit must not cost the run."""
    try:
        evaluation = evaluate(poses, truth, part=evaluated.is_part(record.params))
    except PosexpError as error:
        log.warning("%s; the run goes on without evaluation", error)
        return
    for note in evaluation.notes:
        log.warning("%s", note)
    write_evaluation(evaluation, worst, folder)
    record.metrics.update(evaluated.metrics(evaluation))
    record.tags.update(evaluated.truth_tags(path, {}))
    if len(evaluation.truth) == len(poses):
        shown.add_series(record, poses, evaluated.error_series(evaluation, record.tags))


def write_pictures(keys: KeyFrames, record: RunRecord, folder: Path) -> None:
    """The contact sheet, and the pictures that the UI steps through."""
    if keys.pictures:
        save_picture(keys.contact_sheet(), _place(folder, "overlay/contact_sheet.png"))
        shown.add_pictures(record, folder, keys.pictures)


def _place(folder: Path, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
