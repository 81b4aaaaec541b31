"""Whether a pose is still that of the person who is followed, and who of several is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from posexp.models.crop import CropRegion, sample
from posexp.people.find import Person, likeness
from posexp.pose.sequence import Floats
from posexp.pose.skeleton import BODY_PARTS
from posexp.video.frame import Frame

Clothes = NDArray[np.float32]
"""Shares of the colours about the middle of the trunk."""

_SHOULDERS, _HIPS = (2 * BODY_PARTS.index(part) for part in ("shoulder", "hip"))
TRUNK = [_SHOULDERS, _SHOULDERS + 1, _HIPS, _HIPS + 1]
_PATCH = 24  # px
_STEPS = (8, 16, 16)  # of L, a and b


def _spreading(steps: int) -> NDArray[np.float32]:
    """(steps, steps) what each step gives to its neighbours, two to each side."""
    shares = sum(
        share * np.eye(steps, k=k) for k, share in zip(range(-2, 3), (1, 4, 6, 4, 1), strict=True)
    )
    return np.asarray(shares / np.sum(shares, axis=0), np.float32)


_GREYS, _COLOURS = _spreading(_STEPS[0]), _spreading(_STEPS[1])

NEAR, SPEED = 0.15, 1.5
"""How far the trunk may be from where it is expected: a share of the person's size, and so much
more for each second: people rise at 1 m/s and walk at 1.5 m/s, of which most is foreseen."""

OTHER_CLOTHES = 0.55
"""Hellinger distance, 0..1, above which clothes are another's."""

SURE_CLOTHES = 0.8
"""As a share of that: below it the clothes are the person's, wherever somebody wears them."""

BOTH = 1.4
"""Above it, how far a pose strays, and how other its clothes are, are another's together."""

SAME_POSE = 0.35
"""OKS above which two poses of one frame are of one person."""


class Track:
    """Where one person is, how large, and in which colours.

    Parameters
    ----------
    body : (12, 2) array
        The joints of `BODY` as they are now, px.
    time : float
        s.
    clothes : array
        `clothes_of` the person, now.
    """

    def __init__(self, body: Floats, time: float, clothes: Clothes) -> None:
        self.clothes = clothes
        self.size = size_of(body)
        self._trunk, self._time = _trunk(body), time
        self._speed = np.zeros(2)

    def expected(self, time: float) -> Floats:
        """(2,) where the trunk should be, px; after half a second without news, where it was."""
        return self._trunk + self.moves(min(time - self._time, 0.5))

    def moves(self, seconds: float) -> Floats:
        """(2,) how far the person goes in some time, px."""
        return self._speed * seconds

    def update(self, body: Floats, time: float) -> None:
        """Take the person's pose of a later frame."""
        passed = max(time - self._time, 1e-3)
        keep = math.exp(-passed / 0.15)
        speed = (_trunk(body) - self._trunk) / passed
        limit = 2 * self.size  # no faster than a runner
        speed = np.minimum(np.maximum(speed, -limit), limit)
        self._speed = keep * self._speed + (1 - keep) * speed
        keep = math.exp(-passed / 0.5)
        self.size = float(keep * self.size + (1 - keep) * size_of(body))
        self._trunk, self._time = _trunk(body), time

    def dress(self, clothes: Clothes, passed: float) -> None:
        """Take the person's colours, `passed` s after the last: they change as one turns."""
        keep = np.float32(math.exp(-passed / 5))
        self.clothes = keep * self.clothes + (1 - keep) * clothes

    def strays(self, body: Floats, time: float) -> float:
        """How far a pose is from the person's expected place and size; above 1 it is another's."""
        away = math.hypot(*(_trunk(body) - self.expected(time))) / self.size
        grown = abs(math.log2(size_of(body) / self.size))
        passed = min(time - self._time, 1.0)
        return float(max(away / (NEAR + SPEED * passed), grown / (1 + passed)))

    def choose(
        self,
        people: Sequence[Person],
        clothes: Sequence[Clothes],
        time: float,
        anywhere: bool = False,
    ) -> Person | None:
        """Who of the people is the one; None when nobody is.

        Parameters
        ----------
        people, clothes : sequences
            Who is there, and their `clothes_of`.
        time : float
            s.
        anywhere : bool
            The person may be at any place by now: then the clothes decide, and the size.
        """
        best, least = None, float("inf")
        for person, colours in zip(people, clothes, strict=True):
            apart = difference(colours, self.clothes) / OTHER_CLOTHES
            strays = self.strays(person.body, time)
            if anywhere:
                strays = abs(float(np.log2(size_of(person.body) / self.size)))
                apart /= SURE_CLOTHES
            if max(strays, apart, (strays + apart) / BOTH) <= 1 and strays + apart < least:
                best, least = person, strays + apart
        return best


def clothes_of(frame: Frame, body: Floats) -> Clothes:
    """The colours of a person's trunk.

    Parameters
    ----------
    body : (12, 2) array
        The joints of `BODY`, px of the frame.

    Returns
    -------
    (2048,) float32 array
        Shares of 8 shades of grey times 16 by 16 of Lab's a and b, each spread over its neighbours:
        a shade that lies between two steps must not be another colour in the next frame.
    """
    trunk = body[TRUNK]
    long = np.linalg.norm(trunk[:2].mean(axis=0) - trunk[2:].mean(axis=0))
    side = max(0.6 * float(long), 4.0)
    room = np.maximum((frame.width - side, frame.height - side), 0)
    left, top = np.clip(trunk.mean(axis=0) - side / 2, 0, room).tolist()
    patch = sample(frame.planes(), CropRegion(left, top, side), _PATCH)
    lab = cv2.cvtColor(patch, cv2.COLOR_RGB2LAB)
    # Most are near grey: the steps of a and b are 4 levels about it, and end with all beyond.
    lab[..., 1:] = np.clip(lab[..., 1:], 96, 159)
    counts = cv2.calcHist([lab], [0, 1, 2], None, list(_STEPS), [0, 256, 96, 160, 96, 160])
    shares = (_GREYS @ counts.reshape(_STEPS[0], -1)).reshape(_STEPS)
    shares = _COLOURS @ shares @ _COLOURS.T / counts.sum()
    return np.asarray(shares, np.float32).ravel()


def difference(first: Clothes, second: Clothes) -> float:
    """Hellinger distance of two colourings, 0..1."""
    return float(np.sqrt(max(0.0, 1 - np.sqrt(first * second).sum())))


def alike(first: Floats, second: Floats) -> bool:
    """Whether two poses (12, 2) of one frame are of one person, seen from the front or the back."""
    size, turned = size_of(second), second.reshape(6, 2, 2)[:, ::-1].reshape(12, 2)
    return max(likeness(first, each, size) for each in (second, turned)) > SAME_POSE


def box_of(body: Floats) -> Floats:
    """(4,) left, top, right, bottom of a person's joints and head, px."""
    head = head_of(body)
    low, high = body.min(axis=0), body.max(axis=0)
    return np.concatenate((np.minimum(low, head), np.maximum(high, head)))


def size_of(body: Floats) -> float:
    """The longer side of a person's box, px."""
    left, top, right, bottom = box_of(body).tolist()
    return max(1.0, right - left, bottom - top)


def head_of(body: Floats) -> Floats:
    """(2,) about where the head is, from the trunk, px."""
    shoulders, hips = body[_SHOULDERS] + body[_SHOULDERS + 1], body[_HIPS] + body[_HIPS + 1]
    return np.asarray(0.75 * shoulders - 0.25 * hips)


def _trunk(body: Floats) -> Floats:
    parts = body[_SHOULDERS] + body[_SHOULDERS + 1] + body[_HIPS] + body[_HIPS + 1]
    return np.asarray(parts / 4, np.float64)
