"""Files to take away; it brings pandas and SciPy."""

from __future__ import annotations

import sys
from collections.abc import Callable

from posexp.config import load_config
from posexp.errors import ConfigError, PosexpError, TrackingError, check_choice, printable
from posexp.exports.formats import FORMATS, named
from posexp.exports.write import export_into
from posexp.store import tags
from posexp.store.archive import Archive
from posexp.store.run import Run, newest_of_each
from posexp.terminal.parser import Line, names_in


def export(line: Line) -> int:
    """Write runs to files in a folder; the status is 1 when one of several could not be."""
    keys = line.keys
    folder, names = keys["to"], names_in(keys["format"])
    if not names:
        raise ConfigError("format", f"expected some of {', '.join(FORMATS)}, got nothing")
    for name in names:  # before a store is asked
        named(name)
    if folder is None:
        raise ConfigError("to", "expected a folder, got nothing", "For example: to=files")
    check_choice("overwrite", str(keys["overwrite"]), ("true", "false"))
    runs = _runs(line)
    failed = 0
    for run in runs:
        try:
            paths = export_into(
                run, folder, names, what=keys["what"], unit=str(keys["unit"]),
                overwrite=keys["overwrite"] == "true",
            )  # fmt: skip
        except PosexpError as error:
            if len(runs) == 1:
                raise
            failed += 1
            print(f"posexp: {run.name} ({run.id[:8]}): {error}", file=sys.stderr, flush=True)
            continue
        for path in paths:
            print(printable(path), flush=True)
    if failed:
        print(f"posexp: {failed} of {len(runs)} runs were not exported", file=sys.stderr)
    return int(failed > 0)


def _runs(line: Line) -> list[Run]:
    ids, sweep = names_in(line.keys["run"]), line.keys["sweep"]
    if ids and sweep is not None:
        raise ConfigError("sweep", "expected run= or sweep=, got both", "Leave out one of them")
    store = Archive(load_config(line.overrides)[0].tracking).open()
    if sweep is None:
        return [store.run(run) for run in dict.fromkeys(ids or ["last"])]
    found = store.search({tags.SWEEP: sweep}, most=None, condition="status = 'FINISHED'")
    if not found:
        raise TrackingError(
            f"sweep {sweep}", f"expected finished runs in {store.uri}, found none",
            "`python -m posexp ui` shows the runs and the names of sweeps",
        )  # fmt: skip
    return newest_of_each(found)[::-1]


FUNCTIONS: dict[str, Callable[[Line], int]] = {"export": export}
