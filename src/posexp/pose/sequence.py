"""Poses over time, checked once when they are made, and the tables they are stored in."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posexp.errors import TableError
from posexp.files import whole
from posexp.pose.skeleton import Skeleton, skeleton_of

if TYPE_CHECKING:  # a run needs tables at its end only, and pandas and Arrow take a while
    import pandas as pd

Floats = NDArray[np.floating[Any]]

_METADATA_KEY = b"posexp"


@dataclass(frozen=True)
class FramePose:
    """What a model saw in one frame; NaN coordinates and confidence 0 when it saw nobody.

    Parameters
    ----------
    frame : int
        Position in the video, counted in decoded frames.
    time : float
        Presentation time, s from the first frame.
    image : (J, 2) array
        x, y in px of the upright frame.
    confidence : (J,) array
        0..1.
    depth : (J,) array, optional
        px, on the scale of x, mid-hip origin, negative towards the camera.
    world : (J, 3) array, optional
        m, mid-hip origin.
    visibility : (J,) array, optional
        0..1.
    note : str
        What is to be known of it, in few words, for the overlay.
    """

    frame: int
    time: float
    image: Floats
    confidence: Floats
    depth: Floats | None = None
    world: Floats | None = None
    visibility: Floats | None = None
    note: str = field(default="", kw_only=True)


@dataclass(frozen=True, eq=False)
class PoseSequence:
    """The poses of one person through one video (T frames, J joints).

    Parameters
    ----------
    skeleton : Skeleton
        Names and order of the J joints.
    frame : (T,) int64
        Positions in the video, strictly increasing.
    time : (T,) float64
        Presentation times, s from the first frame of the video, strictly increasing.
    image : (T, J, 2) float32
        x, y in px of the upright frame. NaN where no pose was found, never zero.
    confidence : (T, J) float32
        0..1; 0 where no pose was found. `confidence_meaning` says what it is.
    width, height : int
        Size of the upright frame, px.
    depth : (T, J) float32, optional
        px, on the scale of x, mid-hip origin, negative towards the camera.
    world : (T, J, 3) float32, optional
        m (a learned scale), mid-hip origin; x right, y down, z away from the camera.
    visibility : (T, J) float32, optional
        0..1, probability that the joint is not hidden.
    source, model, confidence_meaning : str
        The video, the variant, and what its confidence is.

    Raises
    ------
    TableError
        All problems of the arrays, in one message.
    """

    skeleton: Skeleton
    frame: NDArray[np.int64]
    time: NDArray[np.float64]
    image: NDArray[np.float32]
    confidence: NDArray[np.float32]
    width: int
    height: int
    depth: NDArray[np.float32] | None = None
    world: NDArray[np.float32] | None = None
    visibility: NDArray[np.float32] | None = None
    source: str = ""
    model: str = ""
    confidence_meaning: str = ""

    def __post_init__(self) -> None:
        for name, kind in _ARRAYS.items():
            value = getattr(self, name)
            if value is not None:
                if name == "frame" and not np.isfinite(value).all():
                    raise TableError(self.source or "poses", "expected a number for every frame")
                object.__setattr__(self, name, np.ascontiguousarray(value, dtype=kind))
        problems = _shape_problems(self) or _value_problems(self)
        if problems:
            raise TableError(self.source or "poses", "; ".join(problems))

    def __len__(self) -> int:
        return len(self.frame)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PoseSequence):
            return NotImplemented
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            if isinstance(mine, np.ndarray) and isinstance(theirs, np.ndarray):
                if not np.array_equal(mine, theirs, equal_nan=True):
                    return False
            elif type(mine) is not type(theirs) or mine != theirs:
                return False
        return True

    __hash__ = None  # type: ignore[assignment]

    @property
    def found(self) -> NDArray[np.bool_]:
        """(T,) True where the model returned a pose: at least one joint of it."""
        return np.isfinite(self.image).all(axis=2).any(axis=1)

    def _repr_html_(self) -> str:
        """For notebooks: what it holds, and the first rows of its table."""
        span = f"{self.time[0]:.2f} to {self.time[-1]:.2f} s" if len(self) else "no frames"
        about = (
            f"{self.model or 'poses'}: {len(self)} frames ({span}), {len(self.skeleton)} joints of "
            f"{self.skeleton.name}, {self.width}x{self.height} px, a pose in {self.found.sum()} "
            f"frames; {self.source}"
        )
        table = self.take(np.arange(min(5, len(self)))).to_table()
        return f"<p>{html.escape(about)}</p>" + str(table.to_html(index=False, max_cols=10))

    def joint(self, name: str) -> NDArray[np.float32]:
        """(T, 2) x, y of one joint, px."""
        return self.image[:, self.skeleton.index(name)]

    def select(self, joints: Iterable[str]) -> PoseSequence:
        """A new sequence with `joints` only, in the order of `joints`."""
        skeleton = self.skeleton.subset(joints)
        index = self.skeleton.indices(skeleton.joints)
        arrays: dict[str, Any] = {
            name: None if (value := getattr(self, name)) is None else value[:, index]
            for name in ("image", "confidence", "depth", "world", "visibility")
        }
        return replace(self, skeleton=skeleton, **arrays)

    def take(self, rows: NDArray[np.intp]) -> PoseSequence:
        """A new sequence with some of the rows, which must be in order."""
        arrays: dict[str, Any] = {
            name: None if (value := getattr(self, name)) is None else value[rows]
            for name in _ARRAYS
        }
        return replace(self, **arrays)

    @classmethod
    def joined(cls, parts: Sequence[PoseSequence]) -> PoseSequence:
        """One sequence of parts that follow each other; all else as in the first."""
        arrays: dict[str, Any] = {}
        for name in _ARRAYS:
            values = [getattr(part, name) for part in parts]
            arrays[name] = None if values[0] is None else np.concatenate(values)
        return replace(parts[0], **arrays)

    @classmethod
    def from_frames(
        cls, poses: Sequence[FramePose], skeleton: Skeleton, width: int, height: int, **about: Any
    ) -> PoseSequence:
        """Stack the poses of single frames; `about` holds source, model, confidence_meaning."""
        optional: dict[str, Any] = {}
        for name in ("depth", "world", "visibility"):
            values = [getattr(pose, name) for pose in poses]
            present = bool(values) and all(value is not None for value in values)
            optional[name] = np.stack(values) if present else None
        joints = len(skeleton)
        return cls(
            skeleton=skeleton,
            frame=np.array([pose.frame for pose in poses], np.int64),
            time=np.array([pose.time for pose in poses], np.float64),
            image=np.array([p.image for p in poses], np.float32).reshape(-1, joints, 2),
            confidence=np.array([p.confidence for p in poses], np.float32).reshape(-1, joints),
            width=width,
            height=height,
            **optional,
            **about,
        )

    def to_table(self, px: bool = False) -> pd.DataFrame:
        """The keypoint table: a row per frame, the columns of each joint together.

        Parameters
        ----------
        px : bool
            With the columns ``_x_px`` and ``_y_px`` of each joint, in px, too.

        Returns
        -------
        DataFrame
            ``frame``, ``time`` (s), and for each joint ``_x``, ``_y`` (0..1 of the upright
            image, may lie outside), ``_confidence``; for 3D variants also ``_z`` (in image
            widths), ``_world_x/_y/_z`` (m) and ``_visibility``.
        """
        import pandas as pd

        columns: dict[str, Any] = {"frame": self.frame, "time": self.time}
        for index, joint in enumerate(self.skeleton.joints):
            for suffix, name, part, scale in _columns(self.width, self.height):
                array = getattr(self, name)
                if array is not None:
                    values = array[:, index] if part is None else array[:, index, part]
                    columns[f"{joint}_{suffix}"] = values.astype(np.float64) / scale
            if px:
                for part, axis in enumerate("xy"):
                    columns[f"{joint}_{axis}_px"] = self.image[:, index, part].astype(np.float64)
        return pd.DataFrame(columns)

    @classmethod
    def from_table(
        cls,
        table: pd.DataFrame,
        width: int,
        height: int,
        skeleton: Skeleton | None = None,
        **about: Any,
    ) -> PoseSequence:
        """The sequence of a keypoint table; the inverse of `to_table`.

        Raises
        ------
        TableError
            For columns that are missing or belong to no known skeleton.
        """
        subject = about.get("source") or "keypoint table"
        missing = [name for name in ("frame", "time") if name not in table.columns]
        joints = [str(n)[: -len("_confidence")] for n in table if str(n).endswith("_confidence")]
        if missing or not joints:
            missing += [] if joints else ["{joint}_x, {joint}_y, {joint}_confidence"]
            raise TableError(subject, f"columns are missing: {', '.join(missing)}")
        try:
            skeleton = skeleton or skeleton_of(joints)
        except ValueError as error:
            raise TableError(
                subject, str(error), "Give its skeleton, or read keypoints.parquet"
            ) from error
        arrays: dict[str, Any] = {}
        for suffix, name, _, scale in _columns(width, height):
            columns = [f"{joint}_{suffix}" for joint in skeleton.joints]
            absent = [column for column in columns if column not in table.columns]
            if absent and (name in ("image", "confidence") or len(absent) < len(columns)):
                raise TableError(subject, f"columns are missing: {', '.join(absent)}")
            if not absent:
                values = numbers(subject, table[columns]) * scale
                arrays.setdefault(name, []).append(values)
        stacked = {n: v[0] if len(v) == 1 else np.stack(v, axis=-1) for n, v in arrays.items()}
        return cls(
            skeleton=skeleton, width=width, height=height,
            frame=numbers(subject, table[["frame"]])[:, 0],  # type: ignore[arg-type]
            time=numbers(subject, table[["time"]])[:, 0],
            **stacked, **about,
        )  # fmt: skip

    def to_csv(self, path: str | Path, px: bool = False) -> None:
        """Write the keypoint table as CSV, with as many digits as a lossless return needs."""
        table = self.to_table(px)
        # 9 digits bring every float32 back exactly; time is float64 and needs them all. pandas
        # takes three times as long to write the same.
        form = ",".join(["%d", "%r", *["%.9g"] * (table.shape[1] - 2)])
        values = table.iloc[:, 2:].to_numpy().T.tolist()
        rows = zip(self.frame.tolist(), self.time.tolist(), *values, strict=True)
        with whole(path) as part, part.open("w", encoding="utf-8", newline="") as file:
            file.write(table.iloc[:0].to_csv(index=False))
            file.writelines((form % row).replace("nan", "") + os.linesep for row in rows)

    def to_parquet(self, path: str | Path, px: bool = False, **more: Any) -> None:
        """Write the keypoint table as Parquet, with size, skeleton, model and source inside.

        `more` is plain data that is to stand beside these.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        about = {
            "version": 1,
            "skeleton": self.skeleton.name,
            "joints": self.skeleton.joints,
            **self.skeleton.described(),
            **{name: getattr(self, name) for name in ("width", "height", *_ABOUT)},
            **more,
        }
        table = pa.Table.from_pandas(self.to_table(px), preserve_index=False)
        metadata = {**(table.schema.metadata or {}), _METADATA_KEY: json.dumps(about).encode()}
        with whole(path) as part:
            pq.write_table(table.replace_schema_metadata(metadata), part, compression="zstd")

    @classmethod
    def read(
        cls,
        path: str | Path,
        width: int | None = None,
        height: int | None = None,
        skeleton: Skeleton | None = None,
    ) -> PoseSequence:
        """Read a keypoint table; a CSV needs the size of the video's upright frame, px.

        A Parquet file says all of itself; a CSV with joints of a model that is not ours needs its
        `skeleton` too.

        Raises
        ------
        TableError
            For a file that is not a keypoint table, or a CSV without its size.
        """
        import pandas as pd

        path = Path(path)
        if path.suffix.lower() == ".parquet":
            return _read_parquet(path)
        if width is None or height is None:
            raise TableError(
                path.name, "a CSV keeps x and y as shares of the image and not its size",
                "Give width and height in px, or read keypoints.parquet",
            )  # fmt: skip
        try:
            table = pd.read_csv(path, float_precision="round_trip")
        except (OSError, ValueError) as error:
            raise TableError(path.name, f"expected a keypoint table, got {error}") from error
        return cls.from_table(table, width, height, skeleton)


_ARRAYS = {
    "frame": np.int64, "time": np.float64, "image": np.float32, "confidence": np.float32,
    "depth": np.float32, "world": np.float32, "visibility": np.float32,
}  # fmt: skip
_LARGEST = 1_000_000  # px, the side of a frame
_ABOUT = ("source", "model", "confidence_meaning")


def _columns(width: int, height: int) -> tuple[tuple[str, str, int | None, float], ...]:
    """(column suffix, array, its last index, px or m per unit of the column)."""
    return (
        ("x", "image", 0, width), ("y", "image", 1, height), ("z", "depth", None, width),
        ("confidence", "confidence", None, 1.0), ("visibility", "visibility", None, 1.0),
        *((f"world_{axis}", "world", part, 1.0) for part, axis in enumerate("xyz")),
    )  # fmt: skip


def numbers(subject: str, table: pd.DataFrame) -> NDArray[np.float64]:
    """The cells of a table; TableError when one is no number."""
    try:
        return table.to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TableError(subject, f"expected numbers in {table.columns[0]}, got {error}") from error


def _read_parquet(path: Path) -> PoseSequence:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        about = json.loads((table.schema.metadata or {})[_METADATA_KEY])
        skeleton = Skeleton.of({"joints": (), **about})
        size = int(about["width"]), int(about["height"])
        names: dict[str, Any] = {name: str(about[name]) for name in _ABOUT}
        if not (skeleton.joints and 0 < min(size) <= max(size) <= _LARGEST):
            raise ValueError(f"{len(skeleton)} joints on {size[0]}x{size[1]} px")
    except (OSError, pa.ArrowException, KeyError, ValueError, TypeError) as error:
        raise TableError(
            path.name, f"expected a keypoint table written by posexp, got {error!r}"
        ) from error
    try:
        return PoseSequence.from_table(table.to_pandas(), *size, skeleton=skeleton, **names)
    except TableError as error:  # it names the video
        raise TableError(path.name, error.problem, error.remedy) from error


def _shape_problems(poses: PoseSequence) -> list[str]:
    frames, joints = poses.frame.shape[0] if poses.frame.ndim else 0, len(poses.skeleton)
    expected = {
        "frame": (frames,), "time": (frames,), "image": (frames, joints, 2),
        "confidence": (frames, joints), "depth": (frames, joints),
        "world": (frames, joints, 3), "visibility": (frames, joints),
    }  # fmt: skip
    problems = [
        f"expected {name} of shape {shape}, got {value.shape}"
        for name, shape in expected.items()
        if (value := getattr(poses, name)) is not None and value.shape != shape
    ]
    if poses.width < 1 or poses.height < 1:
        problems.append(f"expected a size of at least 1x1 px, got {poses.width}x{poses.height}")
    return problems


def _value_problems(poses: PoseSequence) -> list[str]:
    problems = []
    for name in ("frame", "time"):
        values: Any = getattr(poses, name)
        if not np.isfinite(values).all():
            problems.append(f"expected a number for every {name}, got NaN or infinity")
        elif (back := np.flatnonzero(np.diff(values) <= 0)).size:
            row = int(back[0]) + 1
            problems.append(
                f"expected {name} to increase, got {_plain(values[row])} after "
                f"{_plain(values[row - 1])} in row {row}"
            )
    for name in ("confidence", "visibility"):
        values = getattr(poses, name)
        if values is not None and not ((values >= 0) & (values <= 1)).all():
            problems.append(f"expected {name} between 0 and 1, got {_outside(values):g}")
    if np.isinf(poses.image).any():
        problems.append("expected finite coordinates or NaN, got infinity")
    lost = np.isnan(poses.image).any(axis=-1)
    if (poses.confidence[lost] > 0).any():
        problems.append("expected confidence 0 where coordinates are NaN, got more")
    return problems


def _plain(value: float) -> str:
    return f"{float(value):g}"


def _outside(values: ArrayLike) -> float:
    array = np.asarray(values)
    return float(array[~((array >= 0) & (array <= 1))].flat[0])
