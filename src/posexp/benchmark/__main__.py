"""The command line of the benchmark: ``python -m posexp.benchmark``."""

from __future__ import annotations

import math
import os
import platform
import shlex
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from posexp.__main__ import command_line, own_keys
from posexp.errors import ConfigError
from posexp.files import at_home

if TYPE_CHECKING:
    from posexp.benchmark.catalogue import Rendered
    from posexp.benchmark.measure import Results
    from posexp.settings import TrackingSettings

HELP = """\
How well does each variant see a person who rises from a chair? Rendered clips, exact joints.

  python -m posexp.benchmark render [clips=[...]] [folder=...] [seed=0]
  python -m posexp.benchmark run [models=[...]] [clips=[...]] [folder=...] [weights=...]
                                 [report=benchmark-report] [seed=0] [tracking.*=...]
  python -m posexp.benchmark list      the names of models and clips

  models    all that weights can be had for
  clips     names, embedded (those that come with the package, no drawing), or all
  folder    where clips are drawn, and kept for the next time; the user's cache
  weights   a folder with movenet_singlepose_lightning_int8_v4.tflite, for lightning_int8
  report    a folder for benchmark.md and its figures

Drawing needs numba (pip install numba) and takes minutes; what is there already is kept.
"""

_USAGE = "python -m posexp.benchmark run models=[lightning,mlkit_full] clips=embedded"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    return command_line(arguments, HELP, _dispatch)


def _dispatch(arguments: list[str]) -> int:
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if command == "render":
        return _render(rest)
    if command == "run":
        return _run(rest)
    if command == "list":
        return _list()
    raise ConfigError(command or "posexp.benchmark", "expected render, run or list", "See --help")


def _render(arguments: list[str]) -> int:
    own, _ = own_keys(arguments, {"clips": "all", "folder": None, "seed": "0"}, _USAGE)
    from posexp.benchmark.render import render

    folder, begin = _folder(own["folder"]), time.perf_counter()
    names = _names(own["clips"])
    paths = render(folder, None if names == ["all"] else names, _seed(own["seed"]))
    size = sum(path.stat().st_size for path in paths) / 1e6
    print(f"{len(paths)} clips, {size:.1f} MB, in {folder} ({time.perf_counter() - begin:.0f} s)")
    return 0


def _run(arguments: list[str]) -> int:
    from posexp.benchmark.measure import VARIANTS, measure
    from posexp.benchmark.report import summary, write_report
    from posexp.config import load_config

    defaults: dict[str, str | None] = {
        "models": "all", "clips": "all", "folder": None, "weights": None,
        "report": "benchmark-report", "seed": "0",
    }  # fmt: skip
    own, others = own_keys(arguments, defaults, _USAGE)
    settings = load_config(others)[0].tracking
    models = _names(own["models"])
    models = list(VARIANTS) if models == ["all"] else models
    weights = at_home(own["weights"]) if own["weights"] else None
    if weights is not None and not weights.is_dir():
        raise ConfigError("weights", f"expected a folder with model files, got {weights}")
    clips, videos = _clips(_names(own["clips"]), own["folder"], _seed(own["seed"]))
    results = measure(models, clips, videos, weights)
    if results.table.empty:
        raise ConfigError("models", "none of them could be run", "See the lines above")
    command = "python -m posexp.benchmark run " + " ".join(map(_quoted, arguments))
    report = write_report(results, at_home(str(own["report"])), command.strip(), _machine())
    print("\n" + summary(results.table, list(results.weights)))
    _log(results, report, settings)
    print(f"\nReport    {report}")
    return 0


def _list() -> int:
    from posexp.benchmark.catalogue import catalogue
    from posexp.benchmark.measure import VARIANTS

    print("models  " + "\n        ".join(VARIANTS))
    print("clips   " + "\n        ".join(clip.name for clip in catalogue()))
    return 0


def _clips(names: list[str], folder: str | None, seed: int) -> tuple[list[Rendered], list[Path]]:
    """Clips and their files, drawn where they are missing."""
    from posexp.benchmark.catalogue import EMBEDDED, catalogue, select
    from posexp.video.embedded import embedded_clip

    if names == ["embedded"]:
        clips = select(catalogue(), EMBEDDED)
        return clips, [embedded_clip().with_name(f"{clip.name}.mp4") for clip in clips]
    from posexp.benchmark.render import render

    chosen = None if names == ["all"] else names
    return select(catalogue(seed), chosen), render(_folder(folder), chosen, seed)


def _log(results: Results, report: Path, settings: TrackingSettings) -> None:
    """One run per variant, in an experiment of its own, with the report in each."""
    import shutil

    from posexp.benchmark.report import over_clips
    from posexp.store import tracking
    from posexp.store.record import RunRecord

    store = tracking.open_store(settings)
    sweep = f"benchmark-{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:4]}"
    for name, (source, digest) in results.weights.items():
        table = results.table[results.table["variant"] == name]
        record = RunRecord(
            name=name,
            experiment=f"{settings.experiment}-benchmark",
            params={"variant": name, "clips": str(len(table))},
            tags={"posexp.sweep": sweep, "weights.source": source, "weights.sha256": digest},
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


def _names(text: str | None) -> list[str]:
    names = [name.strip() for name in (text or "").strip("[]").split(",")]
    return [name for name in names if name]


def _seed(text: str | None) -> int:
    if not (text or "").isdecimal():
        raise ConfigError("seed", f"expected a whole number from 0, got {text!r}")
    return int(text or 0)


def _folder(text: str | None) -> Path:
    from posexp.models.weights import cache_folder

    return at_home(text) if text else cache_folder() / "benchmark"


def _quoted(argument: str) -> str:
    return argument if "[" in argument and " " not in argument else shlex.quote(argument)


def _machine() -> str:
    return f"{os.cpu_count()} CPU cores ({platform.machine()}), Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
