"""Figures as files."""

import io
import subprocess
import sys

import numpy as np
from PIL import Image
from sequences import standing

from posexp.show import figures


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
