"""MoveNet as a TF.js graph model: the graph in model.json, its weights in files beside it."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posexp.errors import ModelError


def files_of(path: Path) -> list[Path]:
    """The model.json and the files with its weights.

    Raises
    ------
    ModelError
        When it is something else, or one of its files is missing.
    """
    return [path, *(path.parent / name for group in _groups(path) for name in group["paths"])]


def read(path: Path) -> dict[str, Any]:
    """What a model.json holds; ModelError when it is something else."""
    try:
        model = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        model = None
    if not isinstance(model, dict) or "weightsManifest" not in model:
        raise ModelError(path, "expected a TF.js model (model.json), got another file")
    kind = model.get("format", "graph-model")
    if kind != "graph-model":
        raise ModelError(path, f"expected a TF.js graph-model, got a {kind}")
    return model


def _groups(path: Path) -> list[dict[str, Any]]:
    """The weights' manifest, with every file of it found beside the model."""
    try:
        groups = [dict(group) for group in read(path)["weightsManifest"]]
        names = [str(name) for group in groups for name in group["paths"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(path, "its weightsManifest is damaged", "Get it again") from error
    for name in names:
        if PurePosixPath(name).name != name:
            raise ModelError(path, f"expected weights beside it, got {name!r}")
        if not (path.parent / name).is_file():
            raise ModelError(path, f"expected its weights {name} beside it, found none")
    return groups


def weights_of(path: Path) -> dict[str, NDArray[Any]]:
    """Arrays by the name of their node; what was shortened for the way is as it was.

    Raises
    ------
    ModelError
        When they are damaged.
    """
    arrays = {}
    for group in _groups(path):
        raw = b"".join((path.parent / name).read_bytes() for name in group["paths"])
        at = 0
        try:
            for entry in group["weights"]:
                packed = entry.get("quantization", {})
                kind = np.dtype(packed.get("dtype", entry["dtype"]))
                count = int(np.prod(entry["shape"], dtype=np.int64))
                array = np.frombuffer(raw, kind, count, at).reshape(entry["shape"])
                at += array.nbytes
                if "scale" in packed:
                    array = array * packed["scale"] + packed["min"]
                arrays[entry["name"]] = array.astype(entry["dtype"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(path, f"its weights are damaged ({error})", "Get it again") from error
        if at != len(raw):
            raise ModelError(
                path, f"expected {at} bytes of weights, got {len(raw)}", "Get it again"
            )
    return arrays
