"""Poses that a run of the same sweep has already, in place of the model."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from posexp.errors import PosexpError, TrackingError
from posexp.models.weights.model_file import ModelFile
from posexp.pose.sequence import FramePose, PoseSequence
from posexp.runs.job import Job
from posexp.store import tags
from posexp.store.archive import Archive
from posexp.store.record import RunRecord
from posexp.store.run import Run
from posexp.video.ahead import ahead
from posexp.video.frame import Frame

if TYPE_CHECKING:  # with pandas, which a run needs at its end only
    from posexp.runs.edits import Edits

_OF_THE_PERSON = (tags.PEOPLE, tags.PERSON, tags.DOUBT)
_FILES = (tags.PEOPLE_TABLE, tags.PEOPLE_PICTURE, tags.TRACK)


class Replay:
    """An `Estimator` that gives again, frame by frame, what a run has seen.

    Parameters
    ----------
    run : Run
        Of the same video, part, model and versions: its tag ``posexp.keypoints`` says so.
    edits : Edits, optional
        What a person has changed in it.
    """

    def __init__(self, run: Run, edits: Edits | None = None) -> None:
        self._poses: PoseSequence = run.poses() if edits is None else edits.poses
        self.run, self.edits = run, edits
        self.name = self._poses.model
        self.skeleton = self._poses.skeleton
        self.confidence_meaning = self._poses.confidence_meaning
        self.weights = ModelFile(
            Path(), run.tags[tags.WEIGHTS_SOURCE], run.tags[tags.WEIGHTS_SHA256]
        )
        self.computed_by = run.tags.get(tags.RUNTIME, "")
        size = run.params.get("model.input_size", "")
        self.input_size = int(size) if size.isdecimal() else None
        self._notes = self._noted()

    def estimate(self, frames: Iterable[Frame]) -> Generator[FramePose, None, None]:
        """One pose per frame, in order."""
        poses = self._poses
        for row, frame in enumerate(ahead(frames)):
            if row >= len(poses) or poses.frame[row] != frame.index:
                raise TrackingError(
                    f"run {self.run.name} ({self.run.id})",
                    f"expected its pose in frame {frame.index}, found none", "Set force=true",
                )  # fmt: skip
            values = (poses.depth, poses.world, poses.visibility)
            yield FramePose(
                frame.index, frame.time, poses.image[row], poses.confidence[row],
                *(None if value is None else value[row] for value in values),
                note=self._notes.get(frame.index, ""),
            )  # fmt: skip

    def write_person(self, record: RunRecord, folder: Path) -> None:
        """Who was there and who was followed, as that run says it."""
        record.tags |= {k: v for k, v in self.run.tags.items() if k in _OF_THE_PERSON}
        record.metrics |= {k: v for k, v in self.run.metrics.items() if k.startswith("person/")}
        for name in _FILES:
            with contextlib.suppress(TrackingError):  # it had none
                file = self.run.file(name)
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, folder / name)

    def _noted(self) -> dict[int, str]:
        """What the overlay says of the person, by frame."""
        if "person/lost_share" not in self.run.metrics:
            return {}
        from posexp.people.track import NOTES

        track = self.run.table(tags.TRACK)
        if track is None:
            raise TrackingError(
                f"run {self.run.name} ({self.run.id})", f"expected {tags.TRACK}, found none",
                "Set force=true",
            )  # fmt: skip
        notes = track["state"].map(NOTES)
        return {int(frame): note for frame, note in zip(track["frame"], notes, strict=True)
                if isinstance(note, str)}  # fmt: skip


def find(job: Job, archive: Archive) -> Replay | None:
    """The poses of a job, where a finished run of its sweep has them; None where they are not."""
    if not job.sweep or job.config.force:
        return None
    try:
        same = {tags.SWEEP: job.sweep, tags.KEYPOINTS: job.keypoints}
        for run in archive.open().search(same, 1, "status = 'FINISHED'"):
            return Replay(run)
    except (PosexpError, KeyError):  # then the model says it again
        pass
    return None
