"""What a format is: who reads it, what it can hold, and the function that writes it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posexp.errors import PosexpError
from posexp.exports.recording import Recording


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Parameters
    ----------
    name : str
        As it is typed after ``format=``.
    suffix : str
        Ends the name of a file in a folder of exports.
    program : str
        What it is for.
    holds, axes, missing, lacks : str
        What is in it; where its axes point and begin; how a joint that was not seen is written;
        and what of a recording it cannot carry.
    units : tuple of str
        Those that its coordinates can be in, ``px`` and ``m``; none for what has no coordinates.
    write : callable
        ``write(recording, path)`` writes the file; it returns what the user should know of it, in
        sentences without a full stop.
    needs : tuple of str
        Packages of the extra ``export`` that it is written with.
    """

    name: str
    suffix: str
    program: str
    holds: str
    units: tuple[str, ...]
    axes: str
    missing: str
    lacks: str
    write: Callable[[Recording, Path], list[str]]
    needs: tuple[str, ...] = ()

    @property
    def ending(self) -> str:
        """The last part of `suffix`: ``.csv``."""
        return "." + self.suffix.rpartition(".")[2]


def library(name: str) -> Any:
    """A package that writes files and is not installed with posexp itself.

    Raises
    ------
    PosexpError
        When it is not there; it says what to install.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise PosexpError(
            "export", f"expected the package {error.name or name}, which is not installed",
            'python -m pip install "posexp[export]"',
        ) from error  # fmt: skip
