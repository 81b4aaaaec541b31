"""BlazePose for many people in one picture: its detector alone, and its landmarks of each."""

from __future__ import annotations

import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from posexp.errors import ModelError
from posexp.models.native import processors, without_tensorflow
from posexp.models.weights.table import published
from posexp.pose.sequence import Floats
from posexp.video.frame import Image

with without_tensorflow():
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

SIDE = 224
"""Of the detector's input, px."""

_LEAST = 0.5  # score, as in MediaPipe


class PeopleFinder:
    """The two models inside the embedded bundle, loaded once.

    Notes
    -----
    The detector is run by itself, since tiles without a person are the most: with the landmarks'
    model it takes twice as long. Its output is decoded as MediaPipe's pose_detection_cpu.pbtxt
    does it: anchors at strides 8, 16 and 32, offsets in px of the input, and for each a box, the
    middle of the hips, and a point on the circle around the whole person.
    """

    def __init__(self) -> None:
        try:
            path = published("full").path
        except ModelError as error:
            raise ModelError(
                error.subject, f"people are found with it; {error.problem}",
                f"person=off does without it. {error.remedy}",
            ) from error  # fmt: skip
        with zipfile.ZipFile(path) as bundle:
            detector = bundle.read("pose_detector.tflite")
        self._detectors = [_Detector(detector) for _ in range(min(4, processors()))]
        self._landmarker = vision.PoseLandmarker.create_from_options(
            vision.PoseLandmarkerOptions(
                base_options=BaseOptions(model_asset_path=str(path)),
                running_mode=vision.RunningMode.IMAGE, num_poses=2,
            )
        )  # fmt: skip

    def detect(self, tiles: list[Image]) -> list[Floats]:
        """Who may be in each tile.

        Parameters
        ----------
        tiles : list of (224, 224, 3) uint8 arrays
            RGB.

        Returns
        -------
        list of (k, 4) arrays
            Score 0..1, x and y of the mid-hip, and the radius of the circle around the person, px.
        """
        count = len(self._detectors)

        def share(start: int) -> list[Floats]:
            return [self._detectors[start](tile) for tile in tiles[start::count]]

        found: list[Floats] = [np.empty((0, 4))] * len(tiles)
        with ThreadPoolExecutor(count, "posexp-people") as pool:
            for start, part in enumerate(pool.map(share, range(count))):
                found[start::count] = part
        return found

    def poses(self, picture: Image) -> list[tuple[Floats, Floats]]:
        """At most two people in a picture that they fill.

        Parameters
        ----------
        picture : (h, w, 3) uint8 array
            RGB, C-contiguous.

        Returns
        -------
        list of ((33, 2), (33, 2))
            x, y in px, and the presence and visibility, 0..1, of BlazePose's landmarks.
        """
        height, width = picture.shape[:2]
        result = self._landmarker.detect(mediapipe.Image(mediapipe.ImageFormat.SRGB, picture))
        return [
            (
                np.array([(p.x, p.y) for p in pose], np.float64) * (width, height),
                np.array([(p.presence, p.visibility) for p in pose]),
            )
            for pose in result.pose_landmarks
        ]


@lru_cache(maxsize=1)
def finder() -> PeopleFinder:
    """The one of this process."""
    return PeopleFinder()


class _Detector:
    """An interpreter of its own, for one thread at a time."""

    def __init__(self, model: bytes) -> None:
        self._model: Any = Interpreter(model_content=model, num_threads=1)
        self._model.allocate_tensors()
        (self._input,) = (each["index"] for each in self._model.get_input_details())
        outputs = sorted(self._model.get_output_details(), key=lambda each: each["shape"][-1])
        self._scores, self._boxes = (each["index"] for each in outputs)

    def __call__(self, tile: Image) -> Floats:
        self._model.set_tensor(self._input, tile[None].astype(np.float32) / 127.5 - 1)
        self._model.invoke()
        logits = self._model.get_tensor(self._scores)[0, :, 0]
        score = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -100, 100)))
        likely = np.flatnonzero(score >= _LEAST)
        boxes = self._model.get_tensor(self._boxes)[0, likely].astype(np.float64)
        hips, around = (boxes[:, i : i + 2] + _anchors()[likely] for i in (4, 6))
        radius = np.linalg.norm(around - hips, axis=1)
        return np.column_stack((score[likely], hips, radius))


@lru_cache(maxsize=1)
def _anchors() -> NDArray[np.float64]:
    """(2254, 2) centres, px of the input: two at each cell of strides 8 and 16, six of 32."""
    parts = []
    for stride, each in ((8, 2), (16, 2), (32, 6)):
        centres = (np.arange(SIDE // stride) + 0.5) * stride
        y, x = np.meshgrid(centres, centres, indexing="ij")
        parts.append(np.repeat(np.column_stack((x.ravel(), y.ravel())), each, axis=0))
    return np.concatenate(parts)
