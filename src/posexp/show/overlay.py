"""The overlay: every frame of a video with its skeleton, a caption and a legend."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import numpy as np

from posexp.pose.sequence import Floats, FramePose
from posexp.pose.skeleton import BODY, Skeleton
from posexp.settings import OverlaySettings
from posexp.show.captions import Captions
from posexp.show.drawing import Canvas, draw_skeleton, draw_trail, extent
from posexp.show.size import SteadySize, size_of
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
        self._settings = settings
        self._pen = OverlayPen(skeleton, label, settings.confidence_threshold, settings.trail)
        self._writer = VideoWriter(path, fps)
        self._origin: float | None = None

    def add(self, frame: Frame, pose: FramePose) -> None:
        """Draw `pose` on `frame` and append it."""
        if not self._settings.covers(frame.index):
            return
        # A range starts at zero: players show a black lead for times that begin late.
        self._origin = frame.time if self._origin is None else self._origin
        height = even(min(self._settings.height or frame.height, frame.height))
        picture = frame.nv12(height)
        self._pen.draw(picture, frame, pose)
        self._writer.write(picture, frame.time - self._origin)

    def close(self) -> bool:
        """Finish the file; False when no frame fell into the range."""
        return self._writer.close()

    def discard(self) -> None:
        """Drop the unfinished file."""
        self._writer.discard()


class OverlayPen:
    """What draws a video's overlay, frame after frame, on pictures of one size.

    Parameters
    ----------
    skeleton : Skeleton
        Of the poses.
    label : str
        Named in the caption.
    threshold : float
        Joints of less confidence, and edges to them, are faint; 0..1.
    trail : int
        Frames of past positions behind some joints.
    """

    def __init__(self, skeleton: Skeleton, label: str, threshold: float, trail: int = 0) -> None:
        self._skeleton, self._threshold = skeleton, threshold
        self._captions = Captions(skeleton, label)
        self._body = skeleton.indices(BODY)
        self._size = SteadySize()
        self._trail: deque[Floats] = deque(maxlen=trail + 1)

    def draw(self, canvas: Canvas, frame: Frame, pose: FramePose) -> None:
        """Draw skeleton, caption and legend, in place, on the picture of `frame`, of any size."""
        height, width = extent(canvas)
        points = pose.image * np.array([width / frame.width, height / frame.height])
        size = self._size.update(size_of(self._skeleton, points), frame.time)
        if self._trail.maxlen != 1:
            self._trail.append(points)
            draw_trail(canvas, self._skeleton, self._trail)
        draw_skeleton(
            canvas, self._skeleton, points, pose.confidence, self._threshold,
            visibility=pose.visibility, size=size,
        )  # fmt: skip
        said = pose.note or f"confidence {pose.confidence[self._body].mean():.2f}"
        said = f"frame {frame.index}   {frame.time:.2f} s   {said}"
        self._captions.draw(canvas, said, points, pose.visibility is not None)
