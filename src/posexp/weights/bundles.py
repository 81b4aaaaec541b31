"""BlazePose as a MediaPipe Tasks bundle, built from its detector and its landmark model."""

from __future__ import annotations

import contextlib
import hashlib
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from posexp.files import whole
from posexp.weights.downloads import cache_folder, unwritable


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


def path_for(detector: str, landmarks: str) -> Path:
    """Where the bundle of two models, named by their sha256, is kept."""
    key = hashlib.sha256((detector + landmarks).encode()).hexdigest()[:16]
    return cache_folder() / f"pose_landmarker_{key}.task"


def build(detector: Path, landmarks: Path, path: Path) -> None:
    """Write the bundle to `path`.

    Raises
    ------
    ModelError
        When it cannot be written.
    """
    # Tasks asks for the normalisation that a model expects: here -1..1, and there 0..1.
    parts = {
        "pose_detector.tflite": _described(detector, 127.5, 127.5),
        "pose_landmarks_detector.tflite": _described(landmarks, 0.0, 255.0),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Stored: Tasks maps the file into memory. A fixed date keeps its hash the same.
        with whole(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as bundle:
            for name, content in parts.items():
                bundle.writestr(zipfile.ZipInfo(name), content)
    except OSError as error:
        raise unwritable(path, error) from error


def _described(model: Path, mean: float, deviation: float) -> bytes:
    """A model with the metadata for its input, unless it has some."""
    with _without_tensorflow():
        from mediapipe.tasks.python.metadata import metadata
        from mediapipe.tasks.python.metadata.metadata_writers import metadata_writer

    content = model.read_bytes()
    with contextlib.suppress(ValueError):
        metadata.MetadataDisplayer.with_model_buffer(content)
        return content
    writer = metadata_writer.MetadataWriter.create(bytearray(content))
    return bytes(writer.add_image_input([mean], [deviation]).populate()[0])
