"""MoveNet for LiteRT, made once from what is published for TensorFlow, and kept in the cache."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from posexp.errors import ModelError
from posexp.files import PART, sha256_of, whole_folder
from posexp.models.weights.downloads import alone, cache_folder, unwritable
from posexp.models.weights.model_file import ModelFile

log = logging.getLogger("posexp")

MODEL, ABOUT, SAID = "model.tflite", "about.json", "error.json"
"""Of a conversion: the model, what is known of it, and why there is neither."""


@dataclass(frozen=True)
class About:
    """What came of a conversion.

    Parameters
    ----------
    source : str
        sha256 of what was converted.
    model : str, optional
        sha256 of the model; None when there is none.
    refused : str
        Why there is none.
    px, score : float, optional
        How far the model's answers are from the source's, px of the input and confidence.
    """

    source: str
    model: str | None = None
    refused: str = ""
    px: float | None = None
    score: float | None = None


class NotConverted(Exception):
    """LiteRT cannot run a model; its text says why."""


def for_litert(file: ModelFile) -> Path:
    """The .tflite of a SavedModel or a TF.js model; converted where it has not been.

    Raises
    ------
    NotConverted
        When it does not convert or does not agree with its source, or cannot be kept.
    ModelError
        When the source is damaged or another model.
    """
    folder = _folder(file)
    about = _kept(folder, file) or _made(folder, file)
    if about.model is None:
        raise NotConverted(about.refused)
    return folder / MODEL


def _made(folder: Path, file: ModelFile) -> About:
    """What came of the conversion, by this process or by one that was faster."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(alone())
        except ModelError as error:
            raise NotConverted(str(error)) from error
        try:
            return _kept(folder, file) or _convert(folder, file)
        except OSError as error:
            raise NotConverted(str(unwritable(folder.parent, error))) from error


def _folder(file: ModelFile) -> Path:
    """Where the conversion of a file is kept; by any converter, if there is none here."""
    folder = cache_folder() / "litert"
    try:
        return folder / f"{file.sha256}-tensorflow-{version('tensorflow')}"
    except PackageNotFoundError:
        found = sorted(folder.glob(f"{file.sha256}-*"))
        return found[-1] if found else folder / file.sha256


def _kept(folder: Path, file: ModelFile) -> About | None:
    """What was converted before; None when it was not, or is not what was written then."""
    if not folder.is_dir():
        return None
    try:
        about = About(**json.loads((folder / ABOUT).read_text("utf-8")))
        whole = about.model is None or sha256_of(folder / MODEL) == about.model
    except (OSError, ValueError, TypeError):
        whole = False
    if whole and about.source == file.sha256:
        return about
    log.warning("%s: damaged, or of another model; it is made again", folder)
    return None


def _convert(folder: Path, file: ModelFile) -> About:
    """Convert in a process of its own, which takes TensorFlow's seconds and memory with it."""
    for left in folder.parent.glob(f".*{PART}"):  # of one that was killed: only one converts
        shutil.rmtree(left, ignore_errors=True)
    log.warning("%s: is converted for LiteRT, once (some 15 s)", file.source)
    with whole_folder(folder) as part:
        command = [sys.executable, "-m", "posexp.models.movenet_conversion"]
        done = subprocess.run(
            [*command, str(file.path), file.sha256, str(part)], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        if (part / SAID).is_file():
            raise ModelError(*json.loads((part / SAID).read_text("utf-8")))
        if done.returncode:
            said = (done.stdout or done.stderr).strip().splitlines()[-1:]
            said = said or [f"status {done.returncode}"]
            raise NotConverted(f"{folder.parent}: the conversion failed ({said[0][:200]})")
        about = About(**json.loads((part / ABOUT).read_text("utf-8")))
    return about
