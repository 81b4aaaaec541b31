"""MoveNet's crop tracking: a square around the person, from the last frame's keypoints.

The algorithm is the one of Google's MoveNet tutorial for single-person video
(https://www.tensorflow.org/hub/tutorials/movenet). Its widely copied Python port measures
the body range by the right hip alone, through a stale loop variable; this one measures every
confident joint, as the text and the JavaScript version do.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from posexp.errors import check_range
from posexp.pose.sequence import Floats
from posexp.pose.skeleton import COCO17
from posexp.video.frame import Image, Planes

_HIPS = COCO17.indices(("left_hip", "right_hip"))
_SHOULDERS = COCO17.indices(("left_shoulder", "right_shoulder"))


@dataclass(frozen=True)
class CropRegion:
    """A square of the upright image, px; it may leave the image.

    Parameters
    ----------
    left, top : float
        Its corner, px.
    size : float
        Its side, px.
    """

    left: float
    top: float
    size: float


@dataclass
class CropSettings:
    """Thresholds of the crop tracking.

    Parameters
    ----------
    min_keypoint_score : float
        Joints below it do not steer the crop; 0..1.
    torso_expansion, body_expansion : float
        Half the crop per largest distance from the hips to torso joints, to all joints.
    """

    min_keypoint_score: float = 0.2
    torso_expansion: float = 1.9
    body_expansion: float = 1.2

    def __post_init__(self) -> None:
        check_range("model.crop.min_keypoint_score", self.min_keypoint_score, 0, 1)
        # Below 1 the crop would cut off the very joints that it is measured by.
        check_range("model.crop.torso_expansion", self.torso_expansion, 1, 10)
        check_range("model.crop.body_expansion", self.body_expansion, 1, 10)


def whole_image(width: int, height: int) -> CropRegion:
    """The image padded to a square, the image in the middle."""
    side = max(width, height)
    return CropRegion((width - side) / 2, (height - side) / 2, side)


def next_region(
    image: Floats, scores: Floats, width: int, height: int, settings: CropSettings
) -> CropRegion:
    """The crop for the next frame.

    Parameters
    ----------
    image : (17, 2) array
        x, y of the COCO joints, px.
    scores : (17,) array
        Their confidence, 0..1.
    width, height : int
        Size of the upright frame, px.
    settings : CropSettings
        Thresholds.

    Returns
    -------
    CropRegion
        A square about the middle of the hips that holds every confident joint that is in the
        image; the whole image when the torso is not visible or the square would be larger.

    Notes
    -----
    Its sides lie on whole px. What a library rounds in its own way, 1e-4 px, is then the same crop;
    else it grows to 1 px within ten frames, since the model answers to each change of its crop.
    """
    confident = scores >= settings.min_keypoint_score
    visible = scores > settings.min_keypoint_score
    if not (visible[_HIPS].any() and visible[_SHOULDERS].any()):
        return whole_image(width, height)
    center = image[_HIPS].mean(axis=0)
    distance = np.abs(image - center)
    torso = distance[_SHOULDERS + _HIPS].max()
    body = distance[confident].max()
    farthest = max(center[0], width - center[0], center[1], height - center[1])
    half = min(max(settings.torso_expansion * torso, settings.body_expansion * body), farthest)
    if half > max(width, height) / 2:
        return whole_image(width, height)
    corner = np.floor(center - half)
    left, top = corner.tolist()
    return CropRegion(left, top, float(np.ceil((center + half - corner).max())))


def sample(planes: Planes, region: CropRegion, size: int) -> Image:
    """Bilinear crop, black outside the image, as ``tf.image.crop_and_resize`` defines it.

    Parameters
    ----------
    planes : Planes
        The frame as it was decoded: only what is sampled is converted to RGB.
    region : CropRegion
        What to cut out of the upright image.
    size : int
        Side of the result, px.

    Returns
    -------
    (size, size, 3) uint8 array
        RGB. Its cost does not depend on the size of the frame.

    Notes
    -----
    crop_and_resize takes corners as shares of the image and maps share s to pixel s * (n - 1),
    so that the corners' pixel centres fall on the first and last sample. Chroma is taken to lie
    in the middle of its pixels, as FFmpeg's conversion does.
    """
    stored = np.array(planes.images[0].shape[1::-1])
    shown = np.round(stored * (planes.stretch, 1))
    width, height = shown[:: -1 if planes.transposed else 1]
    row, inside_y = _axis(region.top, region.size, height, size, 0 in planes.flipped)
    column, inside_x = _axis(region.left, region.size, width, size, 1 in planes.flipped)
    # Rows of the matrix: the column and the row in memory, from (column, row, 1) of the crop.
    across, down = (column[0], 0.0, column[1]), (0.0, row[0], row[1])
    matrix = np.array([down, across] if planes.transposed else [across, down])
    parts = []
    for image in planes.images:
        subsampling = np.where(np.array(image.shape[1::-1]) / stored > 0.75, 1.0, 0.5)
        scale = (subsampling * stored / shown)[:, None]
        own = matrix * scale
        own[:, 2:] += (scale - 1) / 2
        part = cv2.warpAffine(
            image, own, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        parts.append((part >> planes.shift).astype(np.uint8) if planes.shift else part)
    rgb = parts[0] if planes.to_rgb is None else cv2.transform(cv2.merge(parts), planes.to_rgb)
    rgb[~inside_y] = 0
    rgb[:, ~inside_x] = 0
    return np.asarray(rgb, np.uint8)


def _axis(
    start: float, length: float, image_size: int, size: int, flipped: bool
) -> tuple[tuple[float, float], NDArray[np.bool_]]:
    """(step, first) position in px along one axis, and which samples lie in the image."""
    last = image_size - 1
    first = start / image_size * last
    step = length / image_size * last / max(size - 1, 1)
    position = np.float32(first) + np.arange(size, dtype=np.float32) * np.float32(step)
    inside = (position >= 0) & (position <= last)
    return ((-step, last - first) if flipped else (step, first)), inside


def to_image(normalized: Floats, region: CropRegion) -> Floats:
    """(J, 2) x, y as shares of the crop, back to px of the upright image."""
    return np.array([region.left, region.top]) + region.size * normalized.astype(np.float64)
