"""Print frames/s of MoveNet on several clips at once, batched through one model on a GPU.

``python benchmarks/gpu.py [clips=8] [frames=200] [weights=FOLDER]``: one clip after another, one
frame at a time, against all clips side by side, a frame of each in one call. Each clip keeps its
own crop, so what a batch computes is what each clip alone would have got, which is checked. The
published SavedModel takes one picture a call and ``tf.vectorized_map`` cannot convert it, so the
batch is ``tf.map_fn`` over its signature, the pictures in parallel. Without a GPU it says so and
measures the CPU.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from posexp.models.crop import CropRegion, CropSettings, next_region, sample, to_image, whole_image
from posexp.models.movenet import MoveNet, MoveNetOptions
from posexp.video.embedded import embedded_clip
from posexp.video.frame import Planes
from posexp.video.source import VideoSource

SHARED = Path(__file__).resolve().parents[2] / "shared" / "models" / "tfhub_cache"
LIGHTNING = SHARED / "29fb93a7b6cbd61f33bf8c76777682f0a9b06839"  # the sha1 of its TF Hub handle


class Clip:
    """The pictures of one clip in memory, and its own crop."""

    def __init__(self, planes: list[Planes], width: int, height: int, shift: int) -> None:
        # Every clip begins elsewhere, so that no two crops are the same.
        self._planes = planes[shift:] + planes[:shift]
        self._size = width, height
        self.restart()

    def restart(self) -> None:
        self.region: CropRegion = whole_image(*self._size)
        self.image: list[Any] = []

    def crop(self, frame: int, size: int) -> Any:
        return sample(self._planes[frame], self.region, size)

    def take(self, keypoints: Any) -> None:
        """The model's answer for the last crop: (17, 3) y, x, score."""
        image, scores = to_image(keypoints[:, 1::-1], self.region), keypoints[:, 2]
        self.image.append(image)
        self.region = next_region(image, scores, *self._size, CropSettings())


def batched(function: Any, name: str, output: str, size: int) -> Callable[[Any], Any]:
    """(n, S, S, 3) crops to (n, 17, 3), in one call."""
    import tensorflow as tf

    def one(image: Any) -> Any:
        return function(**{name: image[None]})[output][0, 0]

    @tf.function(input_signature=[tf.TensorSpec((None, size, size, 3), tf.int32)])
    def call(images: Any) -> Any:
        return tf.map_fn(one, images, fn_output_signature=tf.float32, parallel_iterations=64)

    return call  # type: ignore[no-any-return]


def main() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    asked = dict(argument.split("=", 1) for argument in sys.argv[1:])
    count, frames = int(asked.get("clips", 8)), int(asked.get("frames", 200))
    weights = asked.get("weights") or str(LIGHTNING)
    devices = [device.name for device in tf.config.list_physical_devices("GPU")]
    print(f"GPU: {', '.join(devices) or 'none here; this is the CPU'}")
    model = tf.saved_model.load(
        str(MoveNet.find_weights(MoveNetOptions("lightning", weights)).path)
    )
    function = model.signatures["serving_default"]
    ((name, spec),) = function.structured_input_signature[1].items()
    (output,) = function.structured_outputs
    size = spec.shape[1] or 192
    decoded = list(VideoSource(embedded_clip()).frames())[: max(frames, count)]
    first = decoded[0]
    planes = [frame.planes() for frame in decoded]
    clips = [Clip(planes, first.width, first.height, shift) for shift in range(count)]

    def alone() -> None:
        for clip in clips:
            for frame in range(frames):
                image = tf.constant(clip.crop(frame, size).astype(np.int32)[None])
                clip.take(np.asarray(function(**{name: image})[output])[0, 0])

    call = batched(function, name, output, size)

    def together() -> None:
        for frame in range(frames):
            crops = np.stack([clip.crop(frame, size) for clip in clips]).astype(np.int32)
            for clip, keypoints in zip(clips, np.asarray(call(tf.constant(crops))), strict=True):
                clip.take(keypoints)

    rates, images = [], []
    for label, work in (("one at a time", alone), (f"{count} clips in a batch", together)):
        for timed in (False, True):  # once to warm up
            for clip in clips:
                clip.restart()
            began = time.perf_counter()
            work()
            if timed:
                rates.append(count * frames / (time.perf_counter() - began))
                print(f"{label:<24}{rates[-1]:8.1f} frames/s")
        images.append(np.array([clip.image for clip in clips]))
    apart = np.linalg.norm(images[0] - images[1], axis=-1)
    print(f"batch / one at a time   {rates[1] / rates[0]:8.2f}")
    print(f"keypoints apart, median {np.median(apart):8.3f} px")


if __name__ == "__main__":
    main()
