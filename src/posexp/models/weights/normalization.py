"""The metadata of a .tflite that say what its input is normalised with, by mediapipe's schemas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flatbuffers

from posexp.models.native import without_tensorflow

with without_tensorflow():
    from mediapipe.tasks.metadata import metadata_schema_py_generated as schema
    from mediapipe.tasks.metadata import schema_py_generated as lite

_METADATA = b"TFLITE_METADATA"


def described(model: Path, mean: float, deviation: float) -> bytes:
    """A .tflite with the metadata that says what its input, an RGB image, is normalised with.

    Written with the schemas of mediapipe, since its own writer does not import from 1.0 on.
    """
    content = lite.ModelT.InitFromObj(lite.Model.GetRootAs(model.read_bytes(), 0))
    content.metadata = content.metadata or []
    if any(entry.name == _METADATA for entry in content.metadata):
        return model.read_bytes()
    scale = schema.NormalizationOptionsT()
    scale.mean, scale.std = [mean], [deviation]
    step = schema.ProcessUnitT()
    step.optionsType, step.options = schema.ProcessUnitOptions.NormalizationOptions, scale
    picture = schema.ImagePropertiesT()
    picture.colorSpace = schema.ColorSpaceType.RGB
    tensor = schema.TensorMetadataT()
    tensor.processUnits, tensor.content = [step], schema.ContentT()
    tensor.content.contentPropertiesType = schema.ContentProperties.ImageProperties
    tensor.content.contentProperties = picture
    graph, about = schema.SubGraphMetadataT(), schema.ModelMetadataT()
    (outputs,) = (len(graph.outputs) for graph in content.subgraphs)
    graph.inputTensorMetadata = [tensor]
    graph.outputTensorMetadata = [schema.TensorMetadataT() for _ in range(outputs)]
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
