"""Figures as files."""

import io

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
