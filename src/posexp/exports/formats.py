"""All formats, by the name that is typed and by the ending of a file."""

from __future__ import annotations

from pathlib import Path

from posexp.errors import ConfigError
from posexp.exports.c3d import C3D
from posexp.exports.coco import COCO
from posexp.exports.deeplabcut import DEEPLABCUT, DEEPLABCUT_H5, LIGHTNINGPOSE
from posexp.exports.format import Format
from posexp.exports.kinovea import KINOVEA
from posexp.exports.mat import MAT
from posexp.exports.mot import MOT
from posexp.exports.netcdf import MOVEMENT
from posexp.exports.nwb import NWB
from posexp.exports.tidy import TIDY
from posexp.exports.trc import TRC
from posexp.exports.xlsx import XLSX

FORMATS = {
    each.name: each
    for each in (
        XLSX, TIDY, MAT, TRC, MOT, C3D, MOVEMENT, NWB, DEEPLABCUT, DEEPLABCUT_H5, LIGHTNINGPOSE,
        COCO, KINOVEA,
    )
}  # fmt: skip


def named(name: str) -> Format:
    """The format of that name; ConfigError, with all names, when there is none."""
    if name not in FORMATS:
        raise ConfigError("format", f"expected some of {', '.join(FORMATS)}, got {name!r}")
    return FORMATS[name]


def of_path(path: Path, name: str | None = None) -> Format:
    """The format of a file: that of its ending, or the one `name`, which must end so.

    Raises
    ------
    ConfigError
        For an ending that is none, or that of another format.
    """
    ending = path.suffix.lower()
    if name is not None:
        found = named(name)
        if ending != found.ending:
            raise ConfigError(
                path, f"expected a name that ends in {found.ending} for format={name}"
            )
        return found
    by_ending: dict[str, Format] = {}
    for each in FORMATS.values():
        # Of those that share an ending: the tidy table for .csv.
        by_ending.setdefault(each.ending, each)
    if ending not in by_ending:
        raise ConfigError(
            path, f"expected a name that ends in one of {', '.join(by_ending)}",
            "Or give format= too",
        )  # fmt: skip
    return by_ending[ending]


def as_markdown() -> str:
    """The table of docs/export.md."""
    head = ("format", "for", "holds", "unit", "axes", "missing", "cannot carry")
    rows = [head, ("---",) * len(head)]
    rows += [
        (f"`{f.name}` ({f.suffix})", f.program, f.holds, " or ".join(f.units) or "degrees",
         f.axes, f.missing, f.lacks)
        for f in FORMATS.values()
    ]  # fmt: skip
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
