"""What is taken away: poses, what was made of them, and their coordinates in the unit asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posexp.errors import ConfigError, TableError, check_choice
from posexp.movement.angles import angles
from posexp.pose.sequence import PoseSequence

UNITS = ("px", "m")


@dataclass(frozen=True)
class Recording:
    """One person through one video, to be written to a file.

    Parameters
    ----------
    poses : PoseSequence
        Raw or cleaned, of at least one frame.
    what : str
        ``raw`` or ``cleaned``.
    unit : str
        ``px``, or ``m``: world coordinates where the variant gives them, else the image's by
        `m_per_px`.
    angles : DataFrame, optional
        Degrees, a row per frame; columns ``frame`` and ``time`` are no angles. Those of
        `posexp.angles` by default.
    repetitions : DataFrame, optional
        A row per repetition.
    m_per_px : float, optional
        Scale in the plane of the movement.
    threshold : float
        The confidence from which a joint counts as seen.
    began : datetime
        When the run began, or the poses were written.

    Raises
    ------
    ConfigError
        For another unit, or metres that nobody knows.
    TableError
        For poses without a frame, or angles of other frames.
    """

    poses: PoseSequence
    what: str = "raw"
    unit: str = "px"
    angles: pd.DataFrame = None
    repetitions: pd.DataFrame | None = None
    m_per_px: float | None = None
    threshold: float = 0.3
    began: datetime = field(default_factory=lambda: datetime.now(timezone.utc))

    def __post_init__(self) -> None:
        check_choice("unit", self.unit, UNITS)
        source = self.poses.source or "poses"
        if not len(self.poses):
            raise TableError(source, "expected at least one frame, got none: nothing to export")
        if self.unit == "m" and not self.in_space and not self.m_per_px:
            raise ConfigError(
                "unit=m", f"{self.poses.model or source} has no coordinates in metres, and the "
                "scale of the video is not known",
                "Take unit=px, a 3D variant (model=mlkit), or a run with a scale",
            )  # fmt: skip
        made = angles(self.poses) if self.angles is None else self.angles
        if len(made.columns) and len(made) != len(self.poses):
            raise TableError(
                source, f"expected angles of {len(self.poses)} frames, got {len(made)}"
            )
        columns = [name for name in made if name not in ("frame", "time")]
        object.__setattr__(self, "angles", made[columns].select_dtypes("number"))

    @property
    def in_space(self) -> bool:
        """Whether metres are the variant's own, in three dimensions from the mid-hip."""
        return self.poses.world is not None

    @property
    def joints(self) -> tuple[str, ...]:
        """Names of the J joints."""
        return self.poses.skeleton.joints

    @property
    def stem(self) -> str:
        """Name of the video without its ending, for texts in files."""
        return Path(self.poses.source).stem or "poses"

    @property
    def about(self) -> dict[str, str | int | float]:
        """What a reader of the file should know, by name."""
        poses = self.poses
        return {
            "source_software": "posexp", "video": poses.source, "model": poses.model,
            "what": self.what, "unit": self.unit, "axes": self.axes,
            "width_px": poses.width, "height_px": poses.height,
            "confidence": poses.confidence_meaning,
        }  # fmt: skip

    @property
    def axes(self) -> str:
        """Where the axes of `points` begin and point."""
        if self.unit == "m" and self.in_space:
            return "x to the image's right, y down, z away from the camera; origin mid-hip"
        return "x to the image's right, y down; origin the image's top left corner"

    @property
    def points(self) -> NDArray[np.float64]:
        """(T, J, 2) x, y, or (T, J, 3) with z in space, in `unit` along `axes`; NaN if missing."""
        if self.unit == "px":
            return self.poses.image.astype(np.float64)
        if self.poses.world is not None:
            return self.poses.world.astype(np.float64)
        return self.poses.image.astype(np.float64) * float(self.m_per_px or np.nan)

    @property
    def upright(self) -> NDArray[np.float64]:
        """(T, J, 3) in `unit` with Y up: X as x, Z towards the camera; right-handed.

        The origin is the mid-hip in space. In the image it is the bottom left corner, and Z is 0.
        """
        points = self.points
        if points.shape[-1] == 3:
            return points * (1, -1, -1)
        scale = 1.0 if self.unit == "px" else float(self.m_per_px or np.nan)
        up = self.poses.height * scale - points[..., 1]
        return np.stack([points[..., 0], up, np.where(np.isnan(up), np.nan, 0.0)], axis=-1)

    def wide(self) -> pd.DataFrame:
        """A row per frame, the columns of each joint together, with their units in their names."""
        poses, points = self.poses, self.points
        columns: dict[str, NDArray[np.generic]] = {"frame": poses.frame, "time_s": poses.time}
        for index, joint in enumerate(self.joints):
            for axis, name in enumerate("xyz"[: points.shape[-1]]):
                columns[f"{joint}_{name}_{self.unit}"] = points[:, index, axis]
            if self.unit == "px" and poses.depth is not None:
                columns[f"{joint}_z_px"] = poses.depth[:, index].astype(np.float64)
            columns[f"{joint}_confidence"] = poses.confidence[:, index].astype(np.float64)
            if poses.visibility is not None:
                columns[f"{joint}_visibility"] = poses.visibility[:, index].astype(np.float64)
        return pd.DataFrame(columns)
