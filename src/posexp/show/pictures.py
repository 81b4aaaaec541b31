"""Pictures kept of a video: key frames, the worst frames, and the sheets of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from posexp.pose.sequence import Floats, FramePose, PoseSequence
from posexp.pose.skeleton import BODY, Skeleton, common_joints
from posexp.settings import OverlaySettings
from posexp.show.captions import Entry, legend_of
from posexp.show.drawing import WHITE, Color, draw_skeleton
from posexp.show.sheets import captioned, cut_around, sheet
from posexp.show.size import SteadySize, size_of
from posexp.video.frame import Frame, Image

_SHEET = 12


class KeyFrames:
    """Evenly spread pictures of the person in a video whose length is not known beforehand.

    A sink of `posexp.extract`: keeps every n-th frame and doubles n when there are too many,
    so runs of one video keep the same frames. At most `most` pictures are held. Marked are those
    where the person is lost or may be another, or where a quarter of the body joints is not sure.
    """

    def __init__(self, settings: OverlaySettings, skeleton: Skeleton, most: int = 24) -> None:
        self._threshold = settings.confidence_threshold
        self._skeleton, self._most = skeleton, most
        self._body = skeleton.indices(BODY)
        self._size, self._faint = SteadySize(), "unsure"
        self._every, self._count = 1, 0
        self.pictures: dict[int, Image] = {}

    def add(self, frame: Frame, pose: FramePose) -> None:
        """Keep a picture of the frame when it is its turn."""
        size = self._size.update(size_of(self._skeleton, pose.image), frame.time)
        if self._count % self._every == 0:
            if len(self.pictures) == self._most:
                self.pictures = dict(list(self.pictures.items())[::2])
                self._every *= 2
            if self._count % self._every == 0:
                self.pictures[frame.index] = self._picture(frame, pose, size)
        self._count += 1

    def contact_sheet(self) -> Image:
        """(h, w, 3) uint8 RGB: a dozen of the pictures, in order, with a legend."""
        frames = list(self.pictures.values())
        chosen = [frames[i] for i in np.unique(np.linspace(0, len(frames) - 1, _SHEET).round()
                                               .astype(int))]  # fmt: skip
        return sheet(chosen, legend_of(self._skeleton, self._faint))

    def _picture(self, frame: Frame, pose: FramePose, size: float) -> Image:
        cut = cut_around(frame, pose.image, size)
        draw_skeleton(
            cut.picture, self._skeleton, cut.place(pose.image), pose.confidence, self._threshold,
            visibility=pose.visibility, size=cut.zoom * size,
        )  # fmt: skip
        if pose.visibility is not None:
            self._faint = "hidden"
        unsure = int((pose.confidence[self._body] < self._threshold).sum())
        said = f"{unsure} unsure" if unsure else ""
        if not np.isfinite(pose.image).any():
            said = "nobody"
        return captioned(
            cut.picture, f"{frame.time:.2f} s", pose.note.removeprefix("person ") or said,
            marked=bool(pose.note) or unsure >= len(self._body) / 4,
        )  # fmt: skip


class WorstFrames:
    """Pictures of the frames where a model is furthest from the truth.

    A sink of `posexp.extract`. The video is cut into stretches of equal length and each keeps
    its worst frame, so that one bad moment does not fill the sheet. Truth is drawn in white.

    Parameters
    ----------
    truth : PoseSequence
        Of the same video.
    skeleton : Skeleton
        Of the poses.
    """

    def __init__(self, truth: PoseSequence, skeleton: Skeleton) -> None:
        self._joints = [j for j in common_joints(truth.skeleton, skeleton) if j in BODY]
        self._truth, self._skeleton = truth.select(self._joints), skeleton
        self._rows = {int(frame): row for row, frame in enumerate(truth.frame)}
        self._stretch = max(1, len(truth) // (2 * _SHEET))
        self._worst: dict[int, tuple[float, Image]] = {}

    def add(self, frame: Frame, pose: FramePose) -> None:
        """Keep a picture of the frame when it is the worst of its stretch so far."""
        row = self._rows.get(frame.index)
        if row is None or not self._joints:
            return
        truth = self._truth.image[row]
        seen = pose.image[self._skeleton.indices(self._joints)]
        labelled = np.isfinite(truth).all(axis=1)
        if not labelled.any():
            return
        error = np.linalg.norm(seen - truth, axis=1)[labelled]
        mean = float(np.where(np.isfinite(error), error, np.inf).mean())
        stretch = row // self._stretch
        if mean > self._worst.get(stretch, (-1.0,))[0]:
            self._worst[stretch] = mean, self._picture(frame, pose, truth, mean)

    def contact_sheet(self) -> Image | None:
        """(h, w, 3) uint8 RGB: the dozen worst, worst first, with a legend; None without any."""
        worst = sorted(self._worst.values(), key=lambda pair: -pair[0])[:_SHEET]
        legend = [*legend_of(self._skeleton), Entry("truth", WHITE)]
        return sheet([picture for _, picture in worst], legend) if worst else None

    def _picture(self, frame: Frame, pose: FramePose, truth: Floats, error: float) -> Image:
        lost = bool(np.isinf(error))
        return person_picture(
            frame, truth,
            [(self._truth.skeleton, truth, WHITE), (self._skeleton, pose.image, None)],
            "missing" if lost else f"{error:.0f} px off", marked=lost,
        )  # fmt: skip


def person_picture(
    frame: Frame,
    focus: Floats,
    skeletons: Sequence[tuple[Skeleton, Floats, Color | None]],
    said: str,
    marked: bool = False,
) -> Image:
    """A picture around a person, with skeletons on it and a line below.

    Parameters
    ----------
    frame : Frame
        Of the video.
    focus : (N, 2) array
        What must be seen, px; NaN is left out.
    skeletons : sequence of (Skeleton, (J, 2) array, color)
        What is drawn, in this order; None for the colours of the sides. The first one that is
        there says how large the person is.
    said : str
        Written behind the frame's time.
    marked : bool
        With a red border.
    """
    sizes = [size_of(skeleton, points) for skeleton, points, _ in skeletons]
    size = next((each for each in sizes if each > 0), 0.0)
    cut = cut_around(frame, focus, size)
    for skeleton, points, color in skeletons:
        place, sure = cut.place(points), np.ones(len(points))
        draw_skeleton(cut.picture, skeleton, place, sure, 0.5, color, size=cut.zoom * size)
    return captioned(cut.picture, f"{frame.time:.2f} s", said, marked)
