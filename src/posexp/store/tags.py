"""Names of the tags and parameters by which runs are told apart: spelt here and nowhere else."""

from __future__ import annotations

import re

VIDEO, VIDEO_SHA256 = "video", "video.sha256"
"""The path of the video, which every extraction has and nothing else; and its content."""

WEIGHTS_SOURCE, WEIGHTS_SHA256 = "weights.source", "weights.sha256"
RUNTIME = "model.computed_by"
"""The library that computed, where the options leave it open."""

TRUTH, TRUTH_SHA256, FIRST_TRUTH_SHA256 = "truth", "truth.sha256", "truth.first.sha256"
VERSION = "version."
"""Begins the tag of a package's version, in runs of older versions; others have `ENVIRONMENT`."""

ENVIRONMENT = "config/environment.json"
"""The artifact that has the versions, the commit, and where the weights are from."""

PEOPLE_TABLE, PEOPLE_PICTURE, TRACK = (
    "person/people.csv", "person/people.jpg", "person/track.csv",
)  # fmt: skip
"""Artifacts that say who was there, and who was followed."""

KEYPOINTS, FINGERPRINT = "posexp.keypoints", "posexp.fingerprint"
"""What decides the keypoints, and all that decides the results (`posexp.runs.fingerprint`)."""

SWEEP = "posexp.sweep"
"""What the runs of several videos or variants have in common."""

KEY = "posexp.key"
"""A run's own, known before MLflow has given it an id."""

KIND, COMPARED = "posexp.kind", "posexp.compared"
RERUN_OF, REPLAY_OF = "posexp.rerun_of", "posexp.replay_of"
EDITED_FROM, EDITED, EVENTS_SET = "posexp.edited_from", "posexp.edited", "posexp.events_set"
"""Of a run that a person has put right: which it was, what was changed, and whether its events are
as somebody has set them."""

ERROR, NOTE, WARNINGS = "error", "note", "video.warnings"
DESCRIPTION = "mlflow.note.content"

PEOPLE, PERSON, DOUBT = "person.people", "person.followed", "person.doubt"
"""How many were found, the number of who is followed, and where that may be another."""

MOVEMENT, VIEW = "movement", "movement.view"
"""What somebody did in it, and why its angles are not to be trusted, in a sentence each."""

MODEL = "model"
THRESHOLD = "keypoints.confidence_threshold"
"""Parameters."""


def tag_name(text: str) -> str:
    """What a person calls a tag, in the characters that MLflow takes."""
    return re.sub(r"[^\w.\- :]", "_", text)[:250] if text.strip(". ") else f"_{text}"


def of_the_clip(known: dict[str, str]) -> dict[str, str]:
    """What a list of videos says of a clip, such as its participant: tags that are not ours."""
    ours = ("mlflow.", "posexp.", VERSION, "video.", "weights.", "person.", "movement.", "truth.")
    names = (VIDEO, RUNTIME, TRUTH, MOVEMENT, ERROR, NOTE)
    return {k: v for k, v in known.items() if k not in names and not k.startswith(ours)}


def job_tags(job: tuple[str, str]) -> dict[str, str]:
    """The tags by which the runs of a sweep's job, (sweep, fingerprint), are found."""
    return {SWEEP: job[0], FINGERPRINT: job[1]}
