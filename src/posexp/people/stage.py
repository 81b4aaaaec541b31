"""One person's stage: a model sees that person, and somebody watches that it stays with them.

The model gets the whole picture where the person fills it, and else a part of it around the person,
which stands still for as long as the person stays in it. Where it strays, one searches.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np

from posexp.models.model import Estimator
from posexp.people.choose import Candidate, Crowd, look_around
from posexp.people.film import WARM, Film, Look
from posexp.people.find import Person, find_people
from posexp.people.follow import BOTH, OTHER_CLOTHES, Track, alike, box_of, clothes_of, difference
from posexp.people.part import ROOM, Part
from posexp.people.track import NOTES, Seen
from posexp.pose.sequence import Floats, FramePose
from posexp.pose.skeleton import BODY
from posexp.settings import PersonSettings
from posexp.video.frame import Frame
from posexp.video.source import VideoSource

_WEAK = 0.15  # mean confidence of the body joints below which a model has seen nobody
_PATIENCE = 0.5  # s without a person before the model is given up
_AWAY = 1.0  # s after which the person may be anywhere
_PAUSES = (0.05, 1.5, 4.0)  # s between searches: the first, how they grow, the longest
_CHECK = 15.0  # s between two looks at who else is there
_CLOTHES = 0.2  # s after which the clothes may be what they are now
_GLANCE = 0.03  # s between two looks at the clothes
_DOUBT = 0.7  # of what makes a pose another's, in place or in clothes
_AHEAD = 0.25  # s: where the person will be when a new part is ready
_TIGHT = 1.3  # room, where a model takes another one in a larger part


class OnPerson:
    """An estimator that stays with one person of a clip.

    Parameters
    ----------
    estimator : Estimator
        The model, which sees a person.
    source : VideoSource
        The clip.
    settings : PersonSettings
        Who.

    Attributes
    ----------
    crowd : Crowd or None
        Who is there, once `estimate` has begun.
    followed : int or None
        The place in ``crowd.people`` of who is followed; None when nobody was found: then the model
        sees the whole picture, and nobody watches.
    track : list of Seen
        A row per frame so far; none when nobody is followed.
    """

    def __init__(self, estimator: Estimator, source: VideoSource, settings: PersonSettings) -> None:
        self._estimator, self._source, self._settings = estimator, source, settings
        self.name, self.skeleton = estimator.name, estimator.skeleton
        self.weights, self.confidence_meaning = estimator.weights, estimator.confidence_meaning
        self.computed_by = estimator.computed_by
        self.crowd: Crowd | None = None
        self.followed: int | None = None
        self.track: list[Seen] = []

    def __getattr__(self, name: str) -> Any:  # what else it has, such as an input size
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._estimator, name)

    def estimate(self, frames: Iterable[Frame]) -> Generator[FramePose, None, None]:
        """One pose per frame, in order; NaN with confidence 0 where the person is not seen."""
        self.track, film = [], Film(frames)
        try:
            first = film.at(0)
            if first is None:
                return
            self.crowd = look_around(self._source, first, self._settings)
            self.followed = self.crowd.chosen(self._settings)
            if self.followed is None:
                with closing(self._estimator.estimate(film.since(0))) as poses:
                    for number, pose in enumerate(poses):
                        film.forget(number + 1)
                        yield pose
                return
            one = self.crowd.people[self.followed]
            others = [each for each in self.crowd.people if each is not one]
            times = [picture.time for picture in self.crowd.pictures]
            with closing(_Following(self._estimator, film, one, others, times)) as following:
                number = 0
                while (frame := film.at(number)) is not None:
                    pose, seen = following.next(frame, number)
                    self.track.append(seen)
                    number += 1
                    film.forget(number)
                    yield pose
        finally:
            film.close()


class _Following:
    """One person through one film, of which pictures at some times (s) have been searched."""

    def __init__(
        self, estimator: Estimator, film: Film, one: Candidate, others: Sequence[Candidate],
        times: Sequence[float],
    ) -> None:  # fmt: skip
        self._estimator, self._film = estimator, film
        self._body = estimator.skeleton.indices(BODY)
        self._track = Track(one.person.body, times[0], one.clothes)
        self._one, self._others = one, others
        self._ahead = [(times[n], n) for n in sorted(one.sightings)]  # of the frames to come
        self._look: Look | None = None
        self._next: Look | None = None
        self._last: FramePose | None = None
        self._time = float("-inf")  # of the last sure frame, s
        self._checked = self._dressed = self._glanced = times[0]
        self._again, self._pause = times[0], _PAUSES[0]  # no search before, s
        self._lost = 0 not in one.sightings  # comes in later

    def next(self, frame: Frame, number: int) -> tuple[FramePose, Seen]:
        """The pose of a frame, the next one, and what is to be thought of it."""
        while self._ahead and frame.time >= self._ahead[0][0]:
            self._meet(self._ahead.pop(0)[1], frame, number)
        pose = self._look.pose() if self._look is not None else None
        self._last = pose or self._last
        state = self._state(pose, frame)
        if state == "lost" or frame.time - self._checked > _CHECK:
            pose, state = self._searched(pose, state, frame, number)
        if pose is None or state == "lost":
            self._lost = True
            self._drop_next()
            if frame.time - self._time > _PATIENCE:
                self.close()
            return replace(self._nothing(frame), note=NOTES["lost"]), Seen(
                frame.index, frame.time, state, None
            )
        body = pose.image[self._body]
        box = box_of(body)
        if state == "seen":
            if self._lost:
                state, self._lost = "found again", False
            self._time, self._pause = frame.time, _PAUSES[0]
            self._track.update(body, frame.time)
        else:
            pose = replace(pose, note=NOTES["doubtful"])
        self._lay(box, body, frame, number)
        return pose, Seen(frame.index, frame.time, state, box)

    def _meet(self, picture: int, frame: Frame, number: int) -> None:
        """Begin with the person where a picture that was searched has them, if they are lost."""
        if self._look is None:
            person, clothes = self._one.sightings[picture]
            there = [e.sightings[picture][0] for e in self._others if picture in e.sightings]
            self._track, self._time = Track(person.body, frame.time, clothes), frame.time
            self._look = self._looking(person, there, frame, number, ROOM)

    def close(self) -> None:
        """End what looks."""
        for look in (self._look, self._next):
            if look is not None:
                look.close()
        self._look = self._next = None

    def _drop_next(self) -> None:
        """A part that is laid but not gone through would fall behind, a frame for each one lost."""
        if self._next is not None:
            self._next.close()
            self._next = None

    def _state(self, pose: FramePose | None, frame: Frame) -> str:
        """Whether a pose is the person's, as far as place, size and clothes say."""
        if pose is None or not self._is_there(pose):
            return "lost"
        body = pose.image[self._body]
        strays = self._track.strays(body, frame.time)
        if strays <= 1 and frame.time - self._glanced >= _GLANCE:
            self._glanced = frame.time
            clothes = clothes_of(frame, body)
            apart = difference(clothes, self._track.clothes) / OTHER_CLOTHES
            if apart < _DOUBT and frame.time - self._dressed >= _CLOTHES:
                self._dressed = frame.time
                self._track.dress(clothes, _CLOTHES)
            # Who crosses in front is at the same place, in other clothes, and there at once.
            others = max(apart, (strays + apart) / BOTH)
            if others > 1:
                self._glanced, strays = float("-inf"), others
        return "lost" if strays > 1 else "doubtful" if strays > _DOUBT else "seen"

    def _is_there(self, pose: FramePose) -> bool:
        body = pose.image[self._body]
        return bool(np.isfinite(body).all()) and pose.confidence[self._body].mean() >= _WEAK

    def _searched(
        self, pose: FramePose | None, state: str, frame: Frame, number: int
    ) -> tuple[FramePose | None, str]:
        """What can be said once one has looked where the person is."""
        weak = (
            pose is not None
            and bool(np.isfinite(pose.image[self._body]).all())
            and not self._is_there(pose)
            and frame.time - self._time <= _PATIENCE
        )
        if frame.time < self._again:
            return (pose, "doubtful") if weak else (pose, state)
        self._checked = frame.time
        away = frame.time - self._time > _AWAY
        people = find_people(frame.rgb()) if away else self._near(frame, state == "lost")
        clothes = [clothes_of(frame, each.body) for each in people]
        person = self._track.choose(people, clothes, frame.time, anywhere=away)
        if person is None:
            if state == "lost":
                self._again, self._pause = frame.time + self._pause, self._longer()
            return (pose, "doubtful") if weak else (pose, state)
        if pose is not None and self._is_there(pose):
            if alike(pose.image[self._body], person.body):
                return pose, "seen"
            if state != "lost" and not any(
                alike(pose.image[self._body], each.body) for each in people
            ):
                return pose, state  # a check that sees something else than everybody
        others = [each for each in people if each is not person]
        for room in (ROOM, _TIGHT):
            self.close()
            self._look = self._looking(person, others, frame, number, room)
            self._last = pose = self._look.pose()
            if self._is_there(pose) and alike(pose.image[self._body], person.body):
                return pose, "seen"
        self.close()
        self._again, self._pause = frame.time + self._pause, self._longer()
        return None, "lost"

    def _longer(self) -> float:
        return min(_PAUSES[1] * self._pause, _PAUSES[2])

    def _looking(
        self, person: Person, others: Sequence[Person], frame: Frame, number: int, room: float
    ) -> Look:
        part, bodies = Part.around(person.box, frame, room), [each.body for each in others]
        return Look(self._estimator, self._film, number, part, bodies, person.body)

    def _near(self, frame: Frame, thorough: bool) -> list[Person]:
        """The people around where the person should be."""
        centre, size = self._track.expected(frame.time), self._track.size
        box = np.concatenate((centre - size / 2, centre + size / 2))
        part = Part.around(box, frame, 2.5)
        corner = np.array((part.left, part.top))
        shares = (1, 0.6) if thorough else (1,)
        found = find_people(part.of(frame).rgb(), shares, np.array([[*(centre - corner), size]]))
        return [
            Person(each.box + np.tile(corner, 2), each.score, each.keypoints + corner)
            for each in found
        ]

    def _lay(self, box: Floats, body: Floats, frame: Frame, number: int) -> None:
        """Another part in good time, which the model sees for a while before it is asked there."""
        assert self._look is not None
        if self._next is None:
            ahead = box + np.tile(self._track.moves(_AHEAD), 2)
            if not self._look.part.suits(ahead, self._track.size):
                part = Part.around(ahead, frame)
                if part != self._look.part:
                    self._next = Look(self._estimator, self._film, number + 1, part, (), body)
            return
        pose = self._next.pose()
        if self._next.age < WARM:
            return
        if self._is_there(pose) and alike(pose.image[self._body], body):
            self._look.close()
            self._look = self._next
        else:  # it has found another one there
            self._next.close()
        self._next = None

    def _nothing(self, frame: Frame) -> FramePose:
        """A pose of nobody, with all that the model's have."""
        if self._last is None:
            with closing(self._estimator.estimate(iter((frame,)))) as poses:
                self._last = next(poses)
        like = self._last
        depth, world, visibility = (
            None if value is None else np.full_like(value, fill)
            for value, fill in ((like.depth, np.nan), (like.world, np.nan), (like.visibility, 0))
        )
        return FramePose(
            frame.index, frame.time, np.full_like(like.image, np.nan),
            np.zeros_like(like.confidence), depth, world, visibility,
        )  # fmt: skip
