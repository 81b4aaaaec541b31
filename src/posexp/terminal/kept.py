"""What is said of a store: where it is, what is in it, and what was mended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from posexp.config import load_config
from posexp.errors import printable
from posexp.runs.recovery import recover
from posexp.store import tags
from posexp.store.archive import Archive
from posexp.store.outbox import REJECTED
from posexp.store.run import Run
from posexp.terminal.parser import Line


def store(line: Line) -> int:
    """Show the store, and repair it where that is asked for."""
    archive = Archive(load_config(line.overrides)[0].tracking)
    if not archive.exists:
        print(f"There is no store in {archive.folder.resolve()}: the first run makes it")
        return 0
    runs = _shown(archive)
    return _repaired(archive, runs) if "repair" in line.typed else 0


def _shown(archive: Archive) -> list[Run]:
    address, opened = archive.address, archive.open()
    runs = opened.search({}, None)
    known = Counter(run.status.lower() for run in runs)
    print(f"Store        {address.uri if address.named else archive.folder.resolve()}")
    print(f"Runs         {len(runs)}{_counted(known)}")
    print(f"Comparisons  {opened.count({tags.KIND: 'comparison'})}")
    sweeps = Counter(run.tags[tags.SWEEP] for run in runs if tags.SWEEP in run.tags)
    print(f"Sweeps       {len(sweeps)}{_counted(Counter(dict(sweeps.most_common(5))), 'runs')}")
    waiting, rejected = (_folders(archive.folder / name) for name in ("pending", REJECTED))
    hint = "   (python -m posexp sync)" if waiting else ""
    print(f"On the way   {waiting}{hint}")
    if rejected:
        print(f"Rejected     {rejected}   {archive.folder.resolve() / REJECTED}; reason.txt there")
    if not address.named:
        print(f"Size         {_size(archive.folder)}")
    return runs


def _repaired(archive: Archive, runs: list[Run]) -> int:
    """Mend what can be; the status says whether all is well."""
    if archive.address.named:
        print("\nOnly a folder's own store is repaired: set tracking.folder, and no tracking.uri")
        return 1
    dead, fetched = recover(archive), archive.fetch()
    if dead:
        print(f"\nClosed {dead} runs whose process had died")
    if fetched:
        print(f"\nFetched the files of {fetched} runs from where the store was before")
    again = archive.open().search({}, None) if fetched or dead else runs
    gone = [run for run in again if run.status == "FINISHED" and not Path(run.artifacts).is_dir()]
    for run in gone:
        print(f"Its files are gone: {printable(run.name)} ({run.id[:8]}), {run.artifacts}")
    print(f"\n{len(gone)} runs have no files" if gone else "\nAll files are where they should be")
    return int(bool(gone))


def _counted(counts: Counter[str], unit: str = "") -> str:
    said = ", ".join(f"{count} {name}" for name, count in counts.items())
    if unit:
        said = ", ".join(f"{printable(name)} ({count} {unit})" for name, count in counts.items())
    return f": {said}" if said else ""


def _folders(place: Path) -> int:
    return sum(path.is_dir() for path in place.iterdir()) if place.is_dir() else 0


def _size(folder: Path) -> str:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return f"{size / 1e9:.1f} GB" if size > 1e9 else f"{size / 1e6:.1f} MB"


FUNCTIONS: dict[str, Callable[[Line], int]] = {"store": store}
