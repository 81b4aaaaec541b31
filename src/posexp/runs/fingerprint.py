"""What decides a result, as a sha256: a job is done once, and again when something changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posexp.errors import VideoError
from posexp.files import sha256_of
from posexp.models import registry
from posexp.models.native import library
from posexp.pose.truth import truth_beside
from posexp.settings import ScaleSettings

PIPELINE = 1
"""Raised when the same video and model give other keypoints than before: results are then stale."""

FOLLOWING = 2
"""Raised when following the same person gives the model another part of the picture."""

_NOT_THE_RESULT = ("model", "video", "person", "tracking", "launcher", "force")
"""Sections of the configuration that `keypoints_of` covers, or that say where and how."""

_LATER = {"cleaning": "standard", "activity": "auto", "scale": dict.fromkeys(vars(ScaleSettings()))}
"""Keys that came after runs were finished, with the values that say nothing: those runs stay so."""


@dataclass(frozen=True)
class Content:
    """What a video's file holds.

    Parameters
    ----------
    sha256 : str
        Of the file.
    stamp : tuple
        Its size and time of change, from before the sha256 was taken.
    truth : str, optional
        sha256 of the ground truth beside it, where there is one.
    """

    sha256: str
    stamp: tuple[int, int]
    truth: str | None


def content_of(video: Path) -> Content:
    """Read a video, and the truth beside it, for their sha256; VideoError when that fails."""
    stamp, truth = stamp_of(video), truth_beside(video)
    return Content(_sha256(video), stamp, _sha256(truth) if truth else None)


def stamp_of(video: Path) -> tuple[int, int]:
    """Size and time of change; VideoError when it cannot be read."""
    try:
        status = video.stat()
    except OSError as error:
        raise _unreadable(video, error) from error
    return status.st_size, status.st_mtime_ns


def keypoints_of(plain: dict[str, Any], content: Content, weights: str, runtime: str) -> str:
    """Over all that decides the keypoints.

    Parameters
    ----------
    plain : dict
        The configuration.
    content : Content
        Of the video, in place of its path.
    weights : str
        sha256 of the model file.
    runtime : str
        What computes with it, and its version.
    """
    indifferent = ("weights", *registry.model(plain["model"]["name"]).indifferent)
    model = {k: v for k, v in plain["model"].items() if k not in indifferent}
    parts = {
        "model": {**model, "weights": weights},
        "video": {**plain["video"], "path": content.sha256},
        "versions": [PIPELINE, runtime],
    }
    if is_followed(plain):
        finder = [library("mediapipe"), library("ai-edge-litert")]
        parts["person"] = [FOLLOWING, plain["person"], *finder]
    return _digest(parts)


def is_followed(plain: dict[str, Any]) -> bool:
    """Whether somebody watches that the model stays with one person."""
    sees = registry.model(plain["model"]["name"]).sees
    return sees == "person" and plain["person"]["who"] != "off"


def fingerprint_of(
    plain: dict[str, Any], content: Content, keypoints: str, columns: dict[str, str]
) -> str:
    """Over `keypoints`, the content of the truth, `columns` and the other keys that count."""
    parts = {
        key: value
        for key, value in plain.items()
        if key not in _NOT_THE_RESULT and _LATER.get(key, ...) != value
    }
    parts |= {"keypoints": [keypoints, plain["keypoints"]], "truth": content.truth}
    return _digest({**parts, "columns": columns})


def _digest(parts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _sha256(file: Path) -> str:
    try:
        return sha256_of(file)
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: OSError) -> VideoError:
    return VideoError(file, f"cannot be read ({error.strerror})", "Check the path")
