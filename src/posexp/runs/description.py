"""What a run says of itself before it begins: its name, parameters, tags and dataset."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import subprocess
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from posexp.config import flatten
from posexp.errors import printable
from posexp.models import registry
from posexp.models.model import Estimator
from posexp.runs.job import Job
from posexp.settings import PersonSettings
from posexp.store import tags
from posexp.store.record import RunRecord
from posexp.video.source import VideoSource

_VERSIONS = (
    "posexp", "mediapipe", "tensorflow", "tensorflow-hub", "ai-edge-litert", "av", "numpy", "mlflow"
)  # fmt: skip


def record_of(
    job: Job, source: VideoSource, estimator: Estimator, more: dict[str, str]
) -> RunRecord:
    """The record of a job that is about to be done; `more` are further tags."""
    info, config = source.info, job.config
    path = printable(info.path.absolute())
    params = flatten(plain_of(job, estimator))
    who = config.person.who
    words = [estimator.name, *_differing(config.model), info.path.stem]
    if who != PersonSettings.who:
        words.append(f"person={who}")
    name = " ".join(words)
    return RunRecord(
        name=config.tracking.run_name or printable(name),
        experiment=config.tracking.experiment,
        params={key: printable(value) for key, value in params.items()},
        tags={**_tags(job, source, estimator), **more},
        dataset={
            "name": printable(info.path.name)[:500], "digest": job.content.sha256[:16],
            "source": path,
        },
        shape={
            **estimator.skeleton.described(), "width": info.width, "height": info.height,
            "source": path, "model": estimator.name,
            "confidence_meaning": estimator.confidence_meaning,
        },
        threshold=config.keypoints.confidence_threshold,
    )  # fmt: skip


def plain_of(job: Job, estimator: Estimator) -> dict[str, Any]:
    """The configuration as it is logged: what decides the result, with the model's own size."""
    plain = {k: v for k, v in job.plain.items() if k not in ("launcher", "force")}
    size = getattr(estimator, "input_size", None)
    if size and "input_size" in plain["model"]:
        plain["model"] = {**plain["model"], "input_size": size}
    return plain


def _tags(job: Job, source: VideoSource, estimator: Estimator) -> dict[str, str]:
    info = source.info
    known = {tags.tag_name(key): printable(value) for key, value in job.columns.items()}
    known |= {
        tags.VIDEO: printable(info.path.absolute()),
        tags.VIDEO_SHA256: job.content.sha256,
        "video.fps": f"{info.fps:.6g}",
        "video.size": f"{info.width}x{info.height}",
        tags.WEIGHTS_SOURCE: printable(estimator.weights.source),
        tags.WEIGHTS_SHA256: estimator.weights.sha256,
    }
    if estimator.computed_by:
        known[tags.RUNTIME] = estimator.computed_by
    if job.sweep:
        # By these a sweep knows what is done; of other runs they are in the environment's file.
        same = {tags.KEYPOINTS: job.keypoints, tags.FINGERPRINT: job.fingerprint}
        known |= {tags.SWEEP: job.sweep, **same}
    return known


def environment_of(job: Job, source: VideoSource, estimator: Estimator) -> dict[str, Any]:
    """What the results were made with: kept as a file, since nobody searches for it."""
    versions = {package: importlib.metadata.version(package) for package in _VERSIONS}
    package, version = registry.package_of(job.config.model.name)
    return {
        "versions": {"python": platform.python_version(), **versions, package: version},
        "platform": platform.platform(),
        "commit": _git_commit(),
        "confidence": estimator.confidence_meaning,
        "weights": {
            "source": printable(estimator.weights.source), "sha256": estimator.weights.sha256,
        },
        "video": {"sha256": job.content.sha256, "codec": source.info.codec},
        "truth": {"sha256": job.content.truth},
        "keypoints": job.keypoints,
        "fingerprint": job.fingerprint,
    }  # fmt: skip


def _differing(options: Any, default: Any = None) -> list[str]:
    """What a model's options differ in from its defaults: words of choices, else key=value."""
    default = type(options)() if default is None else default
    words: list[str] = []
    for each in fields(options):
        value, usual = getattr(options, each.name), getattr(default, each.name)
        if is_dataclass(value):
            words += _differing(value, usual)
        elif each.name == "weights":
            if value and "://" not in str(value):  # a file; the published ones have addresses
                stem = printable(Path(value).stem)
                # TensorFlow Hub names the folders of its cache by a sha.
                words.append(stem[:12] if re.fullmatch(r"[0-9a-f]{32,}", stem) else stem)
        elif value != usual and each.name != "name":
            words.append(str(value) if "choices" in each.metadata else f"{each.name}={value}")
    return words


def _git_commit() -> str:
    """The checkout's commit; empty for an installed wheel."""
    here = Path(__file__).resolve().parents[1]
    if here.parent.name != "src":
        return ""
    try:
        result = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return result.stdout.strip()
