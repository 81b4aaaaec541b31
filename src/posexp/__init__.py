"""Pose extraction from video with experiment tracking.

``extract(video, model)`` gives the poses of one video; ``run(overrides)`` does the same and logs an
MLflow run, ``sweep(overrides)`` many, and ``load(run_id)`` brings a run back. ``evaluate(poses,
truth)`` says how far it is from ground truth, ``compare(runs)`` where runs differ. In notebooks
``CompareRuns()`` and ``RunView(run)`` show them, and ``%load_ext posexp`` brings ``%posexp``. Heavy
libraries are imported when they are used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posexp.app import load_run as load
    from posexp.app import rerun, run
    from posexp.batch import Sweep, sweep
    from posexp.comparison import Comparison, compare
    from posexp.errors import PosexpError
    from posexp.evaluation import Evaluation, evaluate
    from posexp.extraction import extract
    from posexp.magics import load_ipython_extension
    from posexp.poses import PoseSequence
    from posexp.skeleton import BLAZEPOSE33, BODY, COCO17, Skeleton
    from posexp.tracking import Run
    from posexp.truth import GroundTruth, read_truth
    from posexp.widgets import CompareRuns, RunView

_HOMES = {
    "extract": ("posexp.extraction", "extract"),
    "run": ("posexp.app", "run"),
    "rerun": ("posexp.app", "rerun"),
    "sweep": ("posexp.batch", "sweep"),
    "Sweep": ("posexp.batch", "Sweep"),
    "load": ("posexp.app", "load_run"),
    "evaluate": ("posexp.evaluation", "evaluate"),
    "compare": ("posexp.comparison", "compare"),
    "Comparison": ("posexp.comparison", "Comparison"),
    "CompareRuns": ("posexp.widgets", "CompareRuns"),
    "RunView": ("posexp.widgets", "RunView"),
    "load_ipython_extension": ("posexp.magics", "load_ipython_extension"),
    "read_truth": ("posexp.truth", "read_truth"),
    "Evaluation": ("posexp.evaluation", "Evaluation"),
    "GroundTruth": ("posexp.truth", "GroundTruth"),
    "Run": ("posexp.tracking", "Run"),
    "PoseSequence": ("posexp.poses", "PoseSequence"),
    "PosexpError": ("posexp.errors", "PosexpError"),
    "Skeleton": ("posexp.skeleton", "Skeleton"),
    "BODY": ("posexp.skeleton", "BODY"),
    "COCO17": ("posexp.skeleton", "COCO17"),
    "BLAZEPOSE33": ("posexp.skeleton", "BLAZEPOSE33"),
}

__all__ = [
    "BLAZEPOSE33", "BODY", "COCO17", "CompareRuns", "Comparison", "Evaluation", "GroundTruth",
    "PoseSequence", "PosexpError", "Run", "RunView", "Skeleton", "Sweep", "compare", "evaluate",
    "extract", "load", "load_ipython_extension", "read_truth", "rerun", "run", "sweep",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'posexp' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    value = getattr(importlib.import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
