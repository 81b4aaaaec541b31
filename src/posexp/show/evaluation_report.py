"""What an evaluation leaves behind: tables, figures, and the worst frames."""

from __future__ import annotations

from pathlib import Path

from posexp.files import save_table
from posexp.measure.evaluation import Evaluation
from posexp.show import figures
from posexp.show.picture_files import save_picture
from posexp.show.pictures import WorstFrames


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
