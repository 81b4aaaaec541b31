"""Sheets of small pictures of a person, large enough to judge the pose where MLflow shows them.

Its viewer is 500 px wide on a small screen: a picture is 120 px wide there, its capitals 9 px high.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from posexp.pose.sequence import Floats
from posexp.show.captions import STRIP, Entry, draw_legend, draw_strip, legend_width
from posexp.show.drawing import Color
from posexp.video.frame import Frame, Image, even

WIDTH, HEIGHT = 270, 290
"""Of a picture without its line, px: upright, as people mostly are."""
COLUMNS, GAP = 4, 8
MARK: Color = (255, 96, 84)
_BORDER, _GROUND, _STRIP = 5, 245, (24, 24, 28)
_ROOM = 1.3  # of the person's size
_LEAST = 64  # px of the frame


class Cut(NamedTuple):
    """A part of a frame, enlarged or made smaller."""

    picture: Image  # (HEIGHT, WIDTH, 3) RGB
    origin: Floats  # (2,) px of the frame
    zoom: float

    def place(self, points: Floats) -> Floats:
        """(..., 2) px of the frame as px of the picture."""
        return (points - self.origin) * self.zoom


def cut_around(frame: Frame, focus: Floats, size: float) -> Cut:
    """A part of the frame around points, with dark bars where it reaches beyond the frame.

    Parameters
    ----------
    focus : (N, 2) array
        What must be seen, px; NaN is left out. The whole frame when nothing is left.
    size : float
        The person's, px of the frame: there is a third as much room again, where the frame has it.
        NaN where it is not known, as that of a skeleton of one joint.
    """
    across = WIDTH / HEIGHT
    whole = max(frame.height, frame.width / across)
    focus = focus[np.isfinite(focus).all(axis=1)]
    if len(focus):
        low, high = focus.min(axis=0), focus.max(axis=0)
        wide, tall = high - low
        needed = min(whole, max(1.1 * tall, 1.15 * wide / across))
        inside = min(frame.height, frame.width / across)
        side = max(needed, min(max(_ROOM * (size if size > 0 else 0), _LEAST), inside))
    else:
        low = high = np.array([frame.width, frame.height]) / 2
        side = whole
    shape = np.array([side * across, side])
    slack = np.array([frame.width, frame.height]) - shape
    origin = np.where(slack > 0, np.clip((low + high - shape) / 2, 0, slack.clip(0)), slack / 2)
    return _cut(frame, origin, shape)


def _cut(frame: Frame, origin: Floats, shape: Floats) -> Cut:
    size, zoom = np.array([frame.width, frame.height]), HEIGHT / shape[1]
    # A little more than is seen, or the border would show; even, as planes are.
    low = 2 * (origin.clip(0) // 2).astype(int)
    high = np.minimum(2 * ((origin + shape) // 2 + 2), 2 * (size // 2)).astype(int)
    (left, top), (wide, tall) = low.tolist(), (high - low).tolist()
    part = frame.cut(left, top, wide, tall)
    # Made smaller before it is converted: a 4K picture is not worth its milliseconds.
    image = part.resized(even(tall * zoom)) if zoom < 1 else part.rgb()
    scale = zoom * np.array([wide, tall]) / image.shape[1::-1]
    place = zoom * (low - origin) + (scale - 1) / 2  # centres of pixels are at .5
    seen = cv2.warpAffine(
        image, np.column_stack([np.diag(scale), place]), (WIDTH, HEIGHT),
        flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    (x, y), (x_end, y_end) = (
        np.round(zoom * (corner - origin)).astype(int).clip(0).tolist() for corner in (0, size)
    )
    picture = np.full((HEIGHT, WIDTH, 3), _STRIP, np.uint8)
    picture[y:y_end, x:x_end] = seen[y:y_end, x:x_end]
    return Cut(picture, origin, zoom)


def captioned(picture: Image, text: str, end: str = "", marked: bool = False) -> Image:
    """(HEIGHT + STRIP, WIDTH, 3) uint8 RGB: a picture with a line below it.

    Parameters
    ----------
    end : str
        Written at the right.
    marked : bool
        With a red border, and `end` in red.
    """
    tile = np.full((HEIGHT + STRIP, WIDTH, 3), _STRIP, np.uint8)
    tile[:HEIGHT] = picture
    draw_strip(tile, text, 1.0, end, MARK if marked else (190, 190, 190))
    if marked:
        inner = tile[_BORDER:-_BORDER, _BORDER:-_BORDER].copy()
        tile[...] = MARK
        tile[_BORDER:-_BORDER, _BORDER:-_BORDER] = inner
    return tile


def sheet(pictures: Sequence[Image], legend: Sequence[Entry] = ()) -> Image:
    """(h, w, 3) uint8 RGB: pictures of one size in rows, on a light ground, above a legend."""
    height, width = pictures[0].shape[:2]
    columns = min(len(pictures), COLUMNS)
    rows = -(-len(pictures) // columns)
    foot = STRIP + GAP if legend else 0
    shape = rows * (height + GAP) + GAP + foot, columns * (width + GAP) + GAP, 3
    canvas = np.full(shape, _GROUND, np.uint8)
    for index, picture in enumerate(pictures):
        top = GAP + index // columns * (height + GAP)
        left = GAP + index % columns * (width + GAP)
        canvas[top : top + height, left : left + width] = picture
    if legend:
        canvas[-foot - GAP :] = _STRIP
        size = min(1.0, (shape[1] - 4 * GAP) / legend_width(legend))
        draw_legend(canvas, legend, 2 * GAP, shape[0] - foot, size)
    return canvas
