"""Find people of any size in one picture, with the weights that are embedded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from posexp.models.people_finder import finder
from posexp.pose.sequence import Floats
from posexp.pose.skeleton import BLAZEPOSE33, BODY
from posexp.settings import MOST_PEOPLE
from posexp.video.frame import Image

SHARES = (1, 1 / 2, 1 / 3)
"""Sides of the tiles that are searched, as shares of the picture's short side."""

_BODY = BLAZEPOSE33.indices(BODY)
_INPUT = 224  # px, of the detector
_LEAST_TILE = 64  # px; people in smaller ones are specks
_LEAST_SCORE = 0.5


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody in a picture.

    Parameters
    ----------
    box : (4,) array
        Left, top, right, bottom of the landmarks, px of the upright picture.
    score : float
        Mean presence times mean visibility of the landmarks, 0..1.
    keypoints : (33, 2) array
        x, y of BlazePose's landmarks, px of the upright picture.
    """

    box: Floats
    score: float
    keypoints: Floats

    @property
    def body(self) -> Floats:
        """(12, 2) the joints of `BODY`, px."""
        return self.keypoints[_BODY]

    @property
    def size(self) -> float:
        """The longer side of the box, px."""
        return float(max(self.box[2:] - self.box[:2]))

    @property
    def area(self) -> float:
        """Of the box, square px."""
        return float(np.prod(self.box[2:] - self.box[:2]))

    @property
    def centre(self) -> Floats:
        """(2,) the middle of the box, px."""
        return (self.box[:2] + self.box[2:]) / 2


def find_people(
    picture: Image, shares: Sequence[float] = SHARES, expected: Floats | None = None
) -> list[Person]:
    """Everybody in a picture, from its whole height down to about a fifteenth of it.

    Parameters
    ----------
    picture : (h, w, 3) uint8 array
        RGB, upright.
    shares : sequence of float
        Sides of the square tiles, as shares of the picture's short side. A person of less than
        about a fifth of the smallest is not found.
    expected : (k, 3) array, optional
        x and y of the middle of people who should be there, and their size, px: one looks there
        in any case.

    Returns
    -------
    list of Person
        The best first, nobody twice.

    Raises
    ------
    ModelError
        When BlazePose cannot be had.
    """
    models = finder()
    places = list(_tiles(picture, shares))
    tiles = [_resized(picture[y : y + side, x : x + side], _INPUT) for x, y, side in places]
    circles = np.concatenate([
        found * (1, side / _INPUT, side / _INPUT, side / _INPUT) + (0, x, y, 0)
        for found, (x, y, side) in zip(models.detect(tiles), places, strict=True)
    ])  # fmt: skip
    places_too = np.empty((0, 3)) if expected is None else expected
    people: list[Person] = []
    around_whom = [circle[1:] for circle in _apart(circles)]
    for place in places_too * (1, 1, 0.5):
        if not any(np.hypot(*(place - each)[:2]) < 0.4 * place[2] for each in around_whom):
            around_whom.append(place)
    for x, y, radius in around_whom:
        left, top = max(0, int(x - 1.4 * radius)), max(0, int(y - 1.4 * radius))
        around = picture[top : int(y + 1.4 * radius) + 1, left : int(x + 1.4 * radius) + 1]
        if min(around.shape[:2], default=0) < 8:
            continue
        small = _resized(around, 256)
        scale = around.shape[1] / small.shape[1], around.shape[0] / small.shape[0]
        for places_, sure in models.poses(small):
            keypoints = places_ * scale + (left, top)
            score = float(sure[:, 0].mean() * sure[:, 1].mean())
            if score >= _LEAST_SCORE:
                box = np.concatenate((keypoints.min(axis=0), keypoints.max(axis=0)))
                people.append(Person(box, score, keypoints))
    return _merged(people)


def likeness(first: Floats, second: Floats, size: float) -> float:
    """OKS of two poses of the twelve body joints, in which one of them is the truth; 0..1.

    Parameters
    ----------
    first, second : (12, 2) array
        x, y px; NaN is left out.
    size : float
        Of the person, px.
    """
    squared = ((first - second) ** 2).sum(axis=1) / (2 * (size * _SPREAD) ** 2)
    squared = squared[np.isfinite(squared)]
    return float(np.exp(-squared).mean()) if len(squared) else 0.0


def overlap(first: Person, second: Person) -> float:
    """Intersection over union of two boxes, 0..1."""
    shared = _shared(first, second)
    return shared / max(first.area + second.area - shared, 1e-9)


_SPREAD = 2 * np.repeat((0.079, 0.072, 0.062, 0.107, 0.087, 0.089), 2) * 0.5
"""COCO's two sigmas of the body joints, by the half of a person's height that its scale is."""


def _tiles(picture: Image, shares: Sequence[float]) -> Iterator[tuple[int, int, int]]:
    """(x, y, side) of squares that overlap by half."""
    height, width = picture.shape[:2]
    for share in shares:
        side = max(1, int(min(height, width) * share))
        if side < _LEAST_TILE and share < 1:
            continue
        step = max(1, side // 2)
        for y in sorted({*range(0, height - side + 1, step), height - side}):
            for x in sorted({*range(0, width - side + 1, step), width - side}):
                yield x, y, side


def _resized(picture: Image, longest: int) -> Image:
    """As large as fits, C-contiguous; nothing is enlarged but what is to be a tile."""
    height, width = picture.shape[:2]
    scale = longest / max(height, width)
    if scale > 1 and longest != _INPUT:
        return np.ascontiguousarray(picture)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _apart(circles: Floats) -> list[Floats]:
    """The best of the circles that are about each place and of one size."""
    kept: list[Floats] = []
    for circle in circles[np.argsort(-circles[:, 0], kind="stable")]:
        if len(kept) == MOST_PEOPLE:
            break
        if not any(
            np.hypot(*(circle[1:3] - other[1:3])) < 0.4 * max(circle[3], other[3]) for other in kept
        ):
            kept.append(circle)
    return kept


def _merged(people: list[Person]) -> list[Person]:
    """The best of the poses of each person, the best person first."""
    kept: list[Person] = []
    for person in sorted(people, key=lambda each: -each.score):
        if not any(_same(person, other) for other in kept):
            kept.append(person)
    return kept


def _same(person: Person, better: Person) -> bool:
    """Whether two poses are of one person: alike, or the weaker a part of the better one's."""
    if likeness(person.body, better.body, better.size) > 0.5:
        return True
    if overlap(person, better) > 0.6:
        return True
    inside = _shared(person, better) > 0.7 * min(person.area, better.area)
    # Legs alone are taken for somebody, surer than they would be of one who stands behind.
    share = 0.9 if person.size < 0.65 * better.size else 0.8
    return inside and person.score < share * better.score


def _shared(first: Person, second: Person) -> float:
    """The area of two boxes' intersection, square px."""
    sides = np.minimum(first.box[2:], second.box[2:]) - np.maximum(first.box[:2], second.box[:2])
    return float(np.prod(np.maximum(sides, 0)))
