"""The clips of the benchmark: one thing changed at a time, around a phone and a drone."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from posexp.benchmark.rendering.figure import Body, Movement
from posexp.benchmark.rendering.scene import TARGET, Camera, Film, Other, Scene
from posexp.errors import ConfigError

VIEWS = {"side": 90.0, "oblique": 45.0, "front": 0.0}
"""Azimuth of the camera, degrees."""

_PHONE = (854, 480)
_DRONE = (1920, 1080)
_PHONE_LENS, _DRONE_LENS = 26 / 36, 24 / 36  # focal length over width of a 36 mm film
_WALKS = 1.4  # m/s
_BRIEF = Film(fps=12.5)  # half of the frames are enough where only the distance is asked about

EMBEDDED = ("sit_to_stand", "phone_side", "phone_front", "drone_oblique", "phone_oblique_passer_by")
"""Clips that come with the package."""


@dataclass(frozen=True)
class Rendered:
    """One clip of the catalogue, as it is to be drawn.

    Parameters
    ----------
    name : str
        Also of its files.
    factor, level : str
        What is changed against the base, and to what; ``view`` for the bases themselves.
    view : {"side", "oblique", "front"}
        From where it is filmed.
    camera : {"phone", "drone"}
        By what.
    scene, film : Scene, Film
        All that is needed to draw it.
    repetitions : int
        How often the person rises.
    """

    name: str
    factor: str
    level: str
    view: str
    camera: str
    scene: Scene
    film: Film = field(default_factory=Film)
    repetitions: int = 1

    @property
    def duration(self) -> float:
        """Length in s."""
        return self.repetitions * self.scene.movement.cycle


def catalogue(seed: int = 0) -> tuple[Rendered, ...]:
    """All clips; `seed` moves the sway of the person and the noise of the sensor."""
    movement = Movement(seed=seed)
    embedded = Camera((2.62, 1.28, 2.45), (0.0, 0.86, -0.20), 760.0, 640, 480)
    clips = [
        Rendered("sit_to_stand", "demo", "demo", "oblique", "phone",
             Scene(embedded, movement=movement), Film(fps=50, crf=21), 2)
    ]  # fmt: skip
    phone = {view: _phone(view, movement) for view in VIEWS}
    drone = {view: _drone(view, movement) for view in VIEWS}
    clips += [Rendered(f"phone_{v}", "view", v, v, "phone", scene) for v, scene in phone.items()]
    clips += [Rendered(f"drone_{v}", "view", v, v, "drone", scene) for v, scene in drone.items()]
    for view in ("side", "oblique"):
        clips += [
            Rendered(f"phone_{view}_{name}", factor, level, view, "phone", scene, film)
            for name, factor, level, scene, film in _changes(view, phone[view])
        ]
    for view in ("side", "oblique"):
        far = replace(drone[view], camera=_camera(view, 18.0, 10.0, _DRONE, _DRONE_LENS))
        clips.append(Rendered(f"drone_{view}_far", "distance", "18 m", view, "drone", far))
    steep = replace(drone["oblique"], camera=_camera("oblique", 6.0, 9.0, _DRONE, _DRONE_LENS))
    clips.append(Rendered("drone_oblique_steep", "height", "9 m", "oblique", "drone", steep))
    clips += _further(phone, drone)
    clips += _several("phone", phone, {"side": _PHONE_PEOPLE[:2], "oblique": _PHONE_PEOPLE})
    clips += _several("drone", drone, {"oblique": _DRONE_PEOPLE})
    return tuple(clips)


_PHONE_PEOPLE = ("crosses_front", "assistant", "three", "enters", "leaves")
_DRONE_PEOPLE = ("crosses_front", "crosses_behind", "assistant", "three")
_LEVELS = {
    "crosses_front": "crosses in front",
    "crosses_behind": "crosses behind",
    "assistant": "assistant beside the chair",
    "three": "assistant, and one crosses in front",
    "enters": "enters late",
    "leaves": "leaves",
}


def _further(phone: dict[str, Scene], drone: dict[str, Scene]) -> list[Rendered]:
    """Distances that the older clips leave out; the drone keeps its angle to the ground."""
    clips = []
    for view in ("side", "oblique"):
        for distance in (12, 18, 25):
            camera = _camera(view, distance, 1.3, _PHONE, _PHONE_LENS)
            clips.append(_at_distance("phone", view, distance, replace(phone[view], camera=camera)))
        for distance in (6, 12, 25):
            high = round(distance * 5.0 / 9.0, 1)
            camera = _camera(view, distance, high, _DRONE, _DRONE_LENS)
            clips.append(_at_distance("drone", view, distance, replace(drone[view], camera=camera)))
    return clips


def _at_distance(camera: str, view: str, distance: int, scene: Scene) -> Rendered:
    name, level = f"{camera}_{view}_distance_{distance}m", f"{distance} m"
    return Rendered(name, "distance", level, view, camera, scene, _BRIEF)


def _several(
    camera: str, bases: dict[str, Scene], wanted: dict[str, tuple[str, ...]]
) -> list[Rendered]:
    """Clips with two and three people; the scene is about who sits.

    That is also whom ``person=auto`` takes: seen throughout, in the middle, and others are there
    for a while only, or stand aside.
    """
    return [
        Rendered(
            f"{camera}_{view}_{name}", "several people", _LEVELS[name], view, camera,
            replace(bases[view], others=_others(camera, view, name)),
        )
        for view, names in wanted.items()
        for name in names
    ]  # fmt: skip


def _others(camera: str, view: str, name: str) -> tuple[Other, ...]:
    """Who else is there; see `_LEVELS`."""
    # On the far side of the chair, turned to who sits; seen from the side, further in front.
    beside = {"phone side": (-0.70, 0.80, 141.0), "phone oblique": (-1.15, -0.10, 95.0)}
    # A standing person is larger than a seated one, if not further away.
    x, z, heading = beside.get(f"{camera} {view}", (-2.2, -1.6, 70.0))
    assistant = Other(x, z, heading, body=Body(1.68), look="assistant")
    nearer = 1.2 if camera == "phone" else 0.8  # from above, somebody further off hides nobody
    front = _passing(view, -4.1, nearer, _WALKS)  # at 2.9 s
    return {
        "crosses_front": (front,),
        "crosses_behind": (_passing(view, -4.1, -0.9, _WALKS),),
        "assistant": (assistant,),
        "three": (assistant, front),
        "enters": (replace(_passing(view, -6.2, 0.2, _WALKS), look="assistant"),),
        "leaves": (replace(_passing(view, -0.6, -0.5, -_WALKS), look="assistant"),),
    }[name]


def _passing(view: str, across: float, nearer: float, speed: float) -> Other:
    """Somebody who walks across the picture.

    `across` m from the middle of the picture at 0 s, and `nearer` m nearer to the camera than who
    sits; `speed` in m/s, negative for the other way.
    """
    azimuth = math.radians(VIEWS[view])
    toward, aside = (math.sin(azimuth), math.cos(azimuth)), (math.cos(azimuth), -math.sin(azimuth))
    x, z = (
        round(middle + nearer * t + across * a, 4)
        for middle, t, a in zip((TARGET[0], TARGET[2]), toward, aside, strict=True)
    )
    heading = VIEWS[view] + math.copysign(90.0, speed)
    return Other(x, z, heading, abs(speed))


def select(clips: Sequence[Rendered], names: Sequence[str] | None) -> list[Rendered]:
    """Clips by name, or all; ConfigError for a name that is none."""
    known = {clip.name: clip for clip in clips}
    for name in names or ():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(known)}"
            raise ConfigError("clips", f"expected names of clips, got {name!r}", hint)
    return [known[name] for name in names] if names else list(clips)


def _changes(view: str, base: Scene) -> list[tuple[str, str, str, Scene, Film]]:
    """(name, factor, level, scene, film) of everything that is tried in the phone's views."""
    plain = Film()
    rows: list[tuple[str, str, str, Scene, Film]] = []

    def scene(name: str, factor: str, level: str, film: Film = plain, **changes: Any) -> None:
        rows.append((name, factor, level, replace(base, **changes), film))

    def moving(**changes: Any) -> Movement:
        return replace(base.movement, **changes)

    def camera(distance: float, height: float, size: tuple[int, int] = _PHONE) -> Camera:
        return _camera(view, distance, height, size, _PHONE_LENS)

    scene("distance_6m", "distance", "6 m", camera=camera(6.0, 1.3))
    scene("distance_9m", "distance", "9 m", camera=camera(9.0, 1.3))
    scene("height_low", "height", "0.5 m", camera=camera(3.2, 0.5))
    scene("height_high", "height", "2.2 m", camera=camera(3.2, 2.2))
    scene("fps_50", "frame rate", "50 /s", Film(fps=50))
    scene("fps_12", "frame rate", "12.5 /s", Film(every=2))
    scene("size_1080", "resolution", "1920x1080", camera=camera(3.2, 1.3, _DRONE))
    scene("size_160", "resolution", "284x160", Film(shrink=3))
    scene("light_dim", "light", "dim", Film(exposure=0.12, noise=5))
    scene("light_back", "light", "from behind", light="backlight")
    scene("contrast_low", "contrast", "low", look="like_the_wall")
    scene("chair_arms", "chair", "with arms", chair_arms=True)
    scene("table", "occlusion", "low table", table=VIEWS[view])
    scene("speed_slow", "speed", "slow", movement=moving(speed=0.6))
    scene("speed_fast", "speed", "fast", movement=moving(speed=1.8))
    scene("body_stout", "body", "1.60 m, stout", body=Body(1.60, 1.3), look="other")
    scene("arms_crossed", "arms", "crossed", movement=moving(arms="crossed"))
    scene("passer_by", "second person", "walks past", passer_by=True)
    scene("blur", "motion blur", "fast, 1/25 s", Film(shutter=1.0), movement=moving(speed=1.8))
    scene("noise", "noise", "strong", Film(noise=22))
    scene("crf_42", "compression", "strong", Film(crf=42))
    return rows


def _phone(view: str, movement: Movement) -> Scene:
    camera = _camera(view, 3.2, 1.3, _PHONE, _PHONE_LENS)
    return Scene(camera, movement=movement, place="room_side" if view == "side" else "room")


def _drone(view: str, movement: Movement) -> Scene:
    camera = _camera(view, 9.0, 5.0, _DRONE, _DRONE_LENS)
    return Scene(camera, movement=movement, place="outdoors")


def _camera(
    view: str, distance: float, height: float, size: tuple[int, int], lens: float
) -> Camera:
    focal = math.floor(size[0] * lens)
    return Camera.around(VIEWS[view], distance, height, focal, size)
