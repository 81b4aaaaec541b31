"""Print what cutting crops from the decoder's planes changes: ``python benchmarks/crops.py``.

Against the crop that TensorFlow cuts from the whole RGB frame: the difference in levels, that of
the keypoints at the same crop, and that over the clip, where the crop follows the keypoints.
Beside it, for scale, what one level more in every pixel does to TensorFlow's own loop. Needs
``../shared``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from posexp.models import registry
from posexp.models.crop import CropRegion, CropSettings, next_region, sample, to_image, whole_image
from posexp.video.embedded import embedded_clip
from posexp.video.frame import Frame
from posexp.video.source import VideoSource

SHARED = Path(__file__).resolve().parents[2] / "shared"
Cut = Callable[[Frame, CropRegion], np.ndarray]
SIZE = 192


def by_tensorflow(frame: Frame, region: CropRegion) -> np.ndarray:
    """(192, 192, 3) float RGB, as MoveNet's example cuts it."""
    top, left = region.top / frame.height, region.left / frame.width
    box = [top, left, top + region.size / frame.height, left + region.size / frame.width]
    image = frame.rgb()[None].astype(np.float32)
    return tf.image.crop_and_resize(image, [box], [0], (SIZE, SIZE))[0].numpy()


def one_level_more(frame: Frame, region: CropRegion) -> np.ndarray:
    return np.clip(by_tensorflow(frame, region) + 1, 0, 255)


def from_planes(frame: Frame, region: CropRegion) -> np.ndarray:
    return sample(frame.planes(), region, SIZE)


def main() -> None:
    os.environ.setdefault("TFHUB_CACHE_DIR", str(SHARED / "models" / "tfhub_cache"))
    model = registry.load(registry.options_for("lightning"))
    clips = SHARED / "clips"
    for clip in (clips / "pose_1.mp4", clips / "pose_squats.mp4", embedded_clip()):
        compare(model, clip)


def compare(model: object, clip: Path) -> None:
    levels, same = [], []

    def keypoints(cut: Cut, frame: Frame, region: CropRegion) -> np.ndarray:
        crop = cut(frame, region).astype(np.uint8)  # cuts the fraction off, as the example does
        found = model._predict(crop)  # type: ignore[attr-defined]
        return np.column_stack([to_image(found[:, 1::-1], region), found[:, 2]])

    def loop(cut: Cut, beside: bool = False) -> np.ndarray:
        region, found = None, []
        for frame in VideoSource(clip).frames():
            region = region or whole_image(frame.width, frame.height)
            points = keypoints(cut, frame, region)
            if beside:
                apart = np.floor(cut(frame, region)) - from_planes(frame, region)
                levels.append(np.abs(apart).mean())
                same.append(distance(points, keypoints(from_planes, frame, region)))
            found.append(points)
            size = frame.width, frame.height
            region = next_region(points[:, :2], points[:, 2], *size, CropSettings())
        return np.array(found)

    whole = loop(by_tensorflow, beside=True)
    over = distance(whole, loop(from_planes))
    scale = distance(whole, loop(one_level_more))
    print(
        f"{clip.name}: crop {np.mean(levels):.2f} levels of 255 (most {max(levels):.2f}); keypoints"
        f" at the same crop: median {np.median(same):.2f} px; over the clip: {np.median(over):.2f}"
        f" px; one level more in every pixel: {np.median(scale):.2f} px",
        flush=True,
    )


def distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.linalg.norm(first[..., :2] - second[..., :2], axis=-1)


if __name__ == "__main__":
    main()
