"""MoveNet as a TF.js graph model: the graph in model.json, its weights in files beside it."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posexp.errors import ModelError

_PLAIN = {"_FusedConv2D": "Conv2D", "FusedDepthwiseConv2dNative": "DepthwiseConv2dNative"}
_CONVOLUTION = ("T", "strides", "padding", "data_format", "dilations", "explicit_paddings")


def files_of(path: Path) -> list[Path]:
    """The model.json and the files with its weights.

    Raises
    ------
    ModelError
        When it is something else, or one of its files is missing.
    """
    return [path, *(path.parent / name for group in _groups(path) for name in group["paths"])]


def load(path: Path) -> Any:
    """The graph as a TensorFlow function of its one input.

    Raises
    ------
    ModelError
        When it is damaged, or a graph that TensorFlow does not know.
    """
    import tensorflow as tf
    from google.protobuf import json_format
    from tensorflow.core.framework import graph_pb2

    weights = _weights(path)
    model = _read(path)
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


def _read(path: Path) -> dict[str, Any]:
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
        groups = [dict(group) for group in _read(path)["weightsManifest"]]
        names = [str(name) for group in groups for name in group["paths"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(path, "its weightsManifest is damaged", "Get it again") from error
    for name in names:
        if PurePosixPath(name).name != name:
            raise ModelError(path, f"expected weights beside it, got {name!r}")
        if not (path.parent / name).is_file():
            raise ModelError(path, f"expected its weights {name} beside it, found none")
    return groups


def _weights(path: Path) -> dict[str, NDArray[Any]]:
    """Arrays by the name of their node; what was shortened for the way is as it was."""
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
