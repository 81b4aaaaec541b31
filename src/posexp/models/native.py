"""The native libraries under the models: their processors, their log lines, and their imports."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def without_tensorflow() -> Iterator[None]:
    """Import mediapipe without the TensorFlow that it would load for one docstring.

    TensorFlow stays importable afterwards: its 9 s are paid only by who uses it.
    """
    hidden = "tensorflow" not in sys.modules
    if hidden:
        sys.modules["tensorflow"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hidden:
            del sys.modules["tensorflow"]


def processors() -> int:
    """How many this process may use; a batch or a cluster gives it a part of the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def library(package: str) -> str:
    """The name of a library with its version: what rounds in its own way."""
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:  # a build of another name
        return package
