"""MoveNet from a .tflite file, through LiteRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from posexp.errors import ModelError
from posexp.models.movenet_signature import Predict, square, wrong_signature
from posexp.models.native import processors
from posexp.video.frame import Image


def load(path: Path, threads: int | None) -> tuple[Predict, int | None]:
    """(predict, fixed input size) of a .tflite with MoveNet's signature.

    Raises
    ------
    ModelError
        When it is damaged or has another model in it.
    """
    try:
        interpreter: Any = Interpreter(
            model_path=str(path), num_threads=threads or min(4, processors())
        )
        interpreter.allocate_tensors()
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    except (ValueError, RuntimeError) as error:
        raise ModelError(
            path, "expected a .tflite model, got a file that LiteRT cannot read",
            "Get it again",
        ) from error  # fmt: skip
    if len(inputs) != 1 or len(outputs) != 1:
        raise wrong_signature(path, f"{len(inputs)} inputs and {len(outputs)} outputs")
    kind = inputs[0]["dtype"]
    size = square(path, list(inputs[0]["shape"]), list(outputs[0]["shape"]))
    if kind not in (np.uint8, np.int32, np.float32):
        raise wrong_signature(path, f"input of type {np.dtype(kind).name}")

    def predict(crop: Image) -> NDArray[np.float32]:
        interpreter.set_tensor(inputs[0]["index"], crop[None].astype(kind))
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(outputs[0]["index"]), np.float32)[0, 0]

    return predict, size
