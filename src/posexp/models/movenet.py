"""MoveNet Thunder and Lightning with crop tracking; through TensorFlow, or LiteRT."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field

import numpy as np

from posexp.errors import ConfigError, ModelError, check_range
from posexp.files import sha256_of
from posexp.models.crop import CropSettings, next_region, sample, to_image, whole_image
from posexp.models.model import Model
from posexp.models.movenet_signature import Predict
from posexp.models.native import library
from posexp.models.weights import tfjs
from posexp.models.weights.converted import NotConverted, for_litert
from posexp.models.weights.given import existing, fetched, is_address
from posexp.models.weights.model_file import ModelFile
from posexp.models.weights.sources import Address, Hub
from posexp.models.weights.table import HANDLES, published
from posexp.pose.sequence import FramePose
from posexp.pose.skeleton import COCO17
from posexp.settings import check_choices, choice
from posexp.video.ahead import ahead
from posexp.video.frame import Frame

log = logging.getLogger("posexp")

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
    runtime : {"auto", "litert", "tensorflow"}
        What computes. ``auto``: LiteRT, for which a SavedModel or a TF.js model is converted once;
        TensorFlow where that does not give the same keypoints.
    threads : int, optional
        Of LiteRT; one per processor, up to four, by default.
    crop : CropSettings
        Thresholds of the crop tracking.
    """

    name: str = choice("thunder", "lightning", default="lightning")
    weights: str | None = None
    input_size: int | None = None
    runtime: str = choice("auto", "litert", "tensorflow")
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
    indifferent = ("threads", "runtime")
    sees = "person"
    skeleton = COCO17
    confidence_meaning = "MoveNet keypoint score"
    unsure = 0.2  # as the reference implementation's crop tracking takes it

    def __init__(self, options: MoveNetOptions) -> None:
        super().__init__(options)
        self._crop = options.crop
        self._predict, fixed, self.computed_by = _network(options, self.weights)
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
        """LiteRT for a .tflite file, or where it is asked for; else TensorFlow.

        ``auto`` is taken for TensorFlow, from whose keypoints it is not further than rounding. What
        crops were before is said too: those keypoints were others.
        """
        litert = weights.path.suffix == ".tflite" or options.runtime == "litert"
        return f"{library('ai-edge-litert' if litert else 'tensorflow')}, crops on whole px"


def _network(options: MoveNetOptions, weights: ModelFile) -> tuple[Predict, int | None, str]:
    """(predict, fixed input size or None, what computes)."""
    ready = weights.path.suffix == ".tflite"
    if options.runtime == "tensorflow":
        if ready:
            raise ConfigError(
                "model.runtime", f"expected auto or litert for a .tflite file, got tensorflow and "
                f"{weights.source}",
            )  # fmt: skip
        if options.threads is not None:
            raise ConfigError(
                "model.threads", "is of LiteRT, and model.runtime is tensorflow", "Leave it out"
            )
        return _in_tensorflow(weights)
    try:
        path = weights.path if ready else for_litert(weights)
    except NotConverted as error:
        if options.runtime == "litert":
            raise ModelError(
                weights.source, f"cannot run in LiteRT: {error}",
                "Leave model.runtime out, and it runs in TensorFlow",
            ) from error  # fmt: skip
        network = _in_tensorflow(weights, f"; {error}")
        log.warning("%s: runs in TensorFlow and not in LiteRT: %s", weights.source, error)
        return network
    from posexp.models import movenet_litert

    return (*movenet_litert.load(path, options.threads), library("ai-edge-litert"))


def _in_tensorflow(weights: ModelFile, more: str = "") -> tuple[Predict, int | None, str]:
    """The same in TensorFlow; ModelError, with `more` in it, where that cannot be imported."""
    try:
        from posexp.models import movenet_tensorflow
    except ImportError as error:
        raise ModelError(
            weights.source, f"needs TensorFlow, which cannot be imported ({error}{more})",
            "Install it again, or set model.weights to a .tflite file",
        ) from error  # fmt: skip
    return (*movenet_tensorflow.load(weights), library("tensorflow"))
