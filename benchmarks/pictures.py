"""Make the docs' pictures of the overlay and of the worst frames: ``benchmarks/pictures.py``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from posexp.models import registry
from posexp.people.watched import on_person
from posexp.pose.sequence import FramePose
from posexp.pose.skeleton import Skeleton
from posexp.pose.truth import read_truth, truth_beside
from posexp.runs.extraction import Extraction
from posexp.settings import PersonSettings
from posexp.show.captions import STRIP, draw_legend, legend_of
from posexp.show.drawing import draw_skeleton
from posexp.show.picture_files import save_picture
from posexp.show.pictures import WorstFrames
from posexp.show.sheets import GAP, HEIGHT
from posexp.video.embedded import embedded_clip
from posexp.video.frame import Frame, Image
from posexp.video.source import VideoSource

DOCS = Path(__file__).resolve().parents[1] / "docs"
SHOWN = 10, 66, 110  # frames: sitting, rising, standing


class Shown:
    """A sink: some frames with their skeleton, cut to the person."""

    def __init__(self, skeleton: Skeleton) -> None:
        self._skeleton, self.pictures = skeleton, list[Image]()

    def add(self, frame: Frame, pose: FramePose) -> None:
        if frame.index in SHOWN:
            picture = frame.rgb()
            draw_skeleton(
                picture, self._skeleton, pose.image, pose.confidence, 0.3,
                visibility=pose.visibility,
            )  # fmt: skip
            self.pictures.append(picture[:456, 130:450])


def main() -> None:
    source = VideoSource(embedded_clip())
    estimator = registry.load(registry.options_for("mlkit"))
    labels = truth_beside(source.info.path)
    assert labels is not None
    truth = read_truth(labels, source.info.width, source.info.height)
    shown = Shown(estimator.skeleton)
    worst = WorstFrames(truth.poses, estimator.skeleton)
    stage = on_person(estimator, source, PersonSettings())
    Extraction(source, stage or estimator, [shown, worst]).run()

    row = np.hstack(shown.pictures)
    legend = np.full((STRIP, row.shape[1], 3), 24, np.uint8)
    draw_legend(legend, legend_of(estimator.skeleton, "hidden"), 10, 0, 0.8)
    save_picture(np.vstack([row, legend]), DOCS / "overlay.jpg")
    sheet = worst.contact_sheet()
    assert sheet is not None
    two_rows = GAP + 2 * (HEIGHT + STRIP + GAP)
    save_picture(
        np.vstack([sheet[:two_rows], sheet[-STRIP - 2 * GAP :]]), DOCS / "worst_frames.jpg"
    )


if __name__ == "__main__":
    main()
