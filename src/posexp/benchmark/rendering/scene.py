"""Scenes: who rises where, seen by which camera on what film; and where the joints are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posexp.benchmark.rendering.figure import (
    Body,
    Joints,
    Movement,
    joints_at,
    standing_at,
    walking_at,
)
from posexp.errors import check_choice, check_range
from posexp.pose.sequence import PoseSequence
from posexp.pose.skeleton import BLAZEPOSE33, COCO17

TARGET = (0.0, 0.86, -0.20)  # m; what a camera looks at

LIGHTS = {
    # ambient, key, direction to the light, glow of the walls
    "bright": (1.0, 1.0, (0.50, 0.78, 0.62), 0.0),
    "backlight": (0.55, 1.5, (-0.35, 0.62, -0.70), 3.0),
}


@dataclass(frozen=True)
class Camera:
    """A pinhole camera that stands still.

    Parameters
    ----------
    position, target : (x, y, z)
        m, in the scene: x to the person's left, y up, z forward.
    focal : float
        px.
    width, height : int
        px.
    """

    position: tuple[float, float, float]
    target: tuple[float, float, float]
    focal: float
    width: int
    height: int

    def __post_init__(self) -> None:
        check_range("camera.focal", self.focal, 10, unit="px")
        check_range("camera.width", self.width, 16, 7680, "px")
        check_range("camera.height", self.height, 16, 4320, "px")

    @classmethod
    def around(
        cls, azimuth: float, distance: float, height: float, focal: float, size: tuple[int, int]
    ) -> Camera:
        """Looking at the person from `azimuth` degrees (0 in front, 90 at the person's left).

        Parameters
        ----------
        distance : float
            m over the floor.
        height : float
            m above it.
        focal : float
            px.
        size : (width, height)
            px.
        """
        angle = np.deg2rad(azimuth)
        x, z = TARGET[0] + distance * np.sin(angle), TARGET[2] + distance * np.cos(angle)
        return cls((round(float(x), 4), height, round(float(z), 4)), TARGET, focal, *size)

    @property
    def rotation(self) -> NDArray[np.float64]:
        """(3, 3): the camera's axes in the scene: right, down, forward."""
        forward = np.array(self.target) - np.array(self.position)
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, [0.0, 1.0, 0.0])
        right /= np.linalg.norm(right)
        return np.stack([right, np.cross(forward, right), forward])

    def project(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., 3) scene points, m, to (..., 2) px; the first pixel's centre is at 0.5."""
        seen = (points - np.array(self.position)) @ self.rotation.T
        center = np.array([self.width, self.height]) / 2
        return np.asarray(self.focal * seen[..., :2] / seen[..., 2:] + center)

    def row(self) -> NDArray[np.float64]:
        """(15,) eye, axes, focal length and centre, as the tracer takes them."""
        center = self.width / 2, self.height / 2
        return np.array([*self.position, *self.rotation.ravel(), self.focal, *center])


@dataclass(frozen=True)
class Other:
    """Somebody else, who walks straight on or stands.

    Parameters
    ----------
    x, z : float
        m; place on the floor at 0 s, in the axes of the scene.
    heading : float
        Degrees from z towards x: where they face, and walk to.
    speed : float
        m/s; 0 stands.
    body : Body
        Their build.
    look : str
        Clothes, a name in `posexp.benchmark.rendering.shapes.LOOKS`.
    """

    x: float
    z: float
    heading: float
    speed: float = 0.0
    body: Body = field(default_factory=lambda: Body(height=1.78))
    look: str = "passer_by"

    def figure(self, time: float) -> Joints:
        """Joint centres on the spot, m, as `joints_at` gives them."""
        return walking_at(time, self.body) if self.speed else standing_at(time, self.body)

    def place(self, time: float) -> tuple[float, float, float]:
        """(yaw in rad, x, z in m) at `time` s."""
        yaw = float(np.deg2rad(self.heading))
        way = self.speed * time
        return yaw, self.x + way * float(np.sin(yaw)), self.z + way * float(np.cos(yaw))

    def joints(self, time: float) -> Joints:
        """Joint centres in the scene, m."""
        yaw, x, z = self.place(time)
        cos, sin = np.cos(yaw), np.sin(yaw)
        turn = np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])
        return {
            name: turn @ place + (x, 0.0, z)
            for name, place in self.figure(time).items()
            if name != "head_pitch"
        }


@dataclass(frozen=True)
class Scene:
    """What is in front of the camera.

    Parameters
    ----------
    camera : Camera
        Where it is seen from.
    body : Body
        The build of the person.
    movement : Movement
        How the person rises.
    look : str
        Clothes, a name in `posexp.benchmark.rendering.shapes.LOOKS`.
    place : {"room", "room_side", "outdoors"}
        A room with a wall behind the chair, or at its right for a side view; a terrace.
    light : {"bright", "backlight"}
        From the front, or from a window front behind the person.
    tone : float
        Brightness of floor and walls.
    chair_arms : bool
        Whether the chair has any.
    table : float, optional
        Degrees: a low table between the chair and a camera at this azimuth.
    passer_by : bool
        Somebody walks past behind the person.
    others : tuple of Other
        Who else is there. The scene is about the person, whatever they do.
    """

    camera: Camera
    body: Body = field(default_factory=Body)
    movement: Movement = field(default_factory=Movement)
    look: str = "plain"
    place: str = "room"
    light: str = "bright"
    tone: float = 1.0
    chair_arms: bool = False
    table: float | None = None
    passer_by: bool = False
    others: tuple[Other, ...] = ()

    def __post_init__(self) -> None:
        check_choice("scene.place", self.place, ("room", "room_side", "outdoors"))
        check_choice("scene.light", self.light, tuple(LIGHTS))
        check_range("scene.tone", self.tone, 0, 2)

    def joints(self, time: float) -> Joints:
        """Joint centres, m."""
        return joints_at(time, self.movement, self.body)

    @property
    def bystanders(self) -> tuple[Other, ...]:
        """Everybody but the person; the passer-by walks along the wall behind the chair."""
        if not self.passer_by:
            return self.others
        side = self.place == "room_side"
        passer = Other(-1.35, 2.4, 180.0, 1.15) if side else Other(2.4, -1.22, -90.0, 1.15)
        return (passer, *self.others)

    def described(self) -> dict[str, Any]:
        """All that is needed to draw it; without `others` where there are none, as before them."""
        about = asdict(self)
        return about if self.others else {k: v for k, v in about.items() if k != "others"}

    def around(self) -> NDArray[np.float64]:
        """(10,) light, tone, and places of the walls, as the tracer takes them."""
        ambient, key, direction, glow = LIGHTS[self.light]
        toward = np.array(direction) / np.linalg.norm(direction)
        back = -1.7 if self.place == "room" else -99.0
        side = -2.6 if self.place == "room_side" else -99.0
        return np.array(
            [ambient, key, self.tone, float(self.place == "outdoors"), back, side, *toward, glow]
        )


@dataclass(frozen=True)
class Film:
    """What happens between the lens and the file.

    Parameters
    ----------
    fps : float
        Frames per second that are drawn.
    every : int
        Keep each n-th of them: a lower frame rate from the same pictures.
    shutter : float
        Share of the time between frames that the shutter is open, 0 to 1; moving parts blur.
    shrink : int
        Average squares of n by n pixels: a lower resolution from the same pictures.
    exposure : float
        1 is right, less is dark.
    noise : float
        Standard deviation, levels of 255. After the camera's gamma, the noise of photons has
        nearly the same size at every brightness.
    crf : int
        x264's quality: 18 looks flawless, 45 falls apart.
    """

    fps: float = 25.0
    every: int = 1
    shutter: float = 0.0
    shrink: int = 1
    exposure: float = 1.0
    noise: float = 0.0
    crf: int = 23

    def __post_init__(self) -> None:
        check_range("film.fps", self.fps, 1, 240, "1/s")
        check_range("film.every", self.every, 1)
        check_range("film.shutter", self.shutter, 0, 1)
        check_range("film.shrink", self.shrink, 1)
        check_range("film.exposure", self.exposure, 0, 8)
        check_range("film.noise", self.noise, 0, 100)
        check_range("film.crf", self.crf, 0, 51)


def truth(
    scene: Scene, times: NDArray[np.float64], visible: NDArray[np.bool_], source: str
) -> PoseSequence:
    """The exact joints of the person under BlazePose's names.

    Parameters
    ----------
    scene : Scene
        Of the clip.
    times : (T,) array
        s.
    visible : (T, 33) bool array
        Which joints can be seen.
    source : str
        Name of the clip.

    Returns
    -------
    PoseSequence
        ``image`` px; ``depth`` px, on the scale of x as at the hips; ``world`` m, mid-hip
        origin, camera axes; confidence 1; ``visibility`` 1 for joints that can be seen, else 0.
    """
    return _truth(scene.camera, joint_places(scene, times), times, visible, source)


def truth_of_others(
    scene: Scene, times: NDArray[np.float64], source: str
) -> tuple[PoseSequence, ...]:
    """The exact joints of everybody else, in the order of ``scene.bystanders``.

    COCO's joints, in the picture only, px; NaN where somebody is behind the camera.
    ``visibility`` is 1 inside the picture: what hides them is not looked for.
    """
    camera, sequences = scene.camera, []
    for other in scene.bystanders:
        places = _places(other.joints, times)
        ahead = ((places - np.array(camera.position)) @ camera.rotation.T)[..., 2] > 0.1
        places[~ahead.all(axis=1)] = np.nan
        points = camera.project(places)
        inside = ((points >= 0) & (points < (camera.width, camera.height))).all(axis=-1)
        whole = _truth(camera, places, times, inside, source)
        sequences.append(replace(whole, depth=None, world=None).select(COCO17.joints))
    return tuple(sequences)


def joint_places(scene: Scene, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, 33, 3) joint centres of the person in the scene, m."""
    return _places(scene.joints, times)


def _places(joints: Callable[[float], Joints], times: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([[each[name] for name in BLAZEPOSE33.joints] for each in map(joints, times)])


def _truth(
    camera: Camera, places: NDArray[np.float64], times: NDArray[np.float64],
    visible: NDArray[np.bool_], source: str,
) -> PoseSequence:  # fmt: skip
    hips = places[:, BLAZEPOSE33.indices(("left_hip", "right_hip"))].mean(axis=1, keepdims=True)
    world = (places - hips) @ camera.rotation.T
    distance = ((hips - np.array(camera.position)) @ camera.rotation.T)[..., 2]
    known = np.isfinite(places).all(axis=-1)
    return PoseSequence(
        skeleton=BLAZEPOSE33,
        frame=np.arange(len(times)),
        time=times,
        image=camera.project(places).astype(np.float32),
        confidence=known.astype(np.float32),
        width=camera.width,
        height=camera.height,
        depth=(world[..., 2] * camera.focal / distance).astype(np.float32),
        world=world.astype(np.float32),
        visibility=visible.astype(np.float32),
        source=source,
        model="truth",
        confidence_meaning="exact joints of the rendered figure",
    )
