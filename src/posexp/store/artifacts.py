"""Files of runs on a server."""

from __future__ import annotations

from pathlib import Path

from mlflow.artifacts import download_artifacts
from mlflow.exceptions import MlflowException


def download(run_id: str, path: str, uri: str) -> Path:
    """A local copy of one artifact of a run; OSError when it is not to be had."""
    try:
        copy = Path(download_artifacts(run_id=run_id, artifact_path=path, tracking_uri=uri))
    except MlflowException as error:
        raise FileNotFoundError(str(error)) from error
    if not copy.is_file():
        raise FileNotFoundError(copy)
    return copy
