"""What is printed when something is done."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING

from posexp.runs.run import Repetition
from posexp.store import tags
from posexp.store.address import is_server
from posexp.store.run import Run

if TYPE_CHECKING:  # these bring pandas and SciPy
    import pandas as pd

    from posexp.measure.comparison import Comparison
    from posexp.measure.evaluation import Evaluation
    from posexp.sweeps.batch import Sweep

# Label, metric and format.
_OF_A_RUN = (
    ("frames", "tracking/frames", "{:.0f}"),
    ("tracked", "tracking/tracked_share", "{:.1%}"),
    ("longest gap", "tracking/longest_gap_s", "{:.2f} s"),
    ("person lost", "person/lost_share", "{:.1%}"),
    ("confidence, mean", "confidence/mean", "{:.3f}"),
    ("confidence, 5th percentile", "confidence/p05", "{:.3f}"),
    ("confidence, arms", "confidence/arms", "{:.3f}"),
    ("confidence, torso", "confidence/torso", "{:.3f}"),
    ("confidence, legs", "confidence/legs", "{:.3f}"),
    ("jitter (above 6 Hz)", "jitter/residual_px", "{:.2f} px"),
    ("jitter / torso length", "jitter/residual_torso", "{:.2%}"),
)
_OF_AN_EVALUATION = (
    ("error, mean", "error/mean_px", "{:.2f} px"),
    ("error, median", "error/median_px", "{:.2f} px"),
    ("error, 95th percentile", "error/p95_px", "{:.2f} px"),
    ("error / torso length", "error/mean_torso", "{:.2%}"),
    ("joints missing", "detection/missing_share", "{:.1%}"),
    ("PCK at 0.1 torso", "pck/0.10", "{:.1%}"),
    ("PCK at 0.2 torso", "pck/0.20", "{:.1%}"),
    ("OKS, mean", "oks/mean", "{:.3f}"),
    ("OKS-AP", "oks/ap", "{:.3f}"),
    ("knee angle error", "angle_error/knee_deg", "{:.1f} deg"),
    ("hip angle error", "angle_error/hip_deg", "{:.1f} deg"),
    ("trunk angle error", "angle_error/trunk_deg", "{:.1f} deg"),
    ("MPJPE (same mid-hip)", "world_error/mpjpe_root_mm", "{:.0f} mm"),
    ("PA-MPJPE", "world_error/pa_mpjpe_mm", "{:.0f} mm"),
    ("left/right swaps", "swaps/count", "{:.0f}"),
    ("lag", "timing/lag_ms", "{:.0f} ms"),
)


def print_run(run: Run) -> None:
    """What a person wants to know when a run is done."""
    print(f"\n{run.name}   {run.tags['video.size']} px, {run.tags['video.fps']} frames/s")
    if run.edited:
        print(f"  edited by hand: {run.tags[tags.EDITED]}; from run {run.tags[tags.EDITED_FROM]}")
    _print_person(run.tags)
    for said in (tags.MOVEMENT, tags.VIEW):
        if said in run.tags:
            print(f"  {run.tags[said]}")
    _print_metrics(run.metrics, _OF_A_RUN)
    if tags.TRUTH in run.tags:
        print("against ground truth")
        _print_metrics(run.metrics, _OF_AN_EVALUATION)
    print(f"\nResults   {run.artifacts}")
    print(f"Run page  {run.page}")
    print(f"All runs  {run.table_page}")
    if run.video is not None:
        print(f"Compare   python -m posexp compare {shlex.quote(f'video={run.video}')}")
    if not is_server(run.uri):
        print("The pages open after: python -m posexp ui")


def print_evaluation(run: Run, evaluation: Evaluation) -> None:
    """How far a run is from ground truth."""
    labelled = f"{len(evaluation.truth)} labelled frames"
    print(f"\n{run.name}   {labelled}, {len(evaluation.body)} joints")
    _print_metrics(evaluation.metrics(), _OF_AN_EVALUATION)
    print(f"\nRun page  {run.page}")


def print_repetition(again: Repetition) -> None:
    """Whether a run that was made again has the same keypoints."""
    frames = f"{len(again.second.poses())} frames"
    if again.identical:
        print(f"{again.first.name}: the keypoints are identical, bit for bit, in {frames}")
    else:
        apart = f"{again.largest_px:.3g} px" if again.largest_px == again.largest_px else "frames"
        print(f"{again.first.name}: the keypoints differ, by at most {apart}, in {frames}")
    print(f"Run page  {again.second.page}")


def print_sweep(sweep: Sweep) -> None:
    """Counts and figures by variant, then what failed and why."""
    table = sweep.table
    counts = table["status"].value_counts()
    said = ", ".join(f"{count} {status}" for status, count in counts.items())
    print(f"\nsweep {sweep.name}: {len(table)} jobs: {said}\n")
    rows = table.groupby("model", sort=False).agg(
        videos=("video", "nunique"), runs=("run", "count"), tracked=("tracked", "mean"),
        gap=("longest_gap_s", "mean"), jitter=("jitter_residual_torso", "mean"),
        near=("pck_0.10", "mean"),
    )  # fmt: skip
    # No confidence: models mean different things by it, and are not to be ranked so.
    print(f"{'':<12}{'videos':>8}{'runs':>7}{'tracked':>10}{'longest gap':>13}"
          f"{'jitter / torso':>16}{'PCK@0.1':>10}")  # fmt: skip
    for model, row in rows.iterrows():
        print(
            f"{model:<12}{row['videos']:>8.0f}{row['runs']:>7.0f}"
            f"{_known('{:.1%}', row['tracked']):>10}{_known('{:.2f} s', row['gap']):>13}"
            f"{_known('{:.2%}', row['jitter']):>16}{_known('{:.1%}', row['near']):>10}"
        )
    failed = sweep.failed
    if not failed.empty:
        print("\nnot finished; the same command does these again:")
    for _, row in failed.iterrows():
        print(f"  {row['model']:<12}{row['problem'] or row['status']}")
    print(f"\nTable     {sweep.path}")
    print(f"Compare   python -m posexp compare {shlex.quote(f'sweep={sweep.name}')}")
    if sweep.page:
        print(f"Charts    {sweep.page}")


def print_comparison(
    run: Run, comparison: Comparison, movement: tuple[pd.DataFrame, pd.DataFrame] | None
) -> None:
    """Each run by itself, each pair of runs, where they disagree most, and on what was done."""
    width = max(len(label) for label in comparison.labels) + 2
    print(f"\n{run.name}")
    print(f"\n{'run':<{width}}{'tracked':>9}{'longest gap':>13}{'jitter / torso':>16}")
    table = comparison.run_table()
    differ = table["threshold"].nunique() > 1
    for _, row in table.iterrows():
        print(
            f"{row['run']:<{width}}{row['tracked']:>9.1%}{row['longest_gap_s']:>11.2f} s"
            f"{_known('{:.2%}', row['jitter_residual_torso']):>16}"
            + (f"   tracked: confidence from {row['threshold']:g}" if differ else "")
        )
    table = comparison.pairwise().merge(comparison.timing(), on=["first", "second"])
    print(f"\n{'':<{2 * width}}{'median':>10}{'/ torso':>9}{'agree':>8}{'lag':>9}{'swaps':>7}")
    for _, row in table[table["joint"] == "body"].iterrows():
        print(
            f"{row['first']:<{width}}{row['second']:<{width}}"
            f"{_known('{:.1f} px', row['median_px']):>10}"
            f"{_known('{:.1%}', row['median_torso']):>9}{_known('{:.1%}', row['agree']):>8}"
            f"{_known('{:.0f} ms', row['lag_ms']):>9}{row['swaps']:>7}"
        )
    for note in comparison.notes():
        print(f"\n{note}")
    frames = ", ".join(str(comparison.frame[row]) for row in comparison.worst_frames(6))
    if frames:
        print(f"\nThey disagree most in frames {frames}")
    if movement is not None:
        _print_movement(*movement, width)
    print(f"\nReport    {run.artifacts}/comparison.html")
    print(f"Run page  {run.page}")


def print_reliability(table: pd.DataFrame) -> None:
    """How far variants agree over clips; nothing where there are too few."""
    if table.empty:
        return
    print(f"\n{'over all clips':<28}{'clips':>7}{'runs':>6}{'ICC(2,1)':>10}")
    for _, row in table.iterrows():
        print(f"{row['quantity']:<28}{row['clips']:>7}{row['runs']:>6}{row['icc']:>10.3f}")


def _print_movement(clip: pd.DataFrame, agreement: pd.DataFrame, width: int) -> None:
    """What each run says was done, and by how much they differ."""
    print()
    for _, row in clip.iterrows():
        print(f"{row['run']:<{width}}{row['movement']}")
        if isinstance(view := row.get("view"), str) and view:
            print(f"{'':<{width}}{view}")
    if agreement.empty:
        return
    print(f"\n{'':<{2 * width}}{'first minus second':<22}{'bias':>11}{'95 % limits':>18}{'of':>4}")
    for _, row in agreement.iterrows():
        form = "{:.2f}" if row["unit"] == "s" else "{:.1f}"
        name = row["quantity"].removesuffix(f"_{row['unit']}").replace("_", " ")
        limits = f"{_known(form, row['lower'])} to {_known(form, row['upper'])}"
        print(
            f"{row['first']:<{width}}{row['second']:<{width}}{name:<22}"
            f"{_known(form, row['bias']) + ' ' + row['unit']:>11}{limits:>18}{row['matched']:>4}"
        )


def _print_person(known: dict[str, str]) -> None:
    """``3 people, following number 1 (person=2 for another)``, and where that is in doubt."""
    count, followed = int(known.get(tags.PEOPLE, 0)), known.get(tags.PERSON)
    if followed == "nobody":
        print("  nobody was found; the model saw the whole picture")
    elif count > 1:
        other = 1 if followed == "2" else 2
        print(f"  {count} people, following number {followed} (person={other} for another)")
    if tags.DOUBT in known:
        print(f"  {known[tags.DOUBT]}")


def _print_metrics(metrics: dict[str, float], rows: Iterable[tuple[str, str, str]]) -> None:
    for label, name, form in rows:
        if name in metrics:
            print(f"  {label:<28}{form.format(metrics[name]):>10}")


def _known(form: str, value: float) -> str:
    """A number as text; - where it cannot be told."""
    return form.format(value) if value == value else "-"
