"""Run variants over clips with exact truth."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from posexp.benchmark.catalogue import Rendered
from posexp.benchmark.movement import movement_metrics
from posexp.benchmark.who import person_metrics
from posexp.errors import ConfigError, ModelError
from posexp.measure.evaluation import evaluate
from posexp.models import registry
from posexp.models.model import Estimator
from posexp.people.choose import look_around
from posexp.people.watched import on_person
from posexp.pose.sequence import PoseSequence
from posexp.pose.truth import read_truth
from posexp.runs.extraction import Extraction
from posexp.settings import PersonSettings
from posexp.video.source import VideoSource

log = logging.getLogger("posexp")

ALSO_OFF = ("thunder", "mlkit_full")
"""Variants that are also run with ``person=off``, on clips where that should matter."""

_MATTERS = ("distance", "second person", "several people")


@dataclass
class Results:
    """What came out.

    Parameters
    ----------
    table : DataFrame
        A row per variant and clip: ``variant, clip, factor, level, view, camera``, ``person``
        (``auto``), ``fps`` (of extraction, wall), ``cpu_ms`` (per frame), `person_metrics`,
        `movement_metrics`, and the metrics of the evaluation; infinite where too little was
        returned for a median or a percentile.
    curves : dict
        Variant and clip to the PCK curve.
    weights : dict
        Variant to (source, sha256) of its weights.
    missing : dict
        Variant to why it was not run.
    off : DataFrame
        As `table`, with ``person`` ``off``: of `ALSO_OFF`, and of clips where it should matter.
    """

    table: pd.DataFrame
    curves: dict[tuple[str, str], pd.DataFrame] = field(default_factory=dict)
    weights: dict[str, tuple[str, str]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    off: pd.DataFrame = field(default_factory=pd.DataFrame)


def measure(
    variants: Sequence[str],
    clips: Sequence[Rendered],
    videos: Sequence[Path],
    weights: Path | None = None,
    progress: bool = True,
) -> Results:
    """Extract and evaluate every clip with every variant.

    Parameters
    ----------
    variants : sequence of str
        Keys of `posexp.models.registry.variants`. One whose weights cannot be had is left out,
        with the reason.
    clips, videos : sequences
        The clips and their files, with the truth beside them.
    weights : Path, optional
        A folder with the files that variants name; the others are found as in any run.
    progress : bool
        Show a progress bar.

    Raises
    ------
    ConfigError
        For a name that is none.
    """
    known = registry.variants()
    for name in variants:
        if name not in known:
            raise ConfigError("models", f"expected some of {', '.join(known)}, got {name!r}")
    results, loaded = Results(pd.DataFrame()), {}
    for name in variants:
        try:
            loaded[name] = estimator = _load(known[name], weights)
        except ModelError as error:
            # Without the remedy: it names folders of this machine.
            results.missing[name] = error.problem
            log.warning("%s is left out: %s", name, error)
            continue
        results.weights[name] = estimator.weights.source, estimator.weights.sha256
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in loaded}
    off: dict[str, list[dict[str, Any]]] = {name: [] for name in loaded}
    pairs = list(zip(clips, videos, strict=True))
    with tqdm(total=len(pairs) * len(loaded), unit=" runs", disable=not progress) as bar:
        for clip, video in pairs:  # a clip with all variants: its people are looked for once
            for name, estimator in loaded.items():
                bar.set_description(f"{clip.name}, {name}")
                row, curve = _one(estimator, clip, video)
                rows[name].append({"variant": name, **row})
                results.curves[name, clip.name] = curve
                if name in ALSO_OFF and (clip.factor in _MATTERS or clip.camera == "drone"):
                    off[name].append({"variant": name, **_one(estimator, clip, video, "off")[0]})
                bar.update()
    results.table, results.off = (
        pd.DataFrame([row for each in table.values() for row in each]) for table in (rows, off)
    )
    return results


def _load(options: Any, weights: Path | None) -> Estimator:
    file = options.weights or ""
    if file and file == Path(file).name:
        if weights is None or not (weights / file).is_file():
            raise ModelError(
                file, "expected this file in the folder that weights= names, found none"
            )
        options = replace(options, weights=str(weights / file))
    return registry.load(options)


def _one(
    estimator: Estimator, clip: Rendered, video: Path, person: str = "auto"
) -> tuple[dict[str, Any], pd.DataFrame]:
    source = VideoSource(video, 0.0, None)
    settings = PersonSettings(person)
    watched = on_person(estimator, source, settings)
    if watched is not None:  # before the clock runs: it is remembered, and the same for all
        look_around(source, next(source.frames()), settings)
    extraction = Extraction(source, watched or estimator)
    wall, cpu = time.perf_counter(), time.process_time()
    extraction.run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    poses = extraction.poses()
    truth = read_truth(video.with_name(f"{video.stem}.truth.parquet"), poses.width, poses.height)
    others = sorted(video.parent.glob(f"{video.stem}.other_*.parquet"))
    people = [truth.poses, *map(PoseSequence.read, others)]
    events, angles = (
        pd.read_csv(video.with_name(f"{video.stem}.{name}.csv")) for name in ("events", "angles")
    )
    evaluation = evaluate(poses, truth)
    about = {key: getattr(clip, key) for key in ("factor", "level", "view", "camera")}
    speed = {"fps": len(poses) / wall, "cpu_ms": 1000 * cpu / len(poses), "frames": len(poses)}
    row = {
        "clip": clip.name, **about, "person": person, **speed,
        **person_metrics(poses, people), **movement_metrics(poses, events, angles),
        **evaluation.metrics(),
    }  # fmt: skip
    return row, evaluation.pck_curve()
