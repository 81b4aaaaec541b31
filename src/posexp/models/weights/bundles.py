"""BlazePose as a MediaPipe Tasks bundle, built from its detector and its landmark model."""

from __future__ import annotations

import contextlib
import hashlib
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from posexp.files import whole
from posexp.models.weights.downloads import cache_folder, unwritable

_METADATA = b"TFLITE_METADATA"


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
    """A .tflite with the metadata that says what its input, an RGB image, is normalised with.

    Written with the schemas of mediapipe, since its own writer does not import from 1.0 on.
    """
    import flatbuffers

    with _without_tensorflow():
        from mediapipe.tasks.metadata import metadata_schema_py_generated as described
        from mediapipe.tasks.metadata import schema_py_generated as lite

    content = lite.ModelT.InitFromObj(lite.Model.GetRootAs(model.read_bytes(), 0))
    content.metadata = content.metadata or []
    if any(entry.name == _METADATA for entry in content.metadata):
        return model.read_bytes()
    scale = described.NormalizationOptionsT()
    scale.mean, scale.std = [mean], [deviation]
    step = described.ProcessUnitT()
    step.optionsType, step.options = described.ProcessUnitOptions.NormalizationOptions, scale
    picture = described.ImagePropertiesT()
    picture.colorSpace = described.ColorSpaceType.RGB
    tensor = described.TensorMetadataT()
    tensor.processUnits, tensor.content = [step], described.ContentT()
    tensor.content.contentPropertiesType = described.ContentProperties.ImageProperties
    tensor.content.contentProperties = picture
    graph, about = described.SubGraphMetadataT(), described.ModelMetadataT()
    (outputs,) = (len(graph.outputs) for graph in content.subgraphs)
    graph.inputTensorMetadata = [tensor]
    graph.outputTensorMetadata = [described.TensorMetadataT() for _ in range(outputs)]
    about.subgraphMetadata, about.minParserVersion = [graph], "1.0.0"

    def packed(table: Any, identifier: bytes) -> bytes:
        builder = flatbuffers.Builder(0)
        builder.Finish(table.Pack(builder), identifier)
        return bytes(builder.Output())

    buffer, entry = lite.BufferT(), lite.MetadataT()
    buffer.data = list(packed(about, b"M001"))
    entry.name, entry.buffer = _METADATA, len(content.buffers)
    content.buffers.append(buffer)
    content.metadata.append(entry)
    return packed(content, b"TFL3")
