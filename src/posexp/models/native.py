"""The native libraries under the models: their processors, their imports, their log lines."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO


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


@contextlib.contextmanager
def messages_off(guard: Callable[[TextIO], Any] = lambda stream: stream) -> Iterator[None]:
    """Keep the log lines of TensorFlow's and MediaPipe's C++ away, and Python's own stderr here.

    They go to file descriptor 2 past any logging. In a terminal Python's stderr is that descriptor
    too, and goes on through a copy of it; in a notebook it is none, and stays what it is.

    Parameters
    ----------
    guard : callable
        Put around the copy, which becomes ``sys.stderr``.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with contextlib.ExitStack() as stack:
        kept = os.dup(2)
        stack.callback(os.close, kept)
        if _descriptor(sys.stderr) == 2:
            stack.enter_context(_stderr_through(os.dup(kept), guard))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        os.close(null)
        stack.callback(os.dup2, kept, 2)
        yield


@contextlib.contextmanager
def _stderr_through(descriptor: int, guard: Callable[[TextIO], Any]) -> Iterator[None]:
    before = sys.stderr
    before.flush()
    with os.fdopen(
        descriptor, "w", buffering=1, encoding=before.encoding, errors="backslashreplace"
    ) as copy:
        sys.stderr = guard(copy)
        try:
            yield
        finally:
            sys.stderr.flush()
            sys.stderr = before


def _descriptor(stream: Any) -> int | None:
    """The file descriptor that a stream writes to, if it has one."""
    try:
        return int(stream.fileno())
    except (AttributeError, OSError, ValueError):  # None; a notebook's; a closed one
        return None
