"""The clips that come with the package."""

from __future__ import annotations

import importlib.resources
from pathlib import Path


def embedded_clip() -> Path:
    """The rendered sit-to-stand clip that comes with the package."""
    return Path(str(importlib.resources.files("posexp"))) / "data" / "sit_to_stand.mp4"
