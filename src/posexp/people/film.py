"""Frames that several go through at once, and a model that goes through them from one on."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence

from posexp.models.model import Estimator
from posexp.people.part import Part
from posexp.pose.sequence import Floats, FramePose
from posexp.video.frame import Frame

WARM = 10
"""Frames after which a model has found its person, and smooths as it will."""


class Film:
    """The frames of a clip, kept until they are no longer needed.

    Who goes through it pulls frames as it likes: some ask for them in a thread, some for several
    before they answer.

    Parameters
    ----------
    frames : iterable of Frame
        In order.
    """

    def __init__(self, frames: Iterable[Frame]) -> None:
        self._source, self._lock = iter(frames), threading.Lock()
        self._kept: deque[Frame] = deque()
        self._first = 0

    def at(self, number: int) -> Frame | None:
        """A frame by its number from the beginning; None after the last."""
        with self._lock:
            while number - self._first >= len(self._kept):
                frame = next(self._source, None)
                if frame is None:
                    return None
                self._kept.append(frame)
            return self._kept[number - self._first]

    def since(self, number: int) -> Iterator[Frame]:
        """The frames from one on."""
        while (frame := self.at(number)) is not None:
            yield frame
            number += 1

    def forget(self, number: int) -> None:
        """Let go of the frames before one."""
        with self._lock:
            while self._first < number and self._kept:
                self._kept.popleft()
                self._first += 1

    def close(self) -> None:
        """Let go of all, and of where they come from."""
        self._kept.clear()
        if isinstance(self._source, Generator):
            self._source.close()


class Look:
    """A model that goes through a film from one frame on, and sees one part of it.

    Parameters
    ----------
    estimator : Estimator
        The model.
    film : Film
        What it goes through, from frame number `start` on.
    part : Part
        What it sees.
    others : sequence of (12, 2) arrays
        Body joints of people who are painted over in the first frames, or it might take them.
    own : (12, 2) array
        Those of the person, who is not.
    """

    def __init__(
        self, estimator: Estimator, film: Film, start: int, part: Part,
        others: Sequence[Floats], own: Floats,
    ) -> None:  # fmt: skip
        self.part, self.age = part, 0

        def frames() -> Iterator[Frame]:
            for age, frame in enumerate(film.since(start)):
                hide = others and age < WARM
                yield part.without(others, own, frame) if hide else part.of(frame)

        self._poses = estimator.estimate(frames())

    def pose(self) -> FramePose:
        """Of the next frame, in px of the picture."""
        self.age += 1
        return self.part.to_picture(next(self._poses))

    def close(self) -> None:
        """End it."""
        self._poses.close()
