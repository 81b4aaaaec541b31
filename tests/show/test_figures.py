"""Figures as files."""

import io
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sequences import standing

from posexp.benchmark.averages import HEADLINE
from posexp.benchmark.report_figures import speed
from posexp.measure.comparison import compare
from posexp.movement.repetitions import repetitions
from posexp.pose.skeleton import BODY
from posexp.show import comparison_figures, figures
from posexp.show.movement import repetitions_over_time


def test_a_figure_drawn_once_is_what_savefig_writes(tmp_path):
    """Bit for bit: the layout is found before anything is drawn."""
    poses = standing(60)
    poses.image[:] += np.random.default_rng(0).normal(0, 3, poses.image.shape)
    for draw in (figures.confidence_heatmap, lambda poses: figures.trajectories(poses, 0.3)):
        expected = io.BytesIO()
        draw(poses).savefig(expected, format="png", dpi=110)
        figures.save(draw(poses), tmp_path / "figure.png")
        with Image.open(tmp_path / "figure.png") as written, Image.open(expected) as known:
            assert np.array_equal(np.asarray(written), np.asarray(known))


def test_a_figure_is_drawn_while_another_thread_imports_ipython():
    """MLflow does so beside the first frames of a run; matplotlib looks at what is there of it."""
    code = (
        "import sys, types; from posexp.show import figures\n"
        "sys.modules['IPython'] = types.ModuleType('IPython')  # half-way: it has no version yet\n"
        "print(len(figures.as_png(figures.panel(2, 2)[0])) > 100)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "True", done.stderr


def test_a_movements_phases_are_shaded_apart_where_they_are_known():
    from tests.movement.people import chair_stands

    found = repetitions(chair_stands((2, 6), stop=10))
    known = found.table.assign(momentum_transfer_s=0.3, stabilisation_s=[0.5, np.nan])
    for table, expected in (
        (found.table, {"flexion momentum", "rise", "going down"}),
        (known, {"flexion momentum", "momentum transfer", "extension", "stabilisation",
                 "going down"}),
    ):  # fmt: skip
        figure = repetitions_over_time(replace(found, table=table), "two $stands$")
        (legend,) = figure.legends
        shown = {text.get_text() for text in legend.get_texts()} - {"left", "right"}
        assert expected <= shown <= expected | {"stabilisation"}
    extension = known["rise_start"][0] + 0.3
    begins = [path.vertices[0, 0] for all_of_one in figure.axes[0].collections
              for path in all_of_one.get_paths()]  # fmt: skip
    assert any(abs(begin - extension) < 1e-9 for begin in begins)
    assert not any(text.get_parse_math() for text in figure.texts)


@pytest.mark.filterwarnings("error:constrained_layout", "error:No artists")
@pytest.mark.parametrize("joints", [BODY, ("nose",)], ids=["body", "nose"])
def test_names_of_any_length_leave_room_for_what_is_drawn(joints):
    runs = [f"lightning crop.min_keypoint_score=0.3 person=left {index}" * 2 for index in range(4)]
    comparison = compare({run: standing(5).select(joints) for run in runs})
    for draw in (comparison_figures.angles_over_time, comparison_figures.agreement,
                 comparison_figures.distance_by_joint):  # fmt: skip
        figure = draw(comparison)
        figures.as_png(figure)
        assert all(axes.get_position().height > 0.05 for axes in figure.axes)


@pytest.mark.filterwarnings("error:No artists")
def test_the_benchmarks_speeds_are_drawn_where_one_camera_has_no_clip():
    table = pd.DataFrame({
        "camera": ["phone"], "variant": ["thunder"], "cpu_ms": [20.0], HEADLINE: [0.9],
    })  # fmt: skip
    phone, drone = speed(table).axes
    assert phone.get_legend() is not None and drone.get_legend() is None
