"""MoveNet's crop tracking: a square around the person, from the last frame's keypoints.

The algorithm is the one of Google's MoveNet tutorial for single-person video
(https://www.tensorflow.org/hub/tutorials/movenet). Its widely copied Python port measures
the body range by the right hip alone, through a stale loop variable; this one measures every
confident joint, as the text and the JavaScript version do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posexp.errors import check_range
from posexp.poses import Floats
from posexp.skeleton import COCO17

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
    return CropRegion(float(center[0] - half), float(center[1] - half), float(2 * half))


def sample(rgb: NDArray[np.uint8], region: CropRegion, size: int) -> NDArray[np.float32]:
    """Bilinear crop, zero outside the image, as ``tf.image.crop_and_resize`` defines it.

    Parameters
    ----------
    rgb : (H, W, 3) uint8 array
        The upright frame.
    region : CropRegion
        What to cut out.
    size : int
        Side of the result, px.

    Returns
    -------
    (size, size, 3) float32 array
        0..255. Its cost does not depend on the size of the frame.

    Notes
    -----
    crop_and_resize takes corners as shares of the image and maps share s to pixel s * (n - 1),
    so that the corners' pixel centres fall on the first and last sample.
    """
    height, width = rgb.shape[:2]
    top, bottom, fy, inside_y = _taps(region.top, region.size, height, size)
    left, right, fx, inside_x = _taps(region.left, region.size, width, size)
    across, down = fx[None, :, None], fy[:, None, None]
    upper, lower = (
        corner[:, left] + (corner[:, right] - corner[:, left]) * across
        for corner in (rgb[top].astype(np.float32), rgb[bottom].astype(np.float32))
    )
    inside = inside_y[:, None, None] & inside_x[None, :, None]
    return np.where(inside, upper + (lower - upper) * down, np.float32(0))


def _taps(
    start: float, length: float, image_size: int, size: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32], NDArray[np.bool_]]:
    """Lower and upper neighbour, weight of the upper, and whether a sample is in the image.

    In float32 and in TensorFlow's order of operations: the crop is cut to whole numbers before
    the model sees it, and a rounding error would turn 127.0 into 126.
    """
    last = np.float32(image_size - 1)
    low_share = np.float32(start / image_size)
    high_share = np.float32((start + length) / image_size)
    step = (high_share - low_share) * last / np.float32(max(size - 1, 1))
    position = low_share * last + np.arange(size, dtype=np.float32) * step
    inside = (position >= 0) & (position <= last)
    position = np.clip(position, 0, last)
    low = np.floor(position)
    index = low.astype(np.intp)
    return index, np.minimum(index + 1, image_size - 1), position - low, inside


def to_image(normalized: Floats, region: CropRegion) -> Floats:
    """(J, 2) x, y as shares of the crop, back to px of the upright image."""
    return np.array([region.left, region.top]) + region.size * normalized.astype(np.float64)
