"""TensorFlow Hub's own library; importing this takes TensorFlow's nine seconds."""

from __future__ import annotations

import contextlib
import os
import tarfile
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "pkg_resources is deprecated")  # the library's own business
    import tensorflow_hub

ERRORS = (OSError, ValueError, EOFError, tarfile.TarError, zlib.error, tf.errors.OpError)
"""What `resolve` may raise."""


def resolve(handle: str, cache: Path) -> None:
    """Have the library download a SavedModel into its cache."""
    with _environment(TFHUB_CACHE_DIR=str(cache), TFHUB_DOWNLOAD_PROGRESS="1"):
        # It downloads beside the final folder and renames it, so nothing is left half-done.
        tensorflow_hub.resolve(handle)


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set environment variables for a library that reads nothing else."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
