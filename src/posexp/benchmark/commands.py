"""What is done for each command of the benchmark; everything heavy is imported here."""

from __future__ import annotations

import math
import os
import platform
import shlex
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from posexp.benchmark.averages import over_clips
from posexp.benchmark.catalogue import EMBEDDED, Rendered, catalogue, select
from posexp.benchmark.measure import Results, measure
from posexp.benchmark.report import summary, write_report
from posexp.config import load_config
from posexp.errors import ConfigError
from posexp.files import at_home
from posexp.models.registry import variants
from posexp.models.weights.downloads import cache_folder
from posexp.settings import TrackingSettings
from posexp.store import tags
from posexp.store.archive import Archive
from posexp.store.record import RunRecord
from posexp.terminal.parser import Line, names_in
from posexp.video.embedded import embedded_clip


def render(line: Line) -> int:
    """Draw clips."""
    folder, begin = _folder(line.keys["folder"]), time.perf_counter()
    paths = _drawn(folder, names_in(line.keys["clips"]), _seed(line.keys["seed"]))
    size = sum(path.stat().st_size for path in paths) / 1e6
    print(f"{len(paths)} clips, {size:.1f} MB, in {folder} ({time.perf_counter() - begin:.0f} s)")
    return 0


def run(line: Line) -> int:
    """Measure variants on clips, and report."""
    own, settings = line.keys, load_config(line.overrides)[0].tracking
    models = names_in(own["models"])
    models = list(variants()) if models == ["all"] else models
    weights = at_home(own["weights"]) if own["weights"] else None
    if weights is not None and not weights.is_dir():
        raise ConfigError("weights", f"expected a folder with model files, got {weights}")
    clips, videos = _clips(names_in(own["clips"]), own["folder"], _seed(own["seed"]))
    results = measure(models, clips, videos, weights)
    if results.table.empty:
        raise ConfigError("models", "none of them could be run", "See the lines above")
    command = "python -m posexp.benchmark run " + " ".join(map(_quoted, line.typed))
    report = write_report(results, at_home(str(own["report"])), command.strip(), _machine())
    print("\n" + summary(results.table, list(results.weights)))
    _log(results, report, settings)
    print(f"\nReport    {report}")
    return 0


def show_names(line: Line) -> int:
    """The names of models and clips."""
    print("models  " + "\n        ".join(variants()))
    print("clips   " + "\n        ".join(clip.name for clip in catalogue()))
    return 0


def _clips(names: list[str], folder: str | None, seed: int) -> tuple[list[Rendered], list[Path]]:
    """Clips and their files, drawn where they are missing."""
    if names == ["embedded"]:
        clips = select(catalogue(), EMBEDDED)
        return clips, [embedded_clip().with_name(f"{clip.name}.mp4") for clip in clips]
    chosen = None if names == ["all"] else names
    return select(catalogue(seed), chosen), _drawn(_folder(folder), names, seed)


def _drawn(folder: Path, names: list[str], seed: int) -> list[Path]:
    """The files of clips, drawn where they are missing."""
    from posexp.benchmark.render import render  # needs numba, which nothing else does

    return render(folder, None if names == ["all"] else names, seed)


def _log(results: Results, report: Path, settings: TrackingSettings) -> None:
    """One run per variant, in an experiment of its own, with the report in each."""
    store = Archive(settings).open()
    sweep = f"benchmark-{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:4]}"
    for name, (source, digest) in results.weights.items():
        table = results.table[results.table["variant"] == name]
        record = RunRecord(
            name=name,
            experiment=f"{settings.experiment}-benchmark",
            params={"variant": name, "clips": str(len(table))},
            tags={tags.SWEEP: sweep, tags.WEIGHTS_SOURCE: source, tags.WEIGHTS_SHA256: digest},
            dataset={"name": "rendered benchmark", "digest": sweep, "source": "posexp.benchmark"},
        )
        names = table.drop(columns=["frames"]).select_dtypes("number").columns
        numbers = over_clips(table, list(names)).loc[name]
        record.metrics = {str(k): float(v) for k, v in numbers.items() if math.isfinite(v)}
        for _, row in table.iterrows():
            record.metrics[f"pck_0.10_by_clip/{row['clip']}"] = float(row["pck/0.10"])
        record.status, record.end_ms = "FINISHED", int(time.time() * 1000)
        store.start(record)
        with tempfile.TemporaryDirectory() as folder:
            artifacts = Path(folder) / "artifacts"
            shutil.copytree(report.parent / "benchmark", artifacts / "benchmark")
            shutil.copy(report, artifacts)
            run = store.finish(record, Path(folder))
        print(f"Logged {name}: {run.page}")


def _seed(text: str | None) -> int:
    if not (text or "").isdecimal():
        raise ConfigError("seed", f"expected a whole number from 0, got {text!r}")
    return int(text or 0)


def _folder(text: str | None) -> Path:
    return at_home(text) if text else cache_folder() / "benchmark"


def _quoted(argument: str) -> str:
    return argument if "[" in argument and " " not in argument else shlex.quote(argument)


def _machine() -> str:
    return f"{os.cpu_count()} CPU cores ({platform.machine()}), Python {platform.python_version()}"


FUNCTIONS: dict[str, Callable[[Line], int]] = {"render": render, "run": run, "list": show_names}
