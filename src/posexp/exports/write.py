"""Writing poses and runs to files that other programs read."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

import pandas as pd

from posexp.errors import ConfigError, TrackingError, check_choice, printable, writing_failed
from posexp.exports import formats
from posexp.exports.format import Format, library
from posexp.exports.recording import UNITS, Recording
from posexp.files import at_home, whole
from posexp.pose.sequence import PoseSequence

log = logging.getLogger("posexp")

CLEANED, ANGLES, REPETITIONS = (
    "keypoints/cleaned.parquet", "angles/angles.csv", "movement/repetitions.csv",
)  # fmt: skip
"""Files of a run, if it has them."""
SCALE = "movement/m_per_px"
"""Metric of a run, if its scale is known."""
WHAT = ("raw", "cleaned")


class Logged(Protocol):
    """What is asked of a run."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def video(self) -> Path | None: ...
    @property
    def metrics(self) -> dict[str, float]: ...
    @property
    def threshold(self) -> float | None: ...
    @property
    def start_ms(self) -> int: ...

    def file(self, path: str) -> Path:
        """One of its files; TrackingError when it has none such."""

    def table(self, path: str) -> pd.DataFrame | None:
        """One of its tables; None when it has none such."""

    def poses(self) -> PoseSequence:
        """As the model saw them."""


def export(
    poses: PoseSequence,
    path: str | Path,
    format: str | None = None,
    *,
    unit: str = "px",
    m_per_px: float | None = None,
    overwrite: bool = False,
) -> Path:
    """Write poses to a file that another program reads; docs/export.md has the formats.

    Parameters
    ----------
    poses : PoseSequence
        Of at least one frame.
    path : path
        The file. Its ending says the format: ``.trc``, ``.c3d``, ``.xlsx`` ...
    format : str, optional
        Where endings are alike: ``deeplabcut``, ``lightningpose``.
    unit : str
        ``px``, or ``m``: world coordinates of 3D variants, else by `m_per_px`.
    m_per_px : float, optional
        Scale of the image in the plane of the movement.
    overwrite : bool
        Replace a file that is there.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ConfigError
        For an unknown format or unit, a unit that the format or the poses do not have, or a file
        that is there.
    PosexpError
        When the format needs a package that is not installed, or the file cannot be written.
    """

    def taken(unit: str) -> Recording:
        return Recording(poses, unit=unit, m_per_px=m_per_px)

    return _to_file(taken, path, format, unit, overwrite)


def export_run(
    run: Logged,
    path: str | Path,
    format: str | None = None,
    *,
    what: str | None = None,
    unit: str = "px",
    overwrite: bool = False,
) -> Path:
    """Write one run to one file; as `export`, and ``what`` as `export_runs` takes it."""
    return _to_file(lambda unit: recording(run, what, unit), path, format, unit, overwrite)


def export_into(
    run: Logged,
    folder: str | Path,
    names: Sequence[str],
    *,
    what: str | None = None,
    unit: str = "px",
    overwrite: bool = False,
) -> list[Path]:
    """Write one run to a folder, a file for each format.

    Parameters
    ----------
    run : Run
        With keypoints.
    folder : path
        It is made if need be. Names of files say video, variant, raw or cleaned, unit and run.
    names : sequence of str
        Of formats.
    what : str, optional
        ``raw``: as the model saw it; ``cleaned``; cleaned where the run has it, by default.
    unit : str
        ``px`` or ``m``; formats that hold angles only leave it aside.
    overwrite : bool
        Replace files that are there.

    Raises
    ------
    ConfigError, PosexpError, TrackingError
        As `export`; also for ``what=cleaned`` of a run that has nothing cleaned. Nothing has been
        written then.
    """
    kinds = [formats.named(name) for name in dict.fromkeys(names)]
    if not kinds:
        raise ConfigError("format", f"expected some of {', '.join(formats.FORMATS)}, got none")
    unit = _checked(kinds, unit)
    taken = recording(run, what, unit)
    folder = at_home(folder)
    paths = [folder / _name(run, taken, kind) for kind in kinds]
    _check_free(paths, overwrite)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise writing_failed(folder, error) from error
    for kind, path in zip(kinds, paths, strict=True):
        _write(kind, taken, path)
    return paths


def recording(run: Logged, what: str | None = None, unit: str = "px") -> Recording:
    """What a run has to take away; `what` and `unit` as in `export_into`."""
    if what is not None:
        check_choice("what", what, WHAT)
    cleaned = None if what == "raw" else _file(run, CLEANED)
    if what == "cleaned" and cleaned is None:
        raise ConfigError(
            "what=cleaned", f"the run {run.name} ({run.id}) has no cleaned keypoints",
            "Take what=raw",
        )  # fmt: skip
    poses = PoseSequence.read(cleaned) if cleaned else run.poses()
    angles = run.table(ANGLES) if cleaned else None
    began = datetime.fromtimestamp(run.start_ms / 1000, timezone.utc)
    return Recording(
        poses, "cleaned" if cleaned else "raw", unit, angles, run.table(REPETITIONS),
        run.metrics.get(SCALE), 0.3 if run.threshold is None else run.threshold, began,
    )  # fmt: skip


def _to_file(
    taken: Callable[[str], Recording], path: str | Path, format: str | None, unit: str,
    overwrite: bool,
) -> Path:  # fmt: skip
    """Write what is `taken` in a unit, which is asked for once all else is known to be right."""
    path = at_home(path)
    kind = formats.of_path(path, format)
    unit = _checked([kind], unit)
    _check_free([path], overwrite)
    _write(kind, taken(unit), path)
    return path


def _checked(kinds: Sequence[Format], unit: str) -> str:
    """The unit, px where none is in them; it raises for what cannot be, before a file is made."""
    check_choice("unit", unit, UNITS)
    for kind in kinds:
        if kind.units and unit not in kind.units:
            able = [each.name for each in formats.FORMATS.values() if unit in each.units]
            raise ConfigError(
                f"unit={unit}", f"{kind.name} holds {' or '.join(kind.units)} only",
                f"These hold {unit}: {', '.join(able)}",
            )  # fmt: skip
        for name in kind.needs:
            library(name)
    return unit if any(kind.units for kind in kinds) else "px"


def _check_free(paths: Sequence[Path], overwrite: bool) -> None:
    there = [path for path in paths if path.exists()]
    if there and not overwrite:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise ConfigError(there[0], f"is there already{more}", "overwrite=true replaces it")


def _write(kind: Format, taken: Recording, path: Path) -> None:
    try:
        with whole(path) as part:
            named = part.with_name(part.name + kind.ending)  # some libraries go by the ending
            try:
                said = kind.write(taken, named)
                named.replace(part)
            finally:
                named.unlink(missing_ok=True)
    except OSError as error:
        raise writing_failed(path, error) from error
    for remark in said:
        log.warning("%s: %s", printable(path.name), remark)


def _name(run: Logged, taken: Recording, kind: Format) -> str:
    """Of a file that stands among those of other runs, variants and units."""
    video = run.video.stem if run.video else run.name
    parts = [video[:80], run.model, taken.what, *([taken.unit] if kind.units else []), run.id[:8]]
    # What Windows refuses in names.
    return re.sub(r'[<>:"/\\|?*\x00-\x1f]', "_", "_".join(filter(None, parts))) + kind.suffix


def _file(run: Logged, path: str) -> Path | None:
    try:
        return run.file(path)
    except TrackingError:
        return None
