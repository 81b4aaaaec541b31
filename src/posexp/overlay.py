"""Skeletons drawn on video: the overlay, its key frames and the contact sheet."""

from __future__ import annotations

import colorsys
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posexp.errors import ConfigError, check_range
from posexp.files import whole
from posexp.poses import Floats, FramePose, PoseSequence
from posexp.skeleton import BODY, Skeleton, common_joints
from posexp.video import Frame, Image, VideoWriter, even

# Okabe and Ito's blue, orange and yellow, lightened for video: apart for the colour-blind too.
LEFT, RIGHT, MIDDLE = (77, 182, 255), (255, 159, 28), (240, 228, 150)
_DARK, _WHITE = (20, 20, 24), (255, 255, 255)
Color = tuple[int, int, int]

_SUBPIXEL = 4  # bits: OpenCV draws at 1/16 px
_KEY_HEIGHT = 360
_SHEET = 12


@dataclass
class OverlaySettings:
    """What the overlay shows.

    Parameters
    ----------
    enabled : bool
        Make the video at all.
    height : int, optional
        Lines of the overlay, px, never more than the video's; the video's own when left out.
    start_frame, stop_frame : int
        Frames ``start_frame <= index < stop_frame``; to the end when `stop_frame` is left out.
    confidence_threshold : float
        Joints and edges below it are drawn faint; 0..1.
    trail : int
        Frames of past positions that are drawn behind the wrists, hips, knees and ankles.
    """

    enabled: bool = True
    height: int | None = 720
    start_frame: int = 0
    stop_frame: int | None = None
    confidence_threshold: float = 0.3
    trail: int = 0

    def __post_init__(self) -> None:
        check_range("overlay.height", self.height, 16, 4320, "px")
        check_range("overlay.start_frame", self.start_frame, 0, unit="frames")
        check_range("overlay.stop_frame", self.stop_frame, 1, unit="frames")
        check_range("overlay.confidence_threshold", self.confidence_threshold, 0, 1)
        check_range("overlay.trail", self.trail, 0, 500, "frames")
        if self.stop_frame is not None and self.stop_frame <= self.start_frame:
            raise ConfigError(
                "overlay.stop_frame",
                f"expected more than overlay.start_frame ({self.start_frame}), "
                f"got {self.stop_frame}",
            )

    def covers(self, frame: int) -> bool:
        """Whether the overlay shows this frame."""
        return self.start_frame <= frame and (self.stop_frame is None or frame < self.stop_frame)


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


class OverlayVideo:
    """The overlay as a sink of `posexp.extract`: every frame that the settings ask for.

    Parameters
    ----------
    path : Path
        The mp4 to write.
    settings : OverlaySettings
        Range, size and thresholds.
    skeleton : Skeleton
        Of the poses.
    label : str
        Named in the caption.
    fps : float
        The video's nominal rate, 1/s.
    """

    def __init__(
        self, path: Path, settings: OverlaySettings, skeleton: Skeleton, label: str, fps: float
    ) -> None:
        self._settings, self._skeleton, self._label = settings, skeleton, label
        self._writer = VideoWriter(path, fps)
        self._trail: deque[Floats] = deque(maxlen=settings.trail + 1)
        self._origin: float | None = None

    def add(self, frame: Frame, pose: FramePose) -> None:
        """Draw `pose` on `frame` and append it."""
        if not self._settings.covers(frame.index):
            return
        # A range starts at zero: players show a black lead for times that begin late.
        self._origin = frame.time if self._origin is None else self._origin
        image = overlay_frame(frame, pose, self._skeleton, self._label, self._settings, self._trail)
        self._writer.write(image, frame.time - self._origin)

    def close(self) -> bool:
        """Finish the file; False when no frame fell into the range."""
        return self._writer.close()

    def discard(self) -> None:
        """Drop the unfinished file."""
        self._writer.discard()


def overlay_frame(
    frame: Frame,
    pose: FramePose,
    skeleton: Skeleton,
    label: str,
    settings: OverlaySettings,
    trail: deque[Floats] | None = None,
) -> Image:
    """(h, w, 3) uint8 RGB: the frame at overlay size with its skeleton and a caption."""
    height = even(min(settings.height or frame.height, frame.height))
    image = frame.resized(height)
    scale = np.array([image.shape[1] / frame.width, image.shape[0] / frame.height])
    points = pose.image * scale
    if trail is not None and (trail.maxlen or 0) > 1:
        trail.append(points)
        _draw_trail(image, skeleton, trail)
    draw_skeleton(image, skeleton, points, pose.confidence, settings.confidence_threshold)
    body = pose.confidence[skeleton.indices(BODY)].mean()
    draw_caption(
        image, f"{label}   frame {frame.index}   {frame.time:.2f} s   confidence {body:.2f}"
    )
    return image


class KeyFrames:
    """Evenly spread overlay pictures of a video whose length is not known beforehand.

    A sink of `posexp.extract`: keeps every n-th frame and doubles n when there are too many,
    so runs of one video keep the same frames. At most `most` pictures are held.
    """

    def __init__(
        self, settings: OverlaySettings, skeleton: Skeleton, label: str, most: int = 24
    ) -> None:
        self._settings = OverlaySettings(
            height=_KEY_HEIGHT, confidence_threshold=settings.confidence_threshold
        )
        self._skeleton, self._label, self._most = skeleton, label, most
        self._every, self._count = 1, 0
        self.pictures: dict[int, Image] = {}

    def add(self, frame: Frame, pose: FramePose) -> None:
        """Keep a picture of the frame when it is its turn."""
        if self._count % self._every == 0:
            if len(self.pictures) == self._most:
                self.pictures = dict(list(self.pictures.items())[::2])
                self._every *= 2
            if self._count % self._every == 0:
                self.pictures[frame.index] = overlay_frame(
                    frame, pose, self._skeleton, self._label, self._settings
                )
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
            [(self._truth.skeleton, truth, _WHITE), (self._skeleton, pose.image, None)],
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


def save_picture(image: Image, path: Path) -> None:
    """Write a picture, whole or not at all."""
    import imageio.v3 as iio

    content = iio.imwrite("<bytes>", image, extension=path.suffix)
    with whole(path) as part:
        part.write_bytes(content)


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
    import cv2

    square = np.zeros((side, side, 3), np.uint8)
    x, y = origin
    top, left = max(0, y), max(0, x)
    part = image[top : max(0, y + side), left : max(0, x + side)]
    square[top - y : top - y + part.shape[0], left - x : left - x + part.shape[1]] = part
    return np.asarray(cv2.resize(square, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)


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
