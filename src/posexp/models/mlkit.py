"""The ML Kit-style 3D variant: BlazePose through MediaPipe Tasks."""

from __future__ import annotations

import zipfile
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from posexp.errors import ModelError, check_range
from posexp.files import sha256_of
from posexp.models.model import Model
from posexp.models.native import library
from posexp.models.weights.given import existing, fetched, is_address
from posexp.models.weights.model_file import ModelFile
from posexp.models.weights.sources import Address, wrong_hash
from posexp.models.weights.table import ADDRESSES, published
from posexp.pose.skeleton import BLAZEPOSE33
from posexp.settings import check_choices, choice

if TYPE_CHECKING:
    from posexp.pose.sequence import FramePose
    from posexp.video.frame import Frame


@dataclass
class MlkitOptions:
    """How to load and run BlazePose.

    Parameters
    ----------
    name : {"mlkit"}
        The variant.
    complexity : {"lite", "full", "heavy"}
        Size of the model; ``full`` is embedded.
    mode : {"stream", "single_image"}
        Detect once, track and smooth; or detect in every frame.
    weights : str, optional
        Path or address of a .task file, in place of `complexity`'s.
    min_detection_confidence, min_presence_confidence, min_tracking_confidence : float
        0..1: to take a detection for a person, to keep a pose, to go on tracking it.
    """

    name: str = choice("mlkit")
    complexity: str = choice("lite", "full", "heavy", default="full")
    mode: str = choice("stream", "single_image")
    weights: str | None = None
    min_detection_confidence: float = 0.5
    min_presence_confidence: float = 0.5
    min_tracking_confidence: float = 0.5

    def __post_init__(self) -> None:
        check_choices(self, "model")
        for stage in ("detection", "presence", "tracking"):
            key = f"min_{stage}_confidence"
            check_range(f"model.{key}", getattr(self, key), 0, 1)


class Mlkit(Model):
    """The model, ready to run."""

    options = MlkitOptions
    variants = {  # noqa: RUF012
        f"mlkit_{size}{ending}": MlkitOptions(complexity=size, mode=mode)
        for size in ("lite", "full", "heavy")
        for ending, mode in (("", "stream"), ("_image", "single_image"))
    }
    sees = "person"
    skeleton = BLAZEPOSE33
    confidence_meaning = "in-frame likelihood (BlazePose presence)"
    unsure = 0.5  # as in MediaPipe's drawing of landmarks

    def __init__(self, options: MlkitOptions) -> None:
        super().__init__(options)
        from posexp.models import mlkit_mediapipe

        stages = ("detection", "presence", "tracking")
        confidences = [getattr(options, f"min_{stage}_confidence") for stage in stages]
        self._runtime = mlkit_mediapipe.BlazePose(
            self.weights.path, options.mode == "stream", *confidences
        )

    @classmethod
    def find_weights(cls, options: MlkitOptions) -> ModelFile:
        """The model file, unpacked or downloaded if need be.

        Raises
        ------
        ModelError
            When the file is missing, it cannot be had, or its sha256 is not the published one.
        """
        weights = options.weights
        if weights is None:
            return published(options.complexity)
        known = {url.rpartition("/")[2]: source.sha256 for url, source in ADDRESSES.items()}
        if is_address(weights):
            # A mirror of the published files has them under their names.
            name = weights.partition("?")[0].rpartition("/")[2]
            address = ADDRESSES.get(weights) or Address(weights, known.get(name))
            return fetched(address, "set model.weights to the path of a .task file")
        path = existing(weights, "a .task file")
        if not zipfile.is_zipfile(path):
            raise ModelError(path, "expected a .task bundle, got a file of another kind")
        found = sha256_of(path)
        if found != known.get(path.name, found):
            raise wrong_hash(path, known[path.name], found)
        return ModelFile(path, str(path), found)

    @classmethod
    def runtime(cls, options: MlkitOptions, weights: ModelFile) -> str:
        """MediaPipe, and its version."""
        return library("mediapipe")

    def estimate(self, frames: Iterable[Frame]) -> Generator[FramePose, None, None]:
        """One pose per frame."""
        return self._runtime.estimate(frames)
