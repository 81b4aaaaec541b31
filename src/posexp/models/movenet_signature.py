"""What every file of MoveNet takes and gives, whichever library runs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posexp.errors import ModelError
from posexp.video.frame import Image

Predict = Callable[[Image], NDArray[np.float32]]
"""From an (S, S, 3) crop to (17, 3) y, x, score."""


def square(path: Path, shape: list[int | None], result: list[int | None]) -> int | None:
    """The side of the input [1, S, S, 3], checked with the output [1, 1, 17, 3]."""
    plain = [None if n is None or n < 0 else int(n) for n in shape]
    joints = None if len(result) != 4 else [result[2], result[3]]
    fits = len(plain) == 4 and plain[0] in (1, None) and plain[1] == plain[2] and plain[3] == 3
    if not fits or joints not in ([17, 3], [None, None]):
        raise wrong_signature(path, f"input {plain} and output {result}")
    return plain[1]


def wrong_signature(path: Path, got: str) -> ModelError:
    """The error for a file with another model in it."""
    return ModelError(
        path, "expected MoveNet's signature serving_default, int32 [1, S, S, 3] to "
        f"[1, 1, 17, 3], got {got}",
        "Set model.weights to a MoveNet single-pose model",
    )  # fmt: skip
