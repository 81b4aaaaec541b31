"""What is done with logged runs: evaluate, edit, compare them; it brings SciPy and matplotlib."""

from __future__ import annotations

import logging
from collections.abc import Callable

from posexp.config import load_config
from posexp.runs import editing
from posexp.runs.agreement import agreement_of, reliability_over
from posexp.runs.logged import compare_runs, evaluate_run
from posexp.store.archive import Archive
from posexp.terminal.parser import Line, names_in
from posexp.terminal.summaries import (
    print_comparison,
    print_evaluation,
    print_reliability,
    print_run,
)

log = logging.getLogger("posexp")


def evaluate(line: Line) -> int:
    """Measure a logged run against ground truth."""
    archive = Archive(load_config(line.overrides)[0].tracking)
    run, evaluation = evaluate_run(str(line.keys["run"]), line.keys["truth"], archive)
    for note in evaluation.notes:
        log.warning("%s", note)
    print_evaluation(run, evaluation)
    return 0


def compare(line: Line) -> int:
    """Compare logged runs."""
    ids, video, sweep = names_in(line.keys["runs"]), line.keys["video"], line.keys["sweep"]
    archive = Archive(load_config(line.overrides)[0].tracking)
    compared = compare_runs(ids, video, sweep, archive)
    for run, comparison in compared:
        print_comparison(run, comparison, agreement_of(run))
    print_reliability(reliability_over([run for run, _ in compared]))
    return 0


def edit(line: Line) -> int:
    """Put a logged run right, as a new one."""
    keys, settings = line.keys, load_config(line.overrides)[0].tracking
    print_run(
        editing.edit(
            str(keys["run"]), keys["events"], keys["keypoints"], settings=settings, progress=True
        )
    )
    return 0


FUNCTIONS: dict[str, Callable[[Line], int]] = {
    "evaluate": evaluate, "compare": compare, "edit": edit
}  # fmt: skip
