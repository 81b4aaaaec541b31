"""Pose extraction from video with experiment tracking.

``extract(video, model)`` gives the poses of one video; ``run(overrides)`` does the same and logs an
MLflow run, ``sweep(overrides)`` many, and ``load(run_id)`` brings a run back. ``evaluate(poses,
truth)`` says how far it is from ground truth, ``compare(runs)`` where runs differ,
``edit(run, events)`` puts one right, and ``export(poses, "x.trc")`` writes it for other programs.
In notebooks ``CompareRuns()`` and ``RunView(run)`` show them, and ``%load_ext posexp`` brings
``%posexp``. Heavy libraries are imported when they are used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posexp.errors import PosexpError
    from posexp.exports.write import export
    from posexp.measure.comparison import Comparison, compare
    from posexp.measure.evaluation import Evaluation, evaluate
    from posexp.movement.angles import angles
    from posexp.movement.cleaning import Cleaned, clean
    from posexp.movement.repetitions import Repetitions, repetitions
    from posexp.movement.rises import find_rises
    from posexp.notebook.magics import load_ipython_extension
    from posexp.notebook.widgets import CompareRuns, RunView
    from posexp.people.find import Person, find_people
    from posexp.pose.sequence import PoseSequence
    from posexp.pose.skeleton import BLAZEPOSE33, BODY, COCO17, Skeleton
    from posexp.pose.truth import GroundTruth, read_truth
    from posexp.runs.editing import edit
    from posexp.runs.extraction import extract
    from posexp.runs.outcomes import outcomes
    from posexp.runs.run import load_run as load
    from posexp.runs.run import rerun, run
    from posexp.store.run import Run
    from posexp.sweeps.batch import Sweep, sweep

_HOMES = {
    "extract": ("posexp.runs.extraction", "extract"),
    "run": ("posexp.runs.run", "run"),
    "rerun": ("posexp.runs.run", "rerun"),
    "edit": ("posexp.runs.editing", "edit"),
    "sweep": ("posexp.sweeps.batch", "sweep"),
    "Sweep": ("posexp.sweeps.batch", "Sweep"),
    "load": ("posexp.runs.run", "load_run"),
    "evaluate": ("posexp.measure.evaluation", "evaluate"),
    "compare": ("posexp.measure.comparison", "compare"),
    "export": ("posexp.exports.write", "export"),
    "Comparison": ("posexp.measure.comparison", "Comparison"),
    "CompareRuns": ("posexp.notebook.widgets", "CompareRuns"),
    "RunView": ("posexp.notebook.widgets", "RunView"),
    "load_ipython_extension": ("posexp.notebook.magics", "load_ipython_extension"),
    "read_truth": ("posexp.pose.truth", "read_truth"),
    "angles": ("posexp.movement.angles", "angles"),
    "clean": ("posexp.movement.cleaning", "clean"),
    "Cleaned": ("posexp.movement.cleaning", "Cleaned"),
    "find_rises": ("posexp.movement.rises", "find_rises"),
    "repetitions": ("posexp.movement.repetitions", "repetitions"),
    "Repetitions": ("posexp.movement.repetitions", "Repetitions"),
    "outcomes": ("posexp.runs.outcomes", "outcomes"),
    "find_people": ("posexp.people.find", "find_people"),
    "Person": ("posexp.people.find", "Person"),
    "Evaluation": ("posexp.measure.evaluation", "Evaluation"),
    "GroundTruth": ("posexp.pose.truth", "GroundTruth"),
    "Run": ("posexp.store.run", "Run"),
    "PoseSequence": ("posexp.pose.sequence", "PoseSequence"),
    "PosexpError": ("posexp.errors", "PosexpError"),
    "Skeleton": ("posexp.pose.skeleton", "Skeleton"),
    "BODY": ("posexp.pose.skeleton", "BODY"),
    "COCO17": ("posexp.pose.skeleton", "COCO17"),
    "BLAZEPOSE33": ("posexp.pose.skeleton", "BLAZEPOSE33"),
}

__all__ = [
    "BLAZEPOSE33", "BODY", "COCO17", "Cleaned", "CompareRuns", "Comparison", "Evaluation",
    "GroundTruth", "Person", "PoseSequence", "PosexpError", "Repetitions", "Run", "RunView",
    "Skeleton", "Sweep", "angles", "clean", "compare", "edit", "evaluate", "export", "extract",
    "find_people", "find_rises", "load", "load_ipython_extension", "outcomes", "read_truth",
    "repetitions", "rerun", "run", "sweep",
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
