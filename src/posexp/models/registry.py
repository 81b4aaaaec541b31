"""Pose estimators: frames in, the pose of one person per frame out."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Generator, Iterable
from typing import Protocol

from posexp.errors import ConfigError
from posexp.models import mlkit, movenet
from posexp.models.mlkit import MlkitOptions
from posexp.models.movenet import MoveNetOptions
from posexp.models.weights import ModelFile
from posexp.pose.sequence import FramePose
from posexp.pose.skeleton import Skeleton
from posexp.video.frame import Frame

Options = MoveNetOptions | MlkitOptions

VARIANTS: dict[str, type[MoveNetOptions] | type[MlkitOptions]] = {
    "thunder": MoveNetOptions,
    "lightning": MoveNetOptions,
    "mlkit": MlkitOptions,
}


class Estimator(Protocol):
    """A loaded model.

    Attributes
    ----------
    name : str
        The variant.
    skeleton : Skeleton
        What it returns.
    weights : ModelFile
        What it was loaded from.
    confidence_meaning : str
        What its confidence is; never compare the values of different models.
    """

    name: str
    skeleton: Skeleton
    weights: ModelFile
    confidence_meaning: str

    def estimate(self, frames: Iterable[Frame]) -> Generator[FramePose, None, None]:
        """One pose per frame, in order. One call per video: tracking starts afresh."""
        ...


def load(options: Options) -> Estimator:
    """Load the model that `options` describe.

    Raises
    ------
    ModelError
        When its weights cannot be had or are of another kind.
    """
    return mlkit.Mlkit(options) if isinstance(options, MlkitOptions) else movenet.MoveNet(options)


def find_weights(options: Options) -> ModelFile:
    """The model file that `options` name, downloaded if need be, without loading it.

    Raises
    ------
    ModelError
        When it cannot be had.
    """
    if isinstance(options, MlkitOptions):
        return mlkit.find_weights(options)
    return movenet.find_weights(options)


def runtime_of(options: Options, weights: ModelFile) -> str:
    """The library that computes with a model file, and its version: each rounds in its own way."""
    lite = weights.path.suffix == ".tflite"
    package = "ai-edge-litert" if lite else "tensorflow"
    package = "mediapipe" if isinstance(options, MlkitOptions) else package
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:  # a build of another name
        return package


def options_for(model: str, **options: object) -> Options:
    """Options of a variant by name, for Python users.

    Raises
    ------
    ConfigError
        For an unknown variant, or an option that does not apply to it.
    """
    from dataclasses import fields

    from posexp.models.crop import CropSettings

    if model not in VARIANTS:
        raise ConfigError("model", f"expected one of {', '.join(VARIANTS)}, got {model!r}")
    kind = VARIANTS[model]
    known = [field.name for field in fields(kind) if field.name != "name"]
    for key in options:
        if key not in known:
            raise ConfigError(
                f"model.{key}", f"no such option for {model}, which has {', '.join(known)}"
            )
    if isinstance(crop := options.get("crop"), dict):
        options["crop"] = CropSettings(**crop)
    return kind(name=model, **options)  # type: ignore[arg-type]
