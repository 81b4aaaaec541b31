"""MoveNet's conversion for LiteRT: a program of its own, so that only it loads TensorFlow.

``python -m posexp.models.movenet_conversion SOURCE SHA256 FOLDER`` writes what was converted, and
how far it is from the source, into the folder; `posexp.models.weights.converted` starts it.
"""

from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from posexp.errors import ModelError
from posexp.files import sha256_of
from posexp.models import movenet_litert, movenet_tensorflow
from posexp.models.crop import sample, whole_image
from posexp.models.weights.converted import ABOUT, MODEL, SAID, About
from posexp.models.weights.model_file import ModelFile
from posexp.video.embedded import embedded_clip
from posexp.video.frame import Image
from posexp.video.source import VideoSource

APART_PX, APART_SCORE = 0.01, 1e-3
"""How far keypoints may be from the source's, px of the input, and scores; both compute in float32
and add in another order, which was up to 7e-5 px and 4e-6."""


def convert(file: ModelFile, folder: Path) -> About:
    """Write a model for LiteRT into a folder, if it converts and agrees with the source.

    Weights keep the precision that they have, float32: as float16 the file is half as large, and
    neither faster nor, for weights that have more digits, the same.

    Raises
    ------
    ModelError
        When the source is damaged or another model.
    """
    expected, size = movenet_tensorflow.load(file)
    if size is None:
        return About(file.sha256, refused="it takes pictures of any size")
    path = folder / MODEL
    try:
        path.write_bytes(_converter(file).convert())
        found, _ = movenet_litert.load(path, None)
    except OSError:
        raise
    except Exception as error:  # whatever its compiler raises
        path.unlink(missing_ok=True)
        return About(file.sha256, refused=_in_a_line(error))
    apart = np.max([np.abs(expected(c) - found(c)).max(axis=0) for c in _crops(size)], axis=0)
    px, score = float(apart[:2].max()) * size, float(apart[2])
    if not (px <= APART_PX and score <= APART_SCORE):  # NaN too
        path.unlink()
        reason = f"its keypoints are {px:.2g} px and its scores {score:.2g} from TensorFlow's"
        return About(file.sha256, refused=reason)
    return About(file.sha256, sha256_of(path), px=px, score=score)


def _converter(file: ModelFile) -> Any:
    if file.path.is_dir():
        return tf.lite.TFLiteConverter.from_saved_model(
            str(file.path), signature_keys=["serving_default"]
        )
    graph = movenet_tensorflow.load_graph(file.path)
    return tf.lite.TFLiteConverter.from_concrete_functions([graph], graph)


def _crops(size: int) -> list[Image]:
    """Pictures of a person that are the same everywhere: of the embedded clip, (size, size, 3)."""
    frames = islice(VideoSource(embedded_clip()).frames(), 0, 120, 40)
    return [sample(f.planes(), whole_image(f.width, f.height), size).copy() for f in frames]


def _in_a_line(error: Exception) -> str:
    """What a compiler says, without its stack, or which operations LiteRT lacks."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    lacks = ("TF ops:", "TF Select ops:", "Custom ops:")
    named = [line for line in lines if line.startswith(lacks)]
    return f"{type(error).__name__}: {' '.join(named or lines[:1])}"[:200]


def main() -> int:
    """Convert what the command line names; the exit status is not 0 when nothing was written."""
    path, sha256, folder = sys.argv[1:]
    try:
        about = convert(ModelFile(Path(path), path, sha256), Path(folder))
        (Path(folder) / ABOUT).write_text(json.dumps(vars(about)), "utf-8")
    except ModelError as error:
        said = [str(error.subject), error.problem, error.remedy]
        (Path(folder) / SAID).write_text(json.dumps(said), "utf-8")
        return 1
    except OSError as error:
        print(f"{type(error).__name__}: {error}")  # stderr is full of TensorFlow's own lines
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
