"""All that one run logs besides its files."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from posexp.errors import PosexpError, TrackingError, printable
from posexp.files import whole
from posexp.store.tags import FINGERPRINT, SWEEP

RECORD = "run.json"


@dataclass
class RunRecord:
    """All that one run logs besides its files; kept as run.json until it is in MLflow.

    Parameters
    ----------
    name, experiment : str
        Of the run.
    params, tags : dict
        Flat, str to str.
    dataset : dict
        ``name, digest, source`` of the video.
    metrics : dict
        Name to value.
    steps : list of int
        Frames of the series.
    series : dict
        Name to a value per step.
    status : {"RUNNING", "FINISHED", "FAILED", "KILLED"}
        As MLflow has it.
    start_ms, end_ms : int
        ms since 1970.
    run_id : str, optional
        In MLflow, once it is there.
    uri : str, optional
        The store that it is meant for.
    shape : dict
        What `Skeleton.described` says of its poses' skeleton, and ``width, height, source, model,
        confidence_meaning``, for whoever finds them after a crash; empty for records without poses.
    threshold : float
        ``keypoints.confidence_threshold``, for the same.
    key : str
        Its own, so that it is found in MLflow also when its `run_id` was not noted.
    """

    name: str
    experiment: str
    params: dict[str, str]
    tags: dict[str, str]
    dataset: dict[str, str]
    metrics: dict[str, float] = field(default_factory=dict)
    steps: list[int] = field(default_factory=list)
    series: dict[str, list[float]] = field(default_factory=dict)
    status: str = "RUNNING"
    start_ms: int = field(default_factory=lambda: int(time.time() * 1000))
    end_ms: int | None = None
    run_id: str | None = None
    uri: str | None = None
    shape: dict[str, Any] = field(default_factory=dict)
    threshold: float = 0.3
    key: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def job(self) -> tuple[str, str] | None:
        """(sweep, fingerprint) of a sweep's run: what must not be done twice."""
        job = self.tags.get(SWEEP), self.tags.get(FINGERPRINT)
        return job if all(job) else None  # type: ignore[return-value]

    def reason(self, error: BaseException) -> str:
        """One line: which run it is, and what was wrong with it."""
        if isinstance(error, PosexpError):
            said = str(error)
        else:
            said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return printable(f"{self.name}: {said}")

    def save(self, folder: Path) -> None:
        """Write run.json, whole or not at all."""
        text = json.dumps(asdict(self), ensure_ascii=False, indent=1)
        with whole(folder / RECORD) as part:
            part.write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> RunRecord:
        """From run.json; TrackingError when it is damaged or of another version."""
        path = folder / RECORD
        try:
            record = cls(**json.loads(path.read_text(encoding="utf-8")))
            record._check()
        except (ValueError, TypeError, RecursionError) as error:
            raise TrackingError(
                path, f"expected the record of a run, got {str(error)[:120]}",
                "Another version of posexp may have written it",
            ) from error  # fmt: skip
        return record

    def _check(self) -> None:
        """Raise TypeError for values of other types than are logged."""
        texts, numbers = (str,), (int, float)
        kinds: dict[str, tuple[type, ...]] = {
            "name": texts, "experiment": texts, "status": texts, "key": texts,
            "run_id": (str, type(None)), "uri": (str, type(None)), "start_ms": (int,),
            "end_ms": (int, type(None)), "threshold": numbers, "steps": (list,),
            **dict.fromkeys(("params", "tags", "dataset", "metrics", "series", "shape"), (dict,)),
        }  # fmt: skip
        for item in fields(self):
            if not isinstance(getattr(self, item.name), kinds[item.name]):
                raise TypeError(f"{item.name} of type {type(getattr(self, item.name)).__name__}")
        for name, inside in (("params", texts), ("tags", texts), ("metrics", numbers),
                             ("series", (list,))):  # fmt: skip
            if not all(isinstance(value, inside) for value in getattr(self, name).values()):
                raise TypeError(f"{name} with a value of another type")
        if self.status not in ("RUNNING", "FINISHED", "FAILED", "KILLED"):
            raise TypeError(f"the status {self.status!r}")
