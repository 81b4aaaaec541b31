"""What the user names as ``model.weights``: a path or an address."""

from __future__ import annotations

from pathlib import Path

from posexp.errors import ModelError
from posexp.files import at_home
from posexp.models.weights.downloads import alone
from posexp.models.weights.model_file import ModelFile
from posexp.models.weights.sources import Source


def is_address(weights: str) -> bool:
    """Whether it is fetched, and no path."""
    return weights.startswith(("http://", "https://"))


def existing(weights: str, expected: str) -> Path:
    """The file or folder at a path; ModelError, which says what was `expected`, without one."""
    path = at_home(weights)
    if not path.exists():
        raise ModelError(path, f"expected {expected}, found nothing there", "Check model.weights")
    return path.resolve()


def fetched(source: Source, offline: str) -> ModelFile:
    """What a source has, fetched if need be by one process at a time.

    Parameters
    ----------
    offline : str
        What to do without a network, for the error.

    Raises
    ------
    ModelError
        When it cannot be had.
    """
    if source.here():
        return source.get()
    try:
        with alone():
            return source.get()
    except ModelError as error:
        raise ModelError(
            error.subject, error.problem, error.remedy or f"Offline: {offline}"
        ) from error
