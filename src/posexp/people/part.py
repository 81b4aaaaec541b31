"""The part of the picture that a model sees, and the people in it who are painted over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from posexp.people.follow import TRUNK, head_of, size_of
from posexp.pose.sequence import Floats, FramePose
from posexp.pose.skeleton import BODY, COCO17
from posexp.video.frame import Frame

ROOM = 2.2
"""Side of a part, by the person's longer side: room to stand up and to lift the arms."""

_MOST = 0.8  # of the picture; a larger part is the picture
_LEAST = 16  # px a side
_EDGE = 0.25  # of the person's size: nearer to its border, a part no longer does
_LOOSE = 2.0  # nor does one that is so many times too large

_LIMBS = [
    (BODY.index(a), BODY.index(b)) for a, b in COCO17.edges if a in BODY and b in BODY
]  # fmt: skip


@dataclass(frozen=True)
class Part:
    """A rectangle of the upright picture, its numbers even, px.

    Parameters
    ----------
    left, top, width, height : int
        Where.
    picture : (int, int)
        Width and height of the picture.
    """

    left: int
    top: int
    width: int
    height: int
    picture: tuple[int, int]

    @classmethod
    def whole(cls, frame: Frame) -> Part:
        """All of the picture."""
        return cls(0, 0, frame.width, frame.height, (frame.width, frame.height))

    @classmethod
    def around(cls, box: Floats, frame: Frame, room: float = ROOM) -> Part:
        """A square around a box, as far as it is in the picture; all where that is most of it."""
        half = room * float(max(box[2:] - box[:2])) / 2
        centre, picture = (box[:2] + box[2:]) / 2, (frame.width, frame.height)
        low = np.clip(np.floor(centre - half), 0, None).astype(int) // 2 * 2
        size = np.minimum(np.ceil(centre + half), picture).astype(int) // 2 * 2 - low
        if (size < _LEAST).any() or np.prod(size) > _MOST * np.prod(picture):
            return cls.whole(frame)
        return cls(int(low[0]), int(low[1]), int(size[0]), int(size[1]), picture)

    @property
    def is_whole(self) -> bool:
        """Whether it is the picture."""
        return (self.width, self.height) == self.picture

    def of(self, frame: Frame) -> Frame:
        """What of a frame it is; the frame itself, where it is all."""
        return frame if self.is_whole else frame.cut(self.left, self.top, self.width, self.height)

    def without(self, others: Sequence[Floats], own: Floats, frame: Frame) -> Frame:
        """What of a frame it is, with other people painted over, but for what is near our own.

        Parameters
        ----------
        others : sequence of (12, 2) arrays
            Their body joints, px of the picture.
        own : (12, 2) array
            Those of the person.
        """
        image = self.of(frame).rgb()
        corner = np.array((self.left, self.top))
        mask = np.zeros(image.shape[:2], np.uint8)
        for body in others:
            _draw(mask, body - corner, 255)
        _draw(mask, own - corner, 0)
        image[mask > 0] = image[::8, ::8].mean(axis=(0, 1))
        return frame.showing(image)

    def to_picture(self, pose: FramePose) -> FramePose:
        """A pose in the part, in px of the picture."""
        if self.is_whole:
            return pose
        return replace(pose, image=pose.image + np.array((self.left, self.top)))

    def suits(self, box: Floats, size: float) -> bool:
        """Whether it still does for a person: not near its border, and not lost in it."""
        if self.is_whole:
            return 2 * size * ROOM > min(self.picture)
        low = np.array((self.left, self.top))
        high = low + np.array((self.width, self.height))
        inside = (box[:2] >= np.where(low > 0, low + _EDGE * size, -np.inf)).all() and (
            box[2:] <= np.where(high < np.array(self.picture) - 1, high - _EDGE * size, np.inf)
        ).all()
        return bool(inside) and max(self.width, self.height) < _LOOSE * ROOM * size


def _draw(mask: NDArray[np.uint8], body: Floats, value: int) -> None:
    """A person as thick lines, in place."""
    size = size_of(body)
    thick = max(1, round(0.14 * size))
    points = np.clip(np.nan_to_num(body, nan=-1e4), -1e4, 1e4).round().astype(int)
    for a, b in _LIMBS:
        cv2.line(mask, points[a].tolist(), points[b].tolist(), value, thick)
    cv2.fillConvexPoly(mask, cv2.convexHull(points[TRUNK]), value)
    head = np.clip(np.nan_to_num(head_of(body), nan=-1e4), -1e4, 1e4).round().astype(int)
    cv2.circle(mask, head.tolist(), thick, value, -1)
