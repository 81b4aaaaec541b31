"""MoveNet Thunder and Lightning with crop tracking; through TensorFlow, or LiteRT."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field

import numpy as np

from posexp.errors import ConfigError, ModelError, check_range
from posexp.files import sha256_of
from posexp.models.crop import CropSettings, next_region, sample, to_image, whole_image
from posexp.models.model import Model
from posexp.models.native import library
from posexp.models.weights import tfjs
from posexp.models.weights.given import existing, fetched, is_address
from posexp.models.weights.model_file import ModelFile
from posexp.models.weights.sources import Address, Hub
from posexp.models.weights.table import HANDLES, published
from posexp.pose.sequence import FramePose
from posexp.pose.skeleton import COCO17
from posexp.settings import check_choices, choice
from posexp.video.ahead import ahead
from posexp.video.frame import Frame

_FORMS = "a SavedModel folder, a .tflite file or a TF.js model.json"


@dataclass
class MoveNetOptions:
    """How to load and run MoveNet.

    Parameters
    ----------
    name : {"thunder", "lightning"}
        The variant.
    weights : str, optional
        TF Hub handle, SavedModel folder, .tflite file or TF.js model.json; the published ones by
        default.
    input_size : int, optional
        Side of the model's input, px; the model's own when that is fixed.
    threads : int, optional
        Of LiteRT, for a .tflite file; one per processor, up to four, by default.
    crop : CropSettings
        Thresholds of the crop tracking.
    """

    name: str = choice("thunder", "lightning", default="lightning")
    weights: str | None = None
    input_size: int | None = None
    threads: int | None = None
    crop: CropSettings = field(default_factory=CropSettings)

    def __post_init__(self) -> None:
        check_choices(self, "model")
        check_range("model.input_size", self.input_size, 32, 1024, "px")
        check_range("model.threads", self.threads, 1, 256)


class MoveNet(Model):
    """The model, ready to run."""

    options = MoveNetOptions
    variants = {  # noqa: RUF012
        "lightning": MoveNetOptions("lightning"),
        "lightning_int8": MoveNetOptions(
            "lightning", "movenet_singlepose_lightning_int8_v4.tflite"
        ),
        "thunder": MoveNetOptions("thunder"),
    }
    indifferent = ("threads",)
    skeleton = COCO17
    confidence_meaning = "MoveNet keypoint score"

    def __init__(self, options: MoveNetOptions) -> None:
        super().__init__(options)
        self._crop = options.crop
        if self.weights.path.suffix != ".tflite":
            if options.threads is not None:
                raise ConfigError(
                    "model.threads", f"expected a .tflite file as model.weights, got "
                    f"{self.weights.source}", "Leave it out",
                )  # fmt: skip
            from posexp.models import movenet_tensorflow

            self._predict, fixed = movenet_tensorflow.load(self.weights)
        else:
            from posexp.models import movenet_litert

            self._predict, fixed = movenet_litert.load(self.weights, options.threads)
        if fixed and options.input_size not in (None, fixed):
            raise ConfigError(
                "model.input_size",
                f"{self.name} takes {fixed} px and no other, got {options.input_size}",
                f"Leave it out, or set model.input_size={fixed}",
            )
        if not (fixed or options.input_size):
            raise ConfigError(
                "model.input_size", "this model takes any size, and none was given",
                "Set it, in px: thunder was trained at 256, lightning at 192",
            )  # fmt: skip
        self.input_size = int(fixed or options.input_size or 0)

    def estimate(self, frames: Iterable[Frame]) -> Generator[FramePose, None, None]:
        """One pose per frame: crop, predict, and steer the next crop by the result."""
        region = None
        for frame in ahead(frames):
            region = region or whole_image(frame.width, frame.height)
            crop = sample(frame.planes(), region, self.input_size)
            keypoints = self._predict(crop)
            image = to_image(keypoints[:, 1::-1], region)
            # int8 weights may overshoot by a rounding step; confidence is a share.
            scores = np.clip(keypoints[:, 2], 0, 1)
            yield FramePose(frame.index, frame.time, image, scores)
            region = next_region(image, scores, frame.width, frame.height, self._crop)

    @classmethod
    def find_weights(cls, options: MoveNetOptions) -> ModelFile:
        """The model file, downloaded if need be.

        What a TF Hub handle names is looked up in ``$TFHUB_CACHE_DIR`` (failing that, the user's
        cache) and downloaded there; a published one stands for the variant, wherever its weights
        come from.

        Raises
        ------
        ModelError
            When there is no such file, or it cannot be had.
        """
        weights = options.weights
        if weights is None or weights in HANDLES:
            return published(HANDLES[weights] if weights else options.name)
        if is_address(weights):
            if weights.partition("?")[0].endswith(".tflite"):
                return fetched(Address(weights), f"set model.weights to {_FORMS}")
            hub = Hub(weights)
            return fetched(
                hub, f"put its saved_model.pb and variables/ into {hub.folder}, or set "
                f"model.weights to {_FORMS}",
            )  # fmt: skip
        path = existing(weights, _FORMS)
        if path.is_dir():
            if not (path / "saved_model.pb").is_file():
                raise ModelError(
                    path, "expected a SavedModel folder, got one without saved_model.pb"
                )
            return ModelFile(path, str(path), sha256_of(path))
        if path.suffix == ".json":
            return ModelFile(path, str(path), sha256_of(path, tfjs.files_of(path)))
        if path.suffix != ".tflite":
            raise ModelError(path, f"expected {_FORMS}")
        return ModelFile(path, str(path), sha256_of(path))

    @classmethod
    def runtime(cls, options: MoveNetOptions, weights: ModelFile) -> str:
        """LiteRT for a .tflite file, else TensorFlow, and its version."""
        return library("ai-edge-litert" if weights.path.suffix == ".tflite" else "tensorflow")
