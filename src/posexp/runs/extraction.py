"""One pass over a video: every frame is decoded once, estimated once, and handed to sinks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from posexp.errors import printable
from posexp.models.model import Estimator
from posexp.models.registry import load, options_for
from posexp.people.watched import on_person
from posexp.pose.sequence import FramePose, PoseSequence
from posexp.progress import Report, progress_bar
from posexp.settings import PersonSettings
from posexp.spans import awaited, span
from posexp.video.frame import Frame
from posexp.video.source import VideoSource

_BLOCK = 1000  # frames


class Sink(Protocol):
    """Whatever takes frames with their poses, in order."""

    def add(self, frame: Frame, pose: FramePose) -> None:
        """Take one frame."""
        ...


class Extraction:
    """The pass itself; what it has is there at any time, also after an interruption.

    Parameters
    ----------
    source : VideoSource
        The video.
    estimator : Estimator
        The loaded model.
    sinks : sequence of Sink
        Called for every frame, in order, all in one thread.
    """

    def __init__(
        self, source: VideoSource, estimator: Estimator, sinks: Sequence[Sink] = ()
    ) -> None:
        self._source, self._estimator, self._sinks = source, estimator, sinks
        self._recent: list[FramePose] = []
        self._blocks: list[PoseSequence] = []
        self._broken = False

    def run(self, report: Report | None = None) -> None:
        """Go through the whole video; VideoError for input that cannot be gone through.

        Parameters
        ----------
        report : callable, optional
            Hears how far it is.
        """
        waiting: deque[Frame] = deque()
        handed: deque[Future[None]] = deque()

        def frames() -> Iterator[Frame]:
            for frame in self._source.frames():
                waiting.append(frame)
                yield frame

        # The sinks draw and encode in a thread of their own, a frame behind the model.
        with (
            closing(self._estimator.estimate(frames())) as estimated,
            ThreadPoolExecutor(1, "posexp-sinks") as pool,
        ):
            for pose in awaited("extraction: inference", estimated):
                self._keep(pose)
                handed.append(pool.submit(self._hand_over, waiting.popleft(), pose))
                if len(handed) > 1:
                    _wait_for(handed.popleft())
                if report is not None:
                    report(len(self), self._source.expected_frames)
            while handed:
                _wait_for(handed.popleft())

    def _hand_over(self, frame: Frame, pose: FramePose) -> None:
        if self._broken:  # a file that was given up must not be begun again
            return
        try:
            for sink in self._sinks:
                sink.add(frame, pose)
        except BaseException:
            self._broken = True
            raise

    def _keep(self, pose: FramePose) -> None:
        """As arrays, of which an hour takes a fraction of what as many small objects do."""
        self._recent.append(pose)
        if len(self._recent) == _BLOCK:
            self._blocks.append(self._stacked())
            self._recent = []

    def _stacked(self) -> PoseSequence:
        info = self._source.info
        return PoseSequence.from_frames(
            self._recent, self._estimator.skeleton, info.width, info.height,
            source=printable(info.path), model=self._estimator.name,
            confidence_meaning=self._estimator.confidence_meaning,
        )  # fmt: skip

    def __len__(self) -> int:
        return _BLOCK * len(self._blocks) + len(self._recent)

    def poses(self) -> PoseSequence:
        """What has been extracted so far."""
        last = [self._stacked()] if self._recent or not self._blocks else []
        return PoseSequence.joined([*self._blocks, *last])


def _wait_for(handed: Future[None]) -> None:
    with span("extraction: wait for overlay"):
        handed.result()


def extract(
    video: str | Path,
    model: str = "mlkit",
    *,
    start: float = 0.0,
    stop: float | None = None,
    person: str = "auto",
    progress: bool = False,
    **options: Any,
) -> PoseSequence:
    """Extract the poses of one person from a video.

    Parameters
    ----------
    video : path
        Anything FFmpeg decodes.
    model : str
        The variant: ``mlkit``, ``lightning``, ``thunder``, or one of another package.
    start, stop : float
        Part of the video, s from its first frame.
    person : str
        Who is followed: ``auto``, ``left``, ``2``, ``"612,340"``, ...; see `PersonSettings`.
        ``off``: nobody, and the model sees the whole picture.
    progress : bool
        Show a progress bar.
    **options
        Of the variant, as in ``conf/model``: ``complexity="lite"``,
        ``crop={"min_keypoint_score": 0.3}``, ``weights="movenet.tflite"``, ...

    Returns
    -------
    PoseSequence
        Raw, as the model gave it.

    Raises
    ------
    PosexpError
        With one line that says what was expected, what was got and what to do.
    """
    source = VideoSource(Path(video), start, stop)
    estimator = load(options_for(model, **options))
    stage = on_person(estimator, source, PersonSettings(person))
    extraction = Extraction(source, stage or estimator)
    with progress_bar(f"{model}: {source.path.name}", progress) as report:
        extraction.run(report)
    return extraction.poses()
