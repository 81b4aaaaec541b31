"""The people of a clip, numbered in its pictures."""

from __future__ import annotations

import cv2
import numpy as np

from posexp.people.choose import Crowd
from posexp.show.drawing import DARK, RIGHT, WHITE
from posexp.video.frame import Image, even

_HEIGHT = 720  # px


def people_picture(crowd: Crowd, followed: int | None) -> Image:
    """(h, w, 3) uint8 RGB: the pictures that were searched, side by side.

    Parameters
    ----------
    crowd : Crowd
        Who was found.
    followed : int, optional
        The number, from 1, of who is followed: in colour.
    """
    shown = []
    for n, frame in enumerate(crowd.pictures):
        image = frame.resized(even(min(_HEIGHT, frame.height)))
        scale = np.array([image.shape[1] / frame.width, image.shape[0] / frame.height] * 2)
        for number, one in reversed([*enumerate(crowd.people, 1)]):
            if n in one.sightings:
                color = RIGHT if number == followed else WHITE
                box = (one.sightings[n][0].box * scale).round().astype(int).tolist()
                _draw(image, box, str(number), color)
        shown.append(image)
    return np.hstack(shown)


def _draw(image: Image, box: list[int], text: str, color: tuple[int, int, int]) -> None:
    unit = max(1.0, image.shape[0] / 360)
    corner, place = (box[0], box[1]), (box[0], max(box[1] - round(4 * unit), round(14 * unit)))
    for shade, width in ((DARK, 3), (color, 1.5)):
        wide = max(1, round(width * unit))
        cv2.rectangle(image, corner, (box[2], box[3]), shade, wide, cv2.LINE_AA)
        cv2.putText(
            image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6 * unit, shade, wide, cv2.LINE_AA
        )
