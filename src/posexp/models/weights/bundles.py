"""BlazePose as a MediaPipe Tasks bundle, built from its detector and its landmark model."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from posexp.files import whole
from posexp.models.weights.downloads import cache_folder, unwritable


def path_for(detector: str, landmarks: str) -> Path:
    """Where the bundle of two models, named by their sha256, is kept."""
    key = hashlib.sha256((detector + landmarks).encode()).hexdigest()[:16]
    return cache_folder() / f"pose_landmarker_{key}.task"


def build(detector: Path, landmarks: Path, path: Path) -> None:
    """Write the bundle to `path`.

    Raises
    ------
    ModelError
        When it cannot be written.
    """
    from posexp.models.weights.normalization import described

    # Tasks asks for the normalisation that a model expects: here -1..1, and there 0..1.
    parts = {
        "pose_detector.tflite": described(detector, 127.5, 127.5),
        "pose_landmarks_detector.tflite": described(landmarks, 0.0, 255.0),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Stored: Tasks maps the file into memory. A fixed date keeps its hash the same.
        with whole(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as bundle:
            for name, content in parts.items():
                bundle.writestr(zipfile.ZipInfo(name), content)
    except OSError as error:
        raise unwritable(path, error) from error
