"""What is written on pictures: a line along the lower border, and what the colours mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from posexp.pose.sequence import Floats
from posexp.pose.skeleton import Skeleton
from posexp.show.drawing import (
    LEFT,
    RIGHT,
    Canvas,
    Color,
    Stroke,
    extent,
    ink,
    layers,
    paint,
)

PALE = (235, 235, 235)
STRIP = 38
"""Height of the strip that a line is written on, at size 1; widths below are at that size too."""
_MARGIN, _SWATCH, _GAP, _SPACE = 14, 32, 18, 30
_FONT, _FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.85
_FADED = (106, 101, 74)  # what is faint, on a dark strip
_WIDEST = "   frame 0000   00.00 s   person may change"


class Entry(NamedTuple):
    """One line of a legend."""

    text: str
    color: Color


def legend_of(skeleton: Skeleton, faint: str = "") -> list[Entry]:
    """Left and right, where the skeleton has sides, and what is faint, if something is."""
    sides = [Entry("left", LEFT), Entry("right", RIGHT)] if skeleton.symmetries else []
    return [*sides, Entry(faint, _FADED)] if faint else sides


class Captions:
    """Writes the line and the legend of one video, frame after frame, at places that stay.

    The legend stands at the end of the line. Where the picture is too narrow for both, it stands in
    a corner, and goes to another one only when the person comes there and that one is free.

    Parameters
    ----------
    skeleton : Skeleton
        Whose sides have colours.
    label : str
        What each line begins with.
    """

    def __init__(self, skeleton: Skeleton, label: str) -> None:
        self._skeleton, self._label = skeleton, label
        self._widest = text_width(label + _WIDEST)
        self._faint, self._corner = "unsure", 0

    def draw(self, canvas: Canvas, said: str, points: Floats, hides: bool) -> None:
        """Write `said` after the label, and the legend, in place.

        Parameters
        ----------
        points : (J, 2) array
            Of the person, px of the picture; NaN where nothing is.
        hides : bool
            Whether the model says what is hidden.
        """
        self._faint = "hidden" if hides else self._faint
        legend, text = legend_of(self._skeleton, self._faint), f"{self._label}   {said}"
        height, width = extent(canvas)
        widest = max(self._widest, text_width(text)) + 2 * _MARGIN
        size = min(max(height, 600) / 1000, width / widest)
        draw_strip(canvas, text, size)
        long = legend_width(legend)
        if size * (widest + _SPACE + long) <= width:
            place = width - size * (long + _MARGIN), height - size * STRIP
        else:
            chip = size * np.array([long + 2 * _MARGIN, STRIP])
            left, top = self._free(canvas, chip, size, points)
            _darken(canvas, left, top, left + chip[0], top + chip[1])
            place = left + size * _MARGIN, top
        draw_legend(canvas, legend, *place, size)

    def _free(
        self, canvas: Canvas, chip: NDArray[np.float64], size: float, points: Floats
    ) -> tuple[float, float]:
        """Left and top of a rectangle of this width and height that does not cover the person."""
        height, width = extent(canvas)
        margin = 0.4 * size * STRIP
        right, bottom = np.array([width, height - size * STRIP]) - chip - margin
        corners = [(right, margin), (margin, margin), (right, bottom), (margin, bottom)]
        seen = points[np.isfinite(points).all(axis=1)]
        if len(seen):
            low, high = seen.min(axis=0), seen.max(axis=0)
            room = 0.1 * (high - low).max()  # the head goes on above the joints
            covered = [
                bool((high + room > corner).all() and (low - room < corner + chip).all())
                for corner in np.array(corners)
            ]
            if covered[self._corner] and not all(covered):
                self._corner = covered.index(False)
        return corners[self._corner]


def draw_strip(
    canvas: Canvas, text: str, size: float, end: str = "", end_color: Color = PALE
) -> None:
    """Write one line on a dark strip along the lower border, in place.

    Parameters
    ----------
    size : float
        1 for a strip of `STRIP` px; less where the line would be too long.
    end : str
        Written at the right.
    """
    height, width = extent(canvas)
    _darken(canvas, 0, height - max(12.0, size * STRIP), width, height)
    baseline, long = height - 12 * size, text_width(text) + text_width(end)
    space = 2 * _MARGIN + (_SPACE if end else 0)
    size = min(size, width / (long + space))
    _write(canvas, text, size * _MARGIN, baseline, size, PALE)
    if end:
        left = width - size * (_MARGIN + text_width(end))
        _write(canvas, end, left, baseline, size, end_color)


def draw_legend(
    canvas: Canvas, entries: Sequence[Entry], left: float, top: float, size: float
) -> None:
    """Draw a row of strokes with their names, in a strip at `top` px that is there, in place."""
    middle, baseline = top + size * STRIP / 2, top + size * (STRIP - 12)
    ends, strokes = [], []
    for n, (text, color) in enumerate(entries):
        ends += [(left, middle), (left + size * _SWATCH, middle)]
        line, dots = np.array([[0, 1]]) + 2 * n, np.array([[0, 0], [1, 1]]) + 2 * n
        strokes += [Stroke(line, color, 7 * size), Stroke(dots, color, 15 * size)]
        left += size * (_SWATCH + _GAP)
        _write(canvas, text, left, baseline, size, PALE)
        left += size * (text_width(text) + _SPACE)
    paint(canvas, np.array(ends), strokes, 1.0)


def legend_width(entries: Sequence[Entry]) -> float:
    """Of a row, at size 1, px."""
    return sum(_SWATCH + _GAP + text_width(e.text) + _SPACE for e in entries) - _SPACE


def text_width(text: str) -> float:
    """At size 1, px."""
    return _FONT_SCALE * float(cv2.getTextSize(text, _FONT, 1.0, 1)[0][0])


def _write(
    canvas: Canvas, text: str, left: float, baseline: float, size: float, color: Color
) -> None:
    for layer in layers(canvas):
        scale = size * layer.scale
        cv2.putText(
            layer.pixels, text, (round(layer.scale * left), round(layer.scale * baseline)), _FONT,
            _FONT_SCALE * scale, ink(layer.inks, color), max(1, round(1.8 * scale)), cv2.LINE_AA,
        )  # fmt: skip


def _darken(canvas: Canvas, left: float, top: float, right: float, bottom: float) -> None:
    for layer in layers(canvas):
        x, y, x_end, y_end = (max(0, round(layer.scale * v)) for v in (left, top, right, bottom))
        part = layer.pixels[y:y_end, x:x_end]
        black = ink(layer.inks, (0, 0, 0))[0]
        part[...] = cv2.convertScaleAbs(part, alpha=1 / 3, beta=2 / 3 * black).reshape(part.shape)
