"""MoveNet through TensorFlow: a SavedModel, or the graph of a TF.js model as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from numpy.typing import NDArray
from tensorflow.core.framework import graph_pb2

from posexp.errors import ModelError
from posexp.models.movenet_signature import Predict, square, wrong_signature
from posexp.models.weights import tfjs
from posexp.models.weights.model_file import ModelFile
from posexp.video.frame import Image

_PLAIN = {"_FusedConv2D": "Conv2D", "FusedDepthwiseConv2dNative": "DepthwiseConv2dNative"}
_CONVOLUTION = ("T", "strides", "padding", "data_format", "dilations", "explicit_paddings")


def load(file: ModelFile) -> tuple[Predict, int | None]:
    """(predict, fixed input size or None) of a model with MoveNet's signature.

    Raises
    ------
    ModelError
        When it is damaged or another model.
    """
    return _saved_model(file) if file.path.is_dir() else _graph_model(file)


def _saved_model(file: ModelFile) -> tuple[Predict, int | None]:
    """(predict, fixed input size or None) of a SavedModel with MoveNet's signature."""
    try:
        model = tf.saved_model.load(str(file.path))
    except (OSError, ValueError, RuntimeError, KeyError, tf.errors.OpError) as error:
        raise ModelError(
            file.path, f"expected a SavedModel, got a damaged one ({str(error)[:120]})",
            "Get it again",
        ) from error  # fmt: skip
    function = model.signatures.get("serving_default")
    if function is None:
        raise wrong_signature(file.path, f"the signatures {sorted(model.signatures) or 'none'}")
    inputs = list(function.structured_input_signature[1].items())
    outputs = list(function.structured_outputs.items())
    if len(inputs) != 1 or len(outputs) != 1:
        raise wrong_signature(file.path, f"{len(inputs)} inputs and {len(outputs)} outputs")
    (name, spec), (output, result) = inputs[0], outputs[0]
    size = _size(file, spec, result)

    def predict(crop: Image) -> NDArray[np.float32]:
        image = tf.constant(crop.astype(np.int32)[None])
        return np.asarray(function(**{name: image})[output])[0, 0]

    predict.model = model  # type: ignore[attr-defined]  # the function holds it only weakly
    return predict, size


def _graph_model(file: ModelFile) -> tuple[Predict, int | None]:
    """(predict, fixed input size or None) of a TF.js model with MoveNet's signature."""
    function = load_graph(file.path)
    size = _size(file, function.inputs[0], function.outputs[0])

    def predict(crop: Image) -> NDArray[np.float32]:
        return np.asarray(function(tf.constant(crop.astype(np.int32)[None])))[0, 0]

    return predict, size


def _size(file: ModelFile, image: Any, result: Any) -> int | None:
    """The side of the input of a TensorFlow function, checked with its type and its output."""
    shapes = [None if of.shape.rank is None else of.shape.as_list() for of in (image, result)]
    size = square(file.path, *(shape or [] for shape in shapes))
    if image.dtype.name != "int32":
        raise wrong_signature(file.path, f"input of type {image.dtype.name}")
    return size


def load_graph(path: Path) -> Any:
    """The graph of a TF.js model as a TensorFlow function of its one input.

    Raises
    ------
    ModelError
        When it is damaged, or a graph that TensorFlow does not know.
    """
    weights = tfjs.weights_of(path)
    model = tfjs.read(path)
    try:
        topology = model["modelTopology"]
        graph = json_format.ParseDict(topology, graph_pb2.GraphDef(), ignore_unknown_fields=True)
        for node in graph.node:
            if node.op == "Const":
                node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(weights[node.name]))
        signature = model.get("signature") or topology["signature"]
        (image,), (result,) = signature["inputs"].values(), signature["outputs"].values()
        graph = _without_fused(graph)
        whole = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
        return whole.prune(image["name"], result["name"])
    except (json_format.ParseError, ValueError, KeyError, TypeError, AttributeError, IndexError,
            tf.errors.OpError) as error:  # fmt: skip
        raise ModelError(
            path, "expected a graph with one image as input and one result, which TensorFlow "
            f"knows, got another ({' '.join(str(error).split())[:120]})",
            "Set model.weights to a MoveNet single-pose model",
        ) from error  # fmt: skip


def _without_fused(graph: Any) -> Any:
    """The graph with TF.js's fused convolutions as a convolution, a bias and an activation."""
    plain = type(graph)()
    plain.versions.CopyFrom(graph.versions)
    for node in graph.node:
        if node.op not in _PLAIN:
            plain.node.add().CopyFrom(node)
            continue
        steps = [step.decode() for step in node.attr["fused_ops"].list.s]
        names = [f"{node.name}/{number}" for number in range(len(steps))] + [node.name]
        extra = list(node.input[2:])
        convolution = plain.node.add(name=names[0], op=_PLAIN[node.op], input=node.input[:2])
        for key in _CONVOLUTION:
            if key in node.attr:
                convolution.attr[key].CopyFrom(node.attr[key])
        for before, name, step in zip(names, names[1:], steps, strict=False):
            inputs = [before, extra.pop(0)] if step in ("BiasAdd", "Prelu") else [before]
            plain.node.add(name=name, op=step, input=inputs).attr["T"].CopyFrom(node.attr["T"])
    return plain
