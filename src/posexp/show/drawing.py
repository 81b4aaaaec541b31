"""Skeletons, trails and captions drawn on a picture."""

from __future__ import annotations

import colorsys
from collections import defaultdict, deque
from typing import Any

import numpy as np

from posexp.pose.sequence import Floats
from posexp.pose.skeleton import BODY, Skeleton
from posexp.video.frame import Image

# Okabe and Ito's blue, orange and yellow, lightened for video: apart for the colour-blind too.
LEFT, RIGHT, MIDDLE = (77, 182, 255), (255, 159, 28), (240, 228, 150)
_DARK, _WHITE = (20, 20, 24), (255, 255, 255)
Color = tuple[int, int, int]
_SUBPIXEL = 4  # bits: OpenCV draws at 1/16 px


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
    import cv2

    unit = max(1.0, min(image.shape[:2]) / 240)
    places = _fixed(points)
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
            names = skeleton.joints[a], skeleton.joints[b]
            width = unit * (0.4 if any(map(_is_detail, names)) else 1.0)
            line = places[[a, b]]
            outlines[_DARK, 2.9 * width].append(line)
            lines[color or _edge_color(*names), 1.6 * width].append(line)
        for joint in dots:
            name, line = skeleton.joints[joint], places[[joint, joint]]
            diameter = 2 * unit * (0.8 if _is_detail(name) else 2.2)
            rims[_DARK, 1.3 * diameter].append(line)
            fills[color or _color(name), diameter].append(line)
        for layer in (outlines, lines, rims, fills):
            for (shade, width), strokes in layer.items():
                cv2.polylines(
                    target, strokes, False, shade, max(1, round(width)), cv2.LINE_AA, _SUBPIXEL
                )  # fmt: skip
        if not strong:
            cv2.addWeighted(target, 0.4, image, 0.6, 0, image)


def draw_caption(image: Image, text: str) -> None:
    """Write one line on a dark strip along the lower border, in place."""
    import cv2

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


def _draw_trail(image: Image, skeleton: Skeleton, trail: deque[Floats]) -> None:
    import cv2

    points = np.stack(trail)
    layer = image.copy()
    for joint, name in enumerate(skeleton.joints):
        if name not in BODY or name.endswith(("shoulder", "elbow")):
            continue
        color = tuple(round(255 * c) for c in _pale(_color(name)))
        for first, second in zip(points[:-1, joint], points[1:, joint], strict=True):
            if np.isfinite(first).all() and np.isfinite(second).all():
                cv2.line(
                    layer, _fixed(first), _fixed(second), color,
                    max(1, round(image.shape[0] / 360)), cv2.LINE_AA, _SUBPIXEL,
                )  # fmt: skip
    cv2.addWeighted(layer, 0.65, image, 0.35, 0, image)


def _pale(color: tuple[int, int, int]) -> tuple[float, float, float]:
    hue, lightness, saturation = colorsys.rgb_to_hls(*(c / 255 for c in color))
    return colorsys.hls_to_rgb(hue, 0.5 + lightness / 2, saturation)


def _color(joint: str) -> tuple[int, int, int]:
    if joint.startswith("left_"):
        return LEFT
    return RIGHT if joint.startswith("right_") else MIDDLE


def _edge_color(first: str, second: str) -> tuple[int, int, int]:
    return _color(first) if _color(first) == _color(second) else MIDDLE


def _is_detail(joint: str) -> bool:
    """Face and fingers: drawn finer, or they would cover what is seen."""
    return joint not in BODY and not joint.endswith(("heel", "foot_index"))


def _fixed(points: Floats) -> Any:
    """(..., 2) coordinates as OpenCV's fixed-point; pixel centres are at .5 there as here."""
    limit = 2**14
    shifted = np.clip(points - 0.5, -limit, limit) * 2**_SUBPIXEL
    return np.nan_to_num(shifted).round().astype(np.int32)
