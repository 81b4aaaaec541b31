"""What an evaluation leaves behind: tables, figures, and the worst frames."""

from __future__ import annotations

from pathlib import Path

from posexp.files import save_table
from posexp.measure.evaluation import Evaluation
from posexp.show import figures
from posexp.show.picture_files import save_picture
from posexp.show.pictures import WorstFrames

SUMMARY = (
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
"""Label, metric and format of what is printed."""


def write_evaluation(evaluation: Evaluation, worst: WorstFrames | None, folder: Path) -> None:
    """Write ``evaluation/*.csv``, ``evaluation/worst_frames.png`` and ``figures/*.png``."""
    for name in ("evaluation", "figures"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, table in (
        ("joints", evaluation.joint_table()),
        ("pck", evaluation.pck_curve()),
        ("calibration", evaluation.calibration()),
    ):
        save_table(table, folder / "evaluation" / f"{name}.csv")
    model = evaluation.poses.model
    for name, figure in (
        ("error_by_joint", figures.error_by_joint(evaluation)),
        ("error_over_time", figures.error_over_time(evaluation)),
        ("pck", figures.pck_curves({model: evaluation.pck_curve()}, "Correct keypoints")),
        ("calibration", figures.calibration_curve(evaluation)),
    ):
        figures.save(figure, folder / "figures" / f"{name}.png")
    sheet = worst.contact_sheet() if worst is not None else None
    if sheet is not None:
        save_picture(sheet, folder / "evaluation" / "worst_frames.png")
