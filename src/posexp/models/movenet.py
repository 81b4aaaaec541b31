"""MoveNet Thunder and Lightning with crop tracking; SavedModel through TensorFlow, or LiteRT."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posexp.errors import ConfigError, ModelError, check_choice, check_range
from posexp.models import weights as weight_files
from posexp.models.crop import CropSettings, next_region, sample, to_image, whole_image
from posexp.models.native import processors
from posexp.models.weights import tfjs
from posexp.pose.sequence import FramePose
from posexp.pose.skeleton import COCO17
from posexp.video.ahead import ahead
from posexp.video.frame import Frame, Image

Predict = Callable[[Image], NDArray[np.float32]]


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

    name: str = "lightning"
    weights: str | None = None
    input_size: int | None = None
    threads: int | None = None
    crop: CropSettings = field(default_factory=CropSettings)

    def __post_init__(self) -> None:
        check_choice("model.name", self.name, ("thunder", "lightning"))
        check_range("model.input_size", self.input_size, 32, 1024, "px")
        check_range("model.threads", self.threads, 1, 256)


def find_weights(options: MoveNetOptions) -> weight_files.ModelFile:
    """The model file, downloaded if need be; ModelError when it cannot be had."""
    return weight_files.movenet(options.name, options.weights)


class MoveNet:
    """The loaded model; see `posexp.models.registry.Estimator`."""

    skeleton = COCO17
    confidence_meaning = "MoveNet keypoint score"

    def __init__(self, options: MoveNetOptions) -> None:
        self.name = options.name
        self.weights = find_weights(options)
        self._crop = options.crop
        if self.weights.path.suffix != ".tflite":
            if options.threads is not None:
                raise ConfigError(
                    "model.threads", f"expected a .tflite file as model.weights, got "
                    f"{self.weights.source}", "Leave it out",
                )  # fmt: skip
            of_file = _saved_model if self.weights.path.is_dir() else _graph_model
            self._predict, fixed = of_file(self.weights)
        else:
            self._predict, fixed = _lite_model(self.weights, options.threads)
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


def _saved_model(file: weight_files.ModelFile) -> tuple[Predict, int | None]:
    """(predict, fixed input size or None) of a SavedModel with MoveNet's signature."""
    import tensorflow as tf

    try:
        model = tf.saved_model.load(str(file.path))
    except (OSError, ValueError, RuntimeError, KeyError, tf.errors.OpError) as error:
        raise ModelError(
            file.path, f"expected a SavedModel, got a damaged one ({str(error)[:120]})",
            "Get it again",
        ) from error  # fmt: skip
    function = model.signatures.get("serving_default")
    if function is None:
        raise _wrong_signature(file, f"the signatures {sorted(model.signatures) or 'none'}")
    inputs = list(function.structured_input_signature[1].items())
    outputs = list(function.structured_outputs.items())
    if len(inputs) != 1 or len(outputs) != 1:
        raise _wrong_signature(file, f"{len(inputs)} inputs and {len(outputs)} outputs")
    (name, spec), (output, result) = inputs[0], outputs[0]
    size = _size(file, spec, result)

    def predict(crop: Image) -> NDArray[np.float32]:
        image = tf.constant(crop.astype(np.int32)[None])
        return np.asarray(function(**{name: image})[output])[0, 0]

    predict.model = model  # type: ignore[attr-defined]  # the function holds it only weakly
    return predict, size


def _graph_model(file: weight_files.ModelFile) -> tuple[Predict, int | None]:
    """(predict, fixed input size or None) of a TF.js model with MoveNet's signature."""
    import tensorflow as tf

    function = tfjs.load(file.path)
    size = _size(file, function.inputs[0], function.outputs[0])

    def predict(crop: Image) -> NDArray[np.float32]:
        return np.asarray(function(tf.constant(crop.astype(np.int32)[None])))[0, 0]

    return predict, size


def _size(file: weight_files.ModelFile, image: Any, result: Any) -> int | None:
    """The side of the input of a TensorFlow function, checked with its type and its output."""
    shapes = [None if of.shape.rank is None else of.shape.as_list() for of in (image, result)]
    size = _square(file, *(shape or [] for shape in shapes))
    if image.dtype.name != "int32":
        raise _wrong_signature(file, f"input of type {image.dtype.name}")
    return size


def _lite_model(file: weight_files.ModelFile, threads: int | None) -> tuple[Predict, int | None]:
    """(predict, fixed input size) of a .tflite with MoveNet's signature."""
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter: Any = Interpreter(
            model_path=str(file.path), num_threads=threads or min(4, processors())
        )
        interpreter.allocate_tensors()
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    except (ValueError, RuntimeError) as error:
        raise ModelError(
            file.path, "expected a .tflite model, got a file that LiteRT cannot read",
            "Get it again",
        ) from error  # fmt: skip
    if len(inputs) != 1 or len(outputs) != 1:
        raise _wrong_signature(file, f"{len(inputs)} inputs and {len(outputs)} outputs")
    kind = inputs[0]["dtype"]
    size = _square(file, list(inputs[0]["shape"]), list(outputs[0]["shape"]))
    if kind not in (np.uint8, np.int32, np.float32):
        raise _wrong_signature(file, f"input of type {np.dtype(kind).name}")

    def predict(crop: Image) -> NDArray[np.float32]:
        interpreter.set_tensor(inputs[0]["index"], crop[None].astype(kind))
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(outputs[0]["index"]), np.float32)[0, 0]

    return predict, size


def _square(
    file: weight_files.ModelFile, shape: list[int | None], result: list[int | None]
) -> int | None:
    """The side of the input [1, S, S, 3], checked with the output [1, 1, 17, 3]."""
    plain = [None if n is None or n < 0 else int(n) for n in shape]
    joints = None if len(result) != 4 else [result[2], result[3]]
    square = len(plain) == 4 and plain[0] in (1, None) and plain[1] == plain[2] and plain[3] == 3
    if not square or joints not in ([17, 3], [None, None]):
        raise _wrong_signature(file, f"input {plain} and output {result}")
    return plain[1]


def _wrong_signature(file: weight_files.ModelFile, got: str) -> ModelError:
    return ModelError(
        file.path, "expected MoveNet's signature serving_default, int32 [1, S, S, 3] to "
        f"[1, 1, 17, 3], got {got}",
        "Set model.weights to a MoveNet single-pose model",
    )  # fmt: skip
