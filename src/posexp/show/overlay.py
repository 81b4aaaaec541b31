"""The overlay: every frame of a video with its skeleton and a caption."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import numpy as np

from posexp.pose.sequence import Floats, FramePose
from posexp.pose.skeleton import BODY, Skeleton
from posexp.settings import OverlaySettings
from posexp.show.drawing import Canvas, draw_caption, draw_skeleton, draw_trail, size_of
from posexp.video.frame import Frame, even
from posexp.video.writer import VideoWriter


class OverlayVideo:
    """The overlay as a sink of `posexp.extract`: every frame that the settings ask for.

    Parameters
    ----------
    path : Path
        The mp4 to write.
    settings : OverlaySettings
        Range, size and thresholds.
    skeleton : Skeleton
        Of the poses.
    label : str
        Named in the caption.
    fps : float
        The video's nominal rate, 1/s.
    """

    def __init__(
        self, path: Path, settings: OverlaySettings, skeleton: Skeleton, label: str, fps: float
    ) -> None:
        self._settings, self._skeleton, self._label = settings, skeleton, label
        self._writer = VideoWriter(path, fps)
        self._trail: deque[Floats] = deque(maxlen=settings.trail + 1)
        self._origin: float | None = None

    def add(self, frame: Frame, pose: FramePose) -> None:
        """Draw `pose` on `frame` and append it."""
        if not self._settings.covers(frame.index):
            return
        # A range starts at zero: players show a black lead for times that begin late.
        self._origin = frame.time if self._origin is None else self._origin
        height = even(min(self._settings.height or frame.height, frame.height))
        picture = frame.nv12(height)
        threshold = self._settings.confidence_threshold
        draw_overlay(picture, frame, pose, self._skeleton, self._label, threshold, self._trail)
        self._writer.write(picture, frame.time - self._origin)

    def close(self) -> bool:
        """Finish the file; False when no frame fell into the range."""
        return self._writer.close()

    def discard(self) -> None:
        """Drop the unfinished file."""
        self._writer.discard()


def draw_overlay(
    canvas: Canvas,
    frame: Frame,
    pose: FramePose,
    skeleton: Skeleton,
    label: str,
    threshold: float,
    trail: deque[Floats] | None = None,
) -> None:
    """Draw the skeleton and a caption on the picture of `frame`, of whatever size, in place."""
    height, width = size_of(canvas)
    scale = np.array([width / frame.width, height / frame.height])
    points = pose.image * scale
    if trail is not None and (trail.maxlen or 0) > 1:
        trail.append(points)
        draw_trail(canvas, skeleton, trail)
    draw_skeleton(canvas, skeleton, points, pose.confidence, threshold)
    body = pose.confidence[skeleton.indices(BODY)].mean()
    said = pose.note or f"confidence {body:.2f}"
    draw_caption(canvas, f"{label}   frame {frame.index}   {frame.time:.2f} s   {said}")
