"""One job: one video, one variant, one MLflow run; checked, and not begun yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posexp.config import Config
from posexp.errors import VideoError
from posexp.models.registry import runtime_of
from posexp.models.weights.model_file import ModelFile
from posexp.runs.fingerprint import Content, fingerprint_of, keypoints_of, stamp_of


@dataclass(frozen=True)
class Job:
    """What to do, checked; it can be handed to another process.

    Parameters
    ----------
    config : Config
        Checked.
    plain : dict
        The same as plain nested values, ``video.path`` filled in.
    video : Path
        The file.
    content : Content
        What it holds.
    keypoints, fingerprint : str
        What decides the keypoints, and the results; see `posexp.runs.fingerprint`.
    sweep : str, optional
        What it is a part of.
    columns : dict
        More about the video (participant, session, ...), logged as tags.
    """

    config: Config
    plain: dict[str, Any]
    video: Path
    content: Content
    keypoints: str
    fingerprint: str
    sweep: str | None = None
    columns: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """(sweep, fingerprint): what must not be done twice."""
        return self.sweep or "", self.fingerprint

    def changed(self) -> VideoError | None:
        """The error for a video that is no longer the one whose sha256 is logged."""
        try:
            if stamp_of(self.video) == self.content.stamp:
                return None
        except VideoError:
            pass
        return VideoError(
            self.video, "expected the same file to the end, but it was changed or removed "
            "while it was read", "Run again when it is complete",
        )  # fmt: skip


def prepare(
    config: Config,
    plain: dict[str, Any],
    video: Path,
    content: Content,
    weights: ModelFile,
    sweep: str | None = None,
    columns: dict[str, str] | None = None,
) -> Job:
    """A job from a checked configuration, its video's content and its model's weights."""
    plain = {**plain, "video": {**plain["video"], "path": str(video.absolute())}}
    keypoints = keypoints_of(plain, content, weights.sha256, runtime_of(config.model, weights))
    fingerprint = fingerprint_of(plain, content, keypoints, columns or {})
    return Job(config, plain, video, content, keypoints, fingerprint, sweep, columns or {})
