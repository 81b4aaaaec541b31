"""Pictures kept of a video: key frames, the worst frames, and the sheets of them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from posexp.pose.sequence import Floats, FramePose, PoseSequence
from posexp.pose.skeleton import BODY, Skeleton, common_joints
from posexp.settings import OverlaySettings
from posexp.show.drawing import WHITE, Color, draw_caption, draw_skeleton
from posexp.show.overlay import OverlayPen
from posexp.video.frame import Frame, Image, even

_KEY_HEIGHT = 360
_SHEET = 12


class KeyFrames:
    """Evenly spread overlay pictures of a video whose length is not known beforehand.

    A sink of `posexp.extract`: keeps every n-th frame and doubles n when there are too many,
    so runs of one video keep the same frames. At most `most` pictures are held.
    """

    def __init__(
        self, settings: OverlaySettings, skeleton: Skeleton, label: str, most: int = 24
    ) -> None:
        self._pen = OverlayPen(skeleton, label, settings.confidence_threshold)
        self._most = most
        self._every, self._count = 1, 0
        self.pictures: dict[int, Image] = {}

    def add(self, frame: Frame, pose: FramePose) -> None:
        """Keep a picture of the frame when it is its turn."""
        if self._count % self._every == 0:
            if len(self.pictures) == self._most:
                self.pictures = dict(list(self.pictures.items())[::2])
                self._every *= 2
            if self._count % self._every == 0:
                picture = frame.resized(even(min(_KEY_HEIGHT, frame.height)))
                self._pen.draw(picture, frame, pose)
                self.pictures[frame.index] = picture
        self._count += 1

    def contact_sheet(self) -> Image:
        """(h, w, 3) uint8 RGB: a dozen of the pictures, in order, on a light ground."""
        frames = list(self.pictures.values())
        chosen = [frames[i] for i in np.unique(np.linspace(0, len(frames) - 1, _SHEET).round()
                                               .astype(int))]  # fmt: skip
        return sheet(chosen)


class WorstFrames:
    """Pictures of the frames where a model is furthest from the truth.

    A sink of `posexp.extract`. The video is cut into stretches of equal length and each keeps
    its worst frame, so that one bad moment does not fill the sheet. Truth is drawn in white.

    Parameters
    ----------
    truth : PoseSequence
        Of the same video.
    skeleton : Skeleton
        Of the poses.
    label : str
        Named in the captions.
    """

    def __init__(self, truth: PoseSequence, skeleton: Skeleton, label: str) -> None:
        self._joints = [j for j in common_joints(truth.skeleton, skeleton) if j in BODY]
        self._truth, self._skeleton, self._label = truth.select(self._joints), skeleton, label
        self._rows = {int(frame): row for row, frame in enumerate(truth.frame)}
        self._stretch = max(1, len(truth) // (2 * _SHEET))
        self._worst: dict[int, tuple[float, Image]] = {}

    def add(self, frame: Frame, pose: FramePose) -> None:
        """Keep a picture of the frame when it is the worst of its stretch so far."""
        row = self._rows.get(frame.index)
        if row is None or not self._joints:
            return
        truth = self._truth.image[row]
        seen = pose.image[self._skeleton.indices(self._joints)]
        labelled = np.isfinite(truth).all(axis=1)
        if not labelled.any():
            return
        error = np.linalg.norm(seen - truth, axis=1)[labelled]
        mean = float(np.where(np.isfinite(error), error, np.inf).mean())
        stretch = row // self._stretch
        if mean > self._worst.get(stretch, (-1.0,))[0]:
            self._worst[stretch] = mean, self._picture(frame, pose, truth, mean)

    def contact_sheet(self) -> Image | None:
        """(h, w, 3) uint8 RGB: the dozen worst, worst first; None without any."""
        worst = sorted(self._worst.values(), key=lambda pair: -pair[0])[:_SHEET]
        return sheet([picture for _, picture in worst]) if worst else None

    def _picture(self, frame: Frame, pose: FramePose, truth: Floats, error: float) -> Image:
        far = "missing" if np.isinf(error) else f"error {error:.0f} px"
        return person_picture(
            frame, truth,
            [(self._truth.skeleton, truth, WHITE), (self._skeleton, pose.image, None)],
            f"{self._label}  frame {frame.index}  {frame.time:.2f} s  {far}",
        )  # fmt: skip


def person_picture(
    frame: Frame,
    focus: Floats,
    skeletons: Sequence[tuple[Skeleton, Floats, Color | None]],
    caption: str,
) -> Image:
    """A square picture around a person, with skeletons on it.

    Parameters
    ----------
    frame : Frame
        Of the video.
    focus : (N, 2) array
        Points that the square is drawn around, px; NaN is left out, one at least is needed.
    skeletons : sequence of (Skeleton, (J, 2) array, color)
        What is drawn, in this order; None for the colours of the sides.
    caption : str
        One line.
    """
    low, high = np.nanmin(focus, axis=0), np.nanmax(focus, axis=0)
    side = max(1.7 * float((high - low).max()), 64.0)
    image = frame.resized(even(min(frame.height, frame.height * _KEY_HEIGHT / side)))
    scale = image.shape[0] / frame.height
    origin = np.round(((low + high - side) / 2) * scale).astype(int)
    image = _cut(image, origin, round(side * scale), _KEY_HEIGHT)
    zoom = _KEY_HEIGHT / round(side * scale)
    for skeleton, points, color in skeletons:
        place = (points * scale - origin) * zoom
        draw_skeleton(image, skeleton, place, np.ones(len(place)), 0.5, color)
    draw_caption(image, caption)
    return image


def sheet(pictures: list[Image]) -> Image:
    """(h, w, 3) uint8 RGB: pictures of one size in rows, on a light ground."""
    height, width = pictures[0].shape[:2]
    columns = min(len(pictures), 6 if height > width else 4)
    rows = -(-len(pictures) // columns)
    gap = max(4, height // 40)
    canvas = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), 245, np.uint8)
    for index, picture in enumerate(pictures):
        top = gap + index // columns * (height + gap)
        left = gap + index % columns * (width + gap)
        canvas[top : top + height, left : left + width] = picture
    return canvas


def _cut(image: Image, origin: NDArray[np.int_], side: int, size: int) -> Image:
    """A square of the image, black where it reaches beyond, as (size, size, 3)."""
    square = np.zeros((side, side, 3), np.uint8)
    x, y = origin
    top, left = max(0, y), max(0, x)
    part = image[top : max(0, y + side), left : max(0, x + side)]
    square[top - y : top - y + part.shape[0], left - x : left - x + part.shape[1]] = part
    return np.asarray(cv2.resize(square, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)
