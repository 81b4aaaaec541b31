"""Who is in a clip, and who of them is followed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from posexp.errors import ConfigError
from posexp.people.find import Person, find_people, overlap
from posexp.people.follow import Clothes, clothes_of, difference
from posexp.settings import PersonSettings
from posexp.video.frame import Frame
from posexp.video.source import VideoSource

_SAME_CLOTHES = 0.45  # Hellinger distance between pictures seconds apart
_STILL, _STILL_CLOTHES = 0.5, 0.7  # who is still there may look so different: light, a bent trunk
_COMPARABLE = 0.5  # of the largest person's size: smaller ones are in the background
_FIRST = 0.5  # s: a picture within is the one before
_SPREAD = (1 / 3, 2 / 3)  # of the clip: where it is searched besides its first picture
_QUICK = 2.1e6  # px, up to 1920x1088: decoded up to a moment that no key picture is near


@dataclass(eq=False)
class Candidate:
    """One of the people in a clip.

    Parameters
    ----------
    sightings : dict
        Number of the picture to who was seen there, and in which colours.
    """

    sightings: dict[int, tuple[Person, Clothes]] = field(default_factory=dict)

    @property
    def person(self) -> Person:
        """As seen first."""
        return self.sightings[min(self.sightings)][0]

    @property
    def clothes(self) -> Clothes:
        """As seen first."""
        return self.sightings[min(self.sightings)][1]


@dataclass(frozen=True, eq=False)
class Crowd:
    """The people in a few pictures of a clip.

    Parameters
    ----------
    pictures : list of Frame
        Searched, in the order of time; the first is the clip's.
    people : list of Candidate
        Number 1 first: by the share of the pictures in which they are seen, times their size by
        the largest person's, times their nearness to the middle of the picture (1 there, 0 in its
        corners).
    """

    pictures: list[Frame]
    people: list[Candidate]

    def table(self, followed: int | None) -> pd.DataFrame:
        """A row per person and picture; `followed` is the number, from 1, of who is.

        Returns
        -------
        DataFrame
            ``person`` (from 1), ``followed``, ``time`` (s), ``left, top, right, bottom`` (px of the
            upright picture), ``score`` (0..1), ``seen`` (share of the pictures).
        """
        columns = ("person", "followed", "time", "left", "top", "right", "bottom", "score", "seen")
        rows = [
            (number, number == followed, self.pictures[n].time, *person.box.round(1),
             round(person.score, 3), len(one.sightings) / len(self.pictures))
            for number, one in enumerate(self.people, 1)
            for n, (person, _) in one.sightings.items()
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(columns))

    def chosen(self, settings: PersonSettings) -> int | None:
        """The place in `people` of who is meant; None where nobody is there at all.

        Raises
        ------
        ConfigError
            When nobody is where the settings say.
        """
        if not self.people:
            return None
        if settings.number is not None:
            if settings.number > len(self.people):
                raise ConfigError(
                    "person", f"expected 1 to {len(self.people)}, got {settings.number}: "
                    f"{_counted(len(self.people))} found",
                    "Choose another, or name a point: person=X,Y",
                )  # fmt: skip
            return settings.number - 1
        if settings.who == "auto":
            return 0
        there = self._at(settings.time)
        at = {n: each.sightings[there][0] for n, each in enumerate(self.people)
              if there in each.sightings}  # fmt: skip
        if settings.point is not None:
            return self._under(settings.point, at, self.pictures[there].time)
        largest = max(each.size for each in at.values())
        near = {n: each for n, each in at.items() if each.size >= _COMPARABLE * largest}
        frame = self.pictures[there]
        middle = np.array((frame.width, frame.height)) / 2
        costs: dict[str, Callable[[Person], float]] = {
            "largest": lambda person: -person.size,
            "central": lambda person: float(np.linalg.norm(person.centre - middle)),
            "left": lambda person: float(person.centre[0]),
            "right": lambda person: -float(person.centre[0]),
        }
        return min(near, key=lambda n: costs[settings.who](near[n]))

    def _at(self, time: float | None) -> int:
        """The picture at a time; by default the first with anybody in it."""
        seen = sorted({number for each in self.people for number in each.sightings})
        if time is None:
            return seen[0]
        nearest = int(np.argmin([abs(frame.time - time) for frame in self.pictures]))
        if nearest not in seen:
            raise ConfigError(
                "person.time", f"expected a time at which somebody is there, got {time:g} s",
                "Choose another",
            )  # fmt: skip
        return nearest

    def _under(self, point: tuple[float, float], at: dict[int, Person], time: float) -> int:
        """Who is at a point, or within a tenth of their size of it."""
        x, y = point
        near = {
            n: float(np.linalg.norm(each.centre - point))
            for n, each in at.items()
            if each.box[0] - 0.1 * each.size <= x <= each.box[2] + 0.1 * each.size
            and each.box[1] - 0.1 * each.size <= y <= each.box[3] + 0.1 * each.size
        }
        if not near:
            places = "; ".join(f"{c[0]:.0f},{c[1]:.0f}" for c in (p.centre for p in at.values()))
            raise ConfigError(
                "person", f"expected a point on somebody at {time:.2f} s, got {x:g},{y:g}, where "
                f"nobody is; people are at {places}", "Choose one of these",
            )  # fmt: skip
        return min(near, key=lambda n: near[n])


_last: tuple[object, Crowd] | None = None


def look_around(source: VideoSource, first: Frame, settings: PersonSettings) -> Crowd:
    """Search pictures of a clip: its first, and two about its thirds or that at `person.time`.

    The last clip's people are remembered: a run for each of them searches once.

    Raises
    ------
    ModelError
        When BlazePose, which finds them, cannot be had.
    """
    global _last
    status = source.path.stat()
    asked = (
        source.path, status.st_size, status.st_mtime_ns, source.start, source.stop, settings.time
    )  # fmt: skip
    if _last is None or _last[0] != asked:
        _last = None  # its memory first
        _last = asked, _searched(source, first, settings)
    return _last[1]


def _searched(source: VideoSource, first: Frame, settings: PersonSettings) -> Crowd:
    pictures = [first, *_later(source, first, settings.time)]
    people: list[Candidate] = []
    for number, frame in enumerate(pictures):
        for person in find_people(frame.rgb()):
            clothes = clothes_of(frame, person.body)
            known = [each for each in people if _is(each, number, person, clothes)]
            if known:
                one = min(known, key=lambda each: difference(each.clothes, clothes))
            else:
                people.append(one := Candidate())
            one.sightings[number] = person, clothes
    return Crowd(pictures, sorted(people, key=lambda each: -_weight(each, people, pictures)))


def _later(source: VideoSource, first: Frame, time: float | None) -> list[Frame]:
    """Pictures after the first: that at `time`, or two spread over the clip."""
    end = min(source.stop or source.info.duration, source.info.duration)
    times = [first.time + share * (end - first.time) for share in _SPREAD]
    quick = source.info.width * source.info.height <= _QUICK
    found: list[Frame] = []
    for at in times if time is None else [time]:
        after = (found[-1] if found else first).time + _FIRST
        if at <= after:
            continue
        for exact in (False, True) if time is None else (True,):
            picture = source.near(at, exact) if not exact or quick or time is not None else None
            if picture is not None and picture.time > after and _alike(picture, first):
                found.append(picture)
                break
    return found


def _alike(picture: Frame, first: Frame) -> bool:
    """Whether both have the size of the clip."""
    return (picture.width, picture.height) == (first.width, first.height)


def _is(known: Candidate, number: int, person: Person, clothes: Clothes) -> bool:
    """Whether somebody may be one who is known, and is not seen in this picture yet."""
    if number in known.sightings or not 0.5 < person.size / known.person.size < 2:
        return False
    apart = difference(known.clothes, clothes)
    last = known.sightings[max(known.sightings)][0]
    return apart < _SAME_CLOTHES or (apart < _STILL_CLOTHES and overlap(last, person) > _STILL)


def _weight(one: Candidate, people: list[Candidate], pictures: list[Frame]) -> float:
    largest = max(each.person.size for each in people)
    half = np.array((pictures[0].width, pictures[0].height)) / 2
    middle = 1 - np.linalg.norm(one.person.centre - half) / np.linalg.norm(half)
    seen = len(one.sightings) / len(pictures)
    return seen * one.person.size / largest * max(0.0, float(middle))


def _counted(people: int) -> str:
    return "1 person was" if people == 1 else f"{people} people were"
