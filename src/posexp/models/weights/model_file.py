"""The file that a model was loaded from, and how a run names it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ModelFile:
    """Which file a model was loaded from.

    Parameters
    ----------
    path : Path
        A .tflite or .task file, a SavedModel folder, or the model.json of a TF.js model.
    source : str
        The handle, URL, path, wheel or package that it came from.
    sha256 : str
        Of the file; of a folder or a TF.js model, over its files' names and contents in order;
        of a bundle that was built here, of the landmark model in it, as it was published.
    """

    path: Path
    source: str
    sha256: str
