"""Where model files come from: a path, the cache, inside a wheel, or a checked download."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from posexp.errors import ModelError

TASK_URL = (
    "https://storage.googleapis.com/mediapipe-models/pose_landmarker/"
    "pose_landmarker_{0}/float16/1/pose_landmarker_{0}.task"
)

TASK_SHA256 = {
    "pose_landmarker_lite.task": "59929e1d1ee95287735ddd833b19cf4ac46d29bc7afddbbf6753c459690d574a",
    "pose_landmarker_full.task": "4eaa5eb7a98365221087693fcc286334cf0858e2eb6e15b506aa4a7ecdcec4ad",
    "pose_landmarker_heavy.task": (
        "64437af838a65d18e5ba7a0d39b465540069bc8aae8308de3e318aad31fcbc7b"
    ),
}


@dataclass(frozen=True)
class ModelFile:
    """Which file a model was loaded from.

    Parameters
    ----------
    path : Path
        A .tflite or .task file, or a SavedModel folder.
    source : str
        The handle, URL, path or wheel that it came from.
    sha256 : str
        Of the file; of a folder, over its files' names and contents in order.
    """

    path: Path
    source: str
    sha256: str


def cache_folder() -> Path:
    """The user's cache for model files (on Linux ``$XDG_CACHE_HOME/posexp``)."""
    import platformdirs

    return platformdirs.user_cache_path("posexp")


def movenet(weights: str) -> ModelFile:
    """A MoveNet SavedModel or .tflite from a TF Hub handle, or from a path.

    A handle is looked up in ``$TFHUB_CACHE_DIR`` (failing that, the user's cache), and
    downloaded there when it is missing.

    Raises
    ------
    ModelError
        When there is no such file, or the download fails.
    """
    if not _is_url(weights):
        path = _existing(weights, "a SavedModel folder or a .tflite file")
        if path.is_dir() and not (path / "saved_model.pb").is_file():
            raise ModelError(path, "expected a SavedModel folder, got one without saved_model.pb")
        if path.is_file() and path.suffix != ".tflite":
            raise ModelError(path, "expected a SavedModel folder or a .tflite file")
        return ModelFile(path, str(path), sha256_of(path))
    cache = Path(os.environ.get("TFHUB_CACHE_DIR") or cache_folder() / "tfhub").expanduser()
    folder = cache / hashlib.sha1(weights.encode()).hexdigest()
    if not (folder / "saved_model.pb").is_file():
        _download_saved_model(weights, cache, folder)
    return ModelFile(folder, weights, sha256_of(folder))


def blazepose(complexity: str, weights: str | None) -> ModelFile:
    """A BlazePose bundle for MediaPipe Tasks.

    Parameters
    ----------
    complexity : {"lite", "full", "heavy"}
        Which one, when `weights` does not say. ``full`` is built from the mediapipe wheel.
    weights : str, optional
        A path or URL of a .task file.

    Raises
    ------
    ModelError
        When the file is missing, the download fails, or its sha256 is not the published one.
    """
    if weights is not None and not _is_url(weights):
        path = _existing(weights, "a .task file")
        if not zipfile.is_zipfile(path):
            raise ModelError(path, "expected a .task bundle, got a file of another kind")
        return ModelFile(path, str(path), _checked(path))
    if weights is None and complexity == "full":
        return _embedded_bundle()
    url = weights or TASK_URL.format(complexity)
    path = _download_file(url)
    return ModelFile(path, url, _checked(path))


def import_mediapipe() -> ModuleType:
    """Import mediapipe without the TensorFlow that it would load for one docstring.

    TensorFlow stays importable afterwards: its 9 s are paid only by who uses it.
    """
    with _without_tensorflow():
        import mediapipe
        import mediapipe.tasks.python.vision
    return mediapipe  # type: ignore[no-any-return]


@contextlib.contextmanager
def _without_tensorflow() -> Iterator[None]:
    hidden = "tensorflow" not in sys.modules
    if hidden:
        sys.modules["tensorflow"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hidden:
            del sys.modules["tensorflow"]


def sha256_of(path: Path) -> str:
    """Hexadecimal sha256 of a file, or of a folder's files with their names, in order."""
    digest = hashlib.sha256()
    if path.is_file():
        _feed(digest, path)
    else:
        for file in sorted(entry for entry in path.rglob("*") if entry.is_file()):
            digest.update(file.relative_to(path).as_posix().encode() + b"\0")
            _feed(digest, file)
    return digest.hexdigest()


def _feed(digest: Any, path: Path) -> None:
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)


def _is_url(weights: str) -> bool:
    return weights.startswith(("http://", "https://"))


def _existing(weights: str, expected: str) -> Path:
    path = Path(weights).expanduser()
    if not path.exists():
        raise ModelError(path, f"expected {expected}, found nothing there", "Check model.weights")
    return path.resolve()


def _checked(path: Path) -> str:
    """The file's sha256; ModelError when a published one with its name differs."""
    found = sha256_of(path)
    expected = TASK_SHA256.get(path.name, found)
    if found != expected:
        raise ModelError(
            path, f"wrong hash: expected sha256 {expected}, got {found}",
            "Delete the file and get it again",
        )  # fmt: skip
    return found


def _download_saved_model(handle: str, cache: Path, folder: Path) -> None:
    import tensorflow_hub

    try:
        with _environment(TFHUB_CACHE_DIR=str(cache), TFHUB_DOWNLOAD_PROGRESS="1"):
            # It downloads beside the final folder and renames it, so nothing is left half-done.
            tensorflow_hub.resolve(handle)
        if (folder / "saved_model.pb").is_file():
            return
        problem = "the download holds no saved_model.pb"
    except (OSError, ValueError, EOFError) as error:
        problem = _reason(error)
    raise ModelError(
        handle, f"could not be downloaded ({problem})",
        f"Offline: put its saved_model.pb and variables/ into {folder}, or set model.weights "
        "to a SavedModel folder or a .tflite file",
    )  # fmt: skip


def _download_file(url: str) -> Path:
    import pooch

    name = url.rsplit("/", 1)[-1]
    folder = cache_folder()
    known = TASK_SHA256.get(name)
    try:
        path = pooch.retrieve(
            url, known_hash=f"sha256:{known}" if known else None, fname=name, path=folder,
            downloader=pooch.HTTPDownloader(progressbar=True, timeout=30),
        )  # fmt: skip
    except ValueError as error:
        raise ModelError(
            url, f"wrong hash: expected sha256 {known}", "Nothing was kept; try again later"
        ) from error
    except OSError as error:
        raise ModelError(
            url, f"could not be downloaded ({_reason(error)})",
            f"Offline: put {name} into {folder}, or set model.weights to its path; "
            "model.complexity=full needs no download",
        ) from error  # fmt: skip
    return Path(path)


def _embedded_bundle() -> ModelFile:
    """BlazePose full, from the weights inside the mediapipe wheel, built once per version."""
    spec = importlib.util.find_spec("mediapipe")
    modules = Path(spec.origin).parent / "modules" if spec and spec.origin else Path()
    detector = modules / "pose_detection" / "pose_detection.tflite"
    landmarks = modules / "pose_landmark" / "pose_landmark_full.tflite"
    if not (detector.is_file() and landmarks.is_file()):
        raise ModelError(
            "mediapipe", "this version carries no pose weights",
            "Install mediapipe==0.10.21, or set model.weights to a .task file",
        )  # fmt: skip
    key = hashlib.sha256((sha256_of(detector) + sha256_of(landmarks)).encode()).hexdigest()[:16]
    path = cache_folder() / f"pose_landmarker_embedded_{key}.task"
    if not path.is_file():
        _build_bundle(detector, landmarks, path)
    return ModelFile(path, "mediapipe wheel, pose_landmark_full.tflite", sha256_of(path))


def _build_bundle(detector: Path, landmarks: Path, path: Path) -> None:
    with _without_tensorflow():
        from mediapipe.tasks.python.metadata.metadata_writers import metadata_writer

    # The landmark model lacks the normalisation metadata that Tasks asks for: 0..255 to 0..1.
    writer = metadata_writer.MetadataWriter.create(bytearray(landmarks.read_bytes()))
    model = writer.add_image_input([0.0], [255.0]).populate()[0]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            part = Path(folder) / path.name
            # Stored: Tasks maps the file into memory. A fixed date keeps its hash the same.
            with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as bundle:
                bundle.writestr(zipfile.ZipInfo("pose_detector.tflite"), detector.read_bytes())
                bundle.writestr(zipfile.ZipInfo("pose_landmarks_detector.tflite"), bytes(model))
            part.replace(path)
    except OSError as error:
        raise ModelError(
            path, f"the embedded model could not be unpacked ({error.strerror})",
            "Free some space there, or set XDG_CACHE_HOME to another folder",
        ) from error  # fmt: skip


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set environment variables for a library that reads nothing else."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _reason(error: Exception) -> str:
    cause: BaseException = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__ or cause
    return str(getattr(cause, "reason", None) or cause)[:200]
