"""Skeletons, trails and captions drawn on a picture."""

from __future__ import annotations

import colorsys
from collections import defaultdict, deque
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from posexp.pose.sequence import Floats
from posexp.pose.skeleton import BODY, REGIONS, Skeleton
from posexp.video.frame import Image

# Okabe and Ito's blue, orange and yellow, lightened for video: apart for the colour-blind too.
LEFT, RIGHT, MIDDLE = (77, 182, 255), (255, 159, 28), (240, 228, 150)
DARK, WHITE = (20, 20, 24), (255, 255, 255)
Color = tuple[int, int, int]
_SIDES: dict[str, Color] = {"left": LEFT, "right": RIGHT, "": MIDDLE}
_SUBPIXEL = 4  # bits: OpenCV draws at 1/16 px

# Face and fingers are drawn finer, or they would cover what is seen.
_LARGE = {*BODY, "left_heel", "right_heel", "left_foot_index", "right_foot_index"}
_TRAILED = {"left_wrist", "right_wrist", "left_hip", "right_hip", *REGIONS["legs"]}


def draw_skeleton(
    image: Image,
    skeleton: Skeleton,
    points: Floats,
    confidence: Floats,
    threshold: float,
    color: Color | None = None,
) -> None:
    """Draw one pose into an image, in place.

    Parameters
    ----------
    image : (h, w, 3) uint8 array
        RGB.
    points : (J, 2) array
        x, y in px of `image`; NaN is not drawn.
    confidence : (J,) array
        0..1; joints below `threshold` and edges to them are faint.
    color : (r, g, b), optional
        In place of the sides' colours.
    """
    unit = max(1.0, min(image.shape[:2]) / 240)
    places, shades = _fixed(points), _shades(skeleton)
    sure = confidence >= threshold
    seen = np.isfinite(points).all(axis=1)
    edges = [(skeleton.index(a), skeleton.index(b)) for a, b in skeleton.edges]
    edges = [(a, b) for a, b in edges if seen[a] and seen[b]]
    layers = (False, True) if not sure[seen].all() else (True,)
    for strong in layers:
        target = image if strong else image.copy()
        chosen = [(a, b) for a, b in edges if bool(sure[a] and sure[b]) == strong]
        dots = [int(joint) for joint in np.flatnonzero(seen & (sure == strong))]
        # What has one colour and width is drawn at once; a dot is a line of no length.
        outlines, lines, rims, fills = (defaultdict(list) for _ in range(4))
        for a, b in chosen:
            width = unit * (1.0 if {skeleton.joints[a], skeleton.joints[b]} <= _LARGE else 0.4)
            line = places[[a, b]]
            shade = shades[a] if shades[a] == shades[b] else MIDDLE
            outlines[DARK, 2.9 * width].append(line)
            lines[color or shade, 1.6 * width].append(line)
        for joint in dots:
            line = places[[joint, joint]]
            diameter = 2 * unit * (2.2 if skeleton.joints[joint] in _LARGE else 0.8)
            rims[DARK, 1.3 * diameter].append(line)
            fills[color or shades[joint], diameter].append(line)
        for layer in (outlines, lines, rims, fills):
            for (shade, width), strokes in layer.items():
                cv2.polylines(
                    target, strokes, False, shade, max(1, round(width)), cv2.LINE_AA, _SUBPIXEL
                )  # fmt: skip
        if not strong:
            cv2.addWeighted(target, 0.4, image, 0.6, 0, image)


def draw_caption(image: Image, text: str) -> None:
    """Write one line on a dark strip along the lower border, in place."""
    font = cv2.FONT_HERSHEY_SIMPLEX
    (width, _), _ = cv2.getTextSize(text, font, 1.0, 1)
    # As wide as a portrait allows, and no larger than looks right on a landscape.
    scale = min(image.shape[0] / 1000, 0.92 * image.shape[1] / (0.85 * width))
    strip = max(12, round(38 * scale))
    image[-strip:] = image[-strip:] // 3
    origin = round(14 * scale), image.shape[0] - round(12 * scale)
    cv2.putText(
        image, text, origin, font, 0.85 * scale, (235, 235, 235),
        max(1, round(1.6 * scale)), cv2.LINE_AA,
    )  # fmt: skip


def draw_trail(image: Image, skeleton: Skeleton, trail: deque[Floats]) -> None:
    """Draw where wrists, hips, knees and ankles were, in place.

    Parameters
    ----------
    image : (h, w, 3) uint8 array
        RGB.
    trail : deque of (J, 2) arrays
        x, y in px of `image`, the oldest first.
    """
    points, shades = np.stack(trail), _shades(skeleton)
    layer = image.copy()
    for joint, name in enumerate(skeleton.joints):
        if name not in _TRAILED:
            continue
        color = tuple(round(255 * c) for c in _pale(shades[joint]))
        for first, second in zip(points[:-1, joint], points[1:, joint], strict=True):
            if np.isfinite(first).all() and np.isfinite(second).all():
                cv2.line(
                    layer, _fixed(first), _fixed(second), color,
                    max(1, round(image.shape[0] / 360)), cv2.LINE_AA, _SUBPIXEL,
                )  # fmt: skip
    cv2.addWeighted(layer, 0.65, image, 0.35, 0, image)


def _pale(color: Color) -> tuple[float, float, float]:
    hue, lightness, saturation = colorsys.rgb_to_hls(*(c / 255 for c in color))
    return colorsys.hls_to_rgb(hue, 0.5 + lightness / 2, saturation)


@lru_cache(maxsize=8)
def _shades(skeleton: Skeleton) -> list[Color]:
    """The colour of each joint, by its side."""
    return [_SIDES[skeleton.side(joint)] for joint in skeleton.joints]


def _fixed(points: Floats) -> Any:
    """(..., 2) coordinates as OpenCV's fixed-point; pixel centres are at .5 there as here."""
    limit = 2**14
    shifted = np.clip(points - 0.5, -limit, limit) * 2**_SUBPIXEL
    return np.nan_to_num(shifted).round().astype(np.int32)
