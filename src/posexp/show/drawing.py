"""Skeletons and trails drawn on a picture, whether it is RGB or on its way to x264."""

from __future__ import annotations

import colorsys
import math
from collections import defaultdict, deque
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from posexp.pose.sequence import Floats
from posexp.pose.skeleton import BODY, REGIONS, Skeleton
from posexp.show.size import size_of as person_size
from posexp.video.frame import Image, Matrix, Nv12

# Okabe and Ito's blue, orange and yellow, lightened for video: apart for the colour-blind too.
LEFT, RIGHT, MIDDLE = (77, 182, 255), (255, 159, 28), (240, 228, 150)
DARK, WHITE = (20, 20, 24), (255, 255, 255)
Color = tuple[int, int, int]
Canvas = Image | Nv12
"""A picture to draw on, in place: (h, w, 3) uint8 RGB, or one that goes to an encoder."""
_SIDES: dict[str, Color] = {"left": LEFT, "right": RIGHT, "": MIDDLE}
FAINT = 0.4
"""Opacity of what a model is not sure of, or what is hidden."""
_OPACITIES = np.array([FAINT, 0.7, 1.0])
_HIDDEN = (0.35, 0.65)  # visibility: between hidden and seen there is a step, or limbs would blink
_SUBPIXEL = 4  # bits: OpenCV draws at 1/16 px
_RGB: Matrix = ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0))

# Face and fingers are drawn finer, or they would cover what is seen.
_LARGE = {*BODY, "left_heel", "right_heel", "left_foot_index", "right_foot_index"}
_TRAILED = {"left_wrist", "right_wrist", "left_hip", "right_hip", *REGIONS["legs"]}


class Layer(NamedTuple):
    """One array of a canvas."""

    pixels: Image  # (h, w) or (h, w, channels)
    scale: float  # of its lengths to the picture's
    inks: Matrix  # a row per channel: from R, G, B, 1


class Stroke(NamedTuple):
    """Lines of one colour and width, which are drawn at once; a dot is a line of no length."""

    ends: NDArray[np.int64]  # (n, 2) indices of points
    color: Color
    width: float  # px


def extent(canvas: Canvas) -> tuple[int, int]:
    """Height and width, px."""
    height, width = (canvas.y if isinstance(canvas, Nv12) else canvas).shape[:2]
    return height, width


def draw_skeleton(
    canvas: Canvas,
    skeleton: Skeleton,
    points: Floats,
    confidence: Floats,
    threshold: float,
    color: Color | None = None,
    visibility: Floats | None = None,
    size: float = math.nan,
) -> None:
    """Draw one pose into a picture, in place.

    Parameters
    ----------
    points : (J, 2) array
        x, y in px of the picture; NaN is not drawn.
    confidence : (J,) array
        0..1; joints below `threshold` and edges to them are faint.
    color : (r, g, b), optional
        In place of the sides' colours.
    visibility : (J,) array, optional
        0..1; hidden joints are faint, and edges by the end that is less visible.
    size : float
        The person's, px of the picture, as `posexp.show.size` has it: lines are as much thinner as
        the person is smaller. That of these points when left out.
    """
    size = person_size(skeleton, points) if math.isnan(size) else size
    unit = _unit(canvas, size)
    opacity = np.where(confidence >= threshold, 1.0, FAINT)
    if visibility is not None:
        opacity = np.minimum(opacity, _OPACITIES[np.searchsorted(_HIDDEN, visibility)])
    ends, strokes = _strokes(skeleton)
    opacity = opacity[ends].min(axis=1)
    opacity[~np.isfinite(points).all(axis=1)[ends].all(axis=1)] = 0
    for level in _OPACITIES:
        chosen = opacity == level
        if not chosen.any():
            continue
        picked = [
            Stroke(ends[part][chosen[part]], color if color and shade != DARK else shade,
                    unit * width)
            for part, shade, width in strokes
        ]  # fmt: skip
        paint(canvas, points, picked, level)


def draw_trail(canvas: Canvas, skeleton: Skeleton, trail: deque[Floats]) -> None:
    """Draw where wrists, hips, knees and ankles were, in place.

    Parameters
    ----------
    trail : deque of (J, 2) arrays
        x, y in px of the picture, the oldest first.
    """
    points, shades = np.concatenate(trail), _shades(skeleton)
    seen = np.isfinite(points).all(axis=1)
    width, strokes = extent(canvas)[0] / 360, []
    for joint, name in enumerate(skeleton.joints):
        if name in _TRAILED:
            places = np.arange(joint, len(points), len(skeleton.joints))
            ends = np.stack([places[:-1], places[1:]], axis=1)
            strokes.append(Stroke(ends[seen[ends].all(axis=1)], _pale(shades[joint]), width))
    paint(canvas, points, strokes, 0.65)


def _unit(canvas: Canvas, size: float) -> float:
    """What lengths of lines and dots are multiplied with, px.

    By the person's size; no more than where the person fills the picture, and no less than the eye
    can follow.
    """
    side = min(extent(canvas))
    most, least = max(1.0, side / 240), max(0.55, side / 1300)
    return max(least, min(size / 200, most)) if size > 0 else most


def paint(canvas: Canvas, points: Floats, strokes: list[Stroke], opacity: float) -> None:
    """Draw strokes between points, (n, 2) px of the picture, as one layer of this opacity."""
    strokes = [stroke for stroke in strokes if len(stroke.ends)]
    if not strokes:
        return
    for layer in layers(canvas):
        places = _fixed(layer.scale * points)
        if opacity < 1:
            used = np.concatenate([stroke.ends.ravel() for stroke in strokes])
            widest = layer.scale * max(stroke.width for stroke in strokes)
            box = _box(places[used], widest + 2)
            before = layer.pixels[box].copy()
        # Colours at half the size reach half a pixel further, or thin lines would be grey.
        further = 1 - layer.scale
        for ends, color, width in strokes:
            cv2.polylines(
                layer.pixels, list(places[ends]), False, ink(layer.inks, color),
                max(1, round(layer.scale * width + further)), cv2.LINE_AA, _SUBPIXEL,
            )  # fmt: skip
        if opacity < 1 and before.size:
            after = layer.pixels[box]
            after[...] = cv2.addWeighted(after, opacity, before, 1 - opacity, 0)


def layers(canvas: Canvas) -> Iterator[Layer]:
    """The arrays of a picture: one of RGB, two on their way to an encoder."""
    if isinstance(canvas, Nv12):
        yield Layer(canvas.y, 1.0, canvas.from_rgb[:1])
        yield Layer(canvas.uv, 0.5, canvas.from_rgb[1:])
    else:
        yield Layer(canvas, 1.0, _RGB)


@lru_cache(maxsize=64)
def ink(inks: Matrix, color: Color) -> tuple[int, ...]:
    """What is stored for an R, G, B."""
    red, green, blue = color
    return tuple(round(r * red + g * green + b * blue + low) for r, g, b, low in inks)


@lru_cache(maxsize=8)
def _strokes(skeleton: Skeleton) -> tuple[NDArray[np.int64], list[tuple[slice, Color, float]]]:
    """Pairs of joints, and which of them share colour and width, at 240 px, in drawing order.

    Outlines and lines of the edges, then rims and fills of the joints.
    """
    Kind = defaultdict[tuple[Color, float], list[tuple[int, int]]]
    shades = _shades(skeleton)
    outlines, lines, rims, fills = (Kind(list) for _ in range(4))
    for names in skeleton.edges:
        a, b = map(skeleton.index, names)
        width = 1.0 if {*names} <= _LARGE else 0.4
        outlines[DARK, 2.9 * width].append((a, b))
        lines[shades[a] if shades[a] == shades[b] else MIDDLE, 1.6 * width].append((a, b))
    for joint, name in enumerate(skeleton.joints):
        diameter = 4.4 if name in _LARGE else 1.6
        rims[DARK, 1.3 * diameter].append((joint, joint))
        fills[shades[joint], diameter].append((joint, joint))
    ends: list[tuple[int, int]] = []
    strokes = []
    for kind in (outlines, lines, rims, fills):
        for (color, width), pairs in kind.items():
            strokes.append((slice(len(ends), len(ends) + len(pairs)), color, width))
            ends += pairs
    return np.array(ends), strokes


def _pale(color: Color) -> Color:
    hue, lightness, saturation = colorsys.rgb_to_hls(*(c / 255 for c in color))
    red, green, blue = colorsys.hls_to_rgb(hue, 0.5 + lightness / 2, saturation)
    return round(255 * red), round(255 * green), round(255 * blue)


@lru_cache(maxsize=8)
def _shades(skeleton: Skeleton) -> list[Color]:
    """The colour of each joint, by its side."""
    return [_SIDES[skeleton.side(joint)] for joint in skeleton.joints]


def _fixed(points: Floats) -> NDArray[np.int32]:
    """(..., 2) coordinates as OpenCV's fixed-point; pixel centres are at .5 there as here."""
    limit = 2**14
    shifted = np.clip(points - 0.5, -limit, limit) * 2**_SUBPIXEL
    return np.nan_to_num(shifted).round().astype(np.int32)


def _box(places: NDArray[np.int32], margin: float) -> tuple[slice, slice]:
    """Rows and columns around fixed-point places."""
    low = np.maximum(places.min(axis=0) / 2**_SUBPIXEL - margin, 0).astype(int)
    high = np.maximum(places.max(axis=0) / 2**_SUBPIXEL + margin + 1, 0).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])
