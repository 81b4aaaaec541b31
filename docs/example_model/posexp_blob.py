"""A model for posexp: whatever moves, as one point."""

from dataclasses import dataclass

import numpy as np

from posexp.errors import check_range
from posexp.models.model import Model
from posexp.pose.sequence import FramePose
from posexp.pose.skeleton import COCO17
from posexp.settings import check_choices, choice

WEIGHTS = {"grey": (1 / 3, 1 / 3, 1 / 3), "red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}


@dataclass
class BlobOptions:
    name: str = "blob"
    weights: str | None = None
    color: str = choice(*WEIGHTS)
    threshold: float = 30.0

    def __post_init__(self):
        check_choices(self, "model")
        check_range("model.threshold", self.threshold, 1, 255)


class Blob(Model):
    options = BlobOptions
    skeleton = COCO17
    confidence_meaning = "1 where something moved"

    def __init__(self, options):
        super().__init__(options)
        self._color, self._threshold = WEIGHTS[options.color], options.threshold

    def estimate(self, frames):
        first = None
        for frame in frames:
            picture = frame.rgb() @ self._color
            first = picture if first is None else first
            moved = np.argwhere(abs(picture - first) > self._threshold)  # row, column
            middle = moved.mean(axis=0)[::-1] + 0.5 if len(moved) else [np.nan, np.nan]
            joints = len(self.skeleton)
            confidence = np.full(joints, float(len(moved) > 0))
            yield FramePose(frame.index, frame.time, np.tile(middle, (joints, 1)), confidence)
