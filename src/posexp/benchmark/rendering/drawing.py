"""Pictures of a scene, and which joints can be seen in them."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from posexp.benchmark.rendering.figure import Joints
from posexp.benchmark.rendering.scene import Scene, joint_places
from posexp.benchmark.rendering.shapes import Shapes, chair, person, table, together
from posexp.benchmark.rendering.tracer import Picture, first_hits, trace
from posexp.pose.skeleton import BLAZEPOSE33

Image = NDArray[np.float32]

_MARGIN = 0.20  # m around a figure that its shadow and its occlusion reach on screen
_SHALLOW = 0.07  # m; how far most joint centres lie below what covers them
_DEEP = {
    "left_hip": 0.15, "right_hip": 0.15, "left_shoulder": 0.11, "right_shoulder": 0.11,
    "left_knee": 0.10, "right_knee": 0.10,
}  # fmt: skip
_QUARTERS = ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))


def draw(
    scene: Scene, time: float, refine: bool = True, shift: tuple[float, float] = (0.5, 0.5)
) -> Image:
    """(h, w, 3) linear RGB of the scene at `time` s.

    The place without people is drawn once per scene, with four samples in each pixel; what is
    drawn per frame is where people can be seen, or change the light.
    """
    place, fine = _empty(scene)
    mask = _reach(scene, time)
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    mask, before, plain = mask[box], place.part(box), fine[box]
    picture = before.part((slice(None), slice(None)))
    camera = scene.camera.row()
    camera[13:] -= columns[0], rows[0]
    shapes = together([*_people(scene, time), _furniture(scene)])
    trace(shapes, camera, scene.around(), mask, picture, refine, shift)
    # Floor and walls keep their fine picture, darkened by the shadows that people throw on them.
    ground = mask & (picture.surface < 0) & (picture.surface == before.surface)
    shade = picture.image[ground] / np.maximum(before.image[ground], 1e-6)
    drawn = np.where(mask[..., None], picture.image, plain)
    drawn[ground] = plain[ground] * np.minimum(shade, 4.0)
    image = fine.copy()
    image[box] = drawn
    return image


def prepare(scene: Scene) -> None:
    """Draw the place without people; what `draw` needs once per scene."""
    _empty(scene)


def visible_joints(scene: Scene, times: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(T, 33) True for joints inside the picture that nothing hides.

    A joint centre lies inside its limb: it counts as seen when the first surface on the line to
    it is no further in front of it than that limb is thick (hip 15 cm, shoulder 11, knee 10,
    others 7, times girth).
    """
    eye = np.array(scene.camera.position)
    places = joint_places(scene, times)
    points = scene.camera.project(places)
    inside = ((points >= 0) & (points < (scene.camera.width, scene.camera.height))).all(axis=-1)
    depth = np.array([_DEEP.get(joint, _SHALLOW) for joint in BLAZEPOSE33.joints])
    depth = depth * scene.body.girth
    seen = np.empty(places.shape[:2], bool)
    for row, time in enumerate(times):
        away = places[row] - eye
        distance = np.linalg.norm(away, axis=1)
        shapes = together([*_people(scene, float(time)), _furniture(scene)])
        hits = first_hits(shapes, eye, away / distance[:, None])
        seen[row] = hits >= distance - depth
    return np.asarray(inside & seen)


def _people(scene: Scene, time: float) -> list[Shapes]:
    others = [
        person(each.figure(time), each.body, each.look).placed(*each.place(time))
        for each in scene.bystanders
    ]
    return [person(scene.joints(time), scene.body, scene.look), *others]


def _furniture(scene: Scene) -> Shapes:
    parts = [chair(scene.chair_arms)]
    if scene.table is not None:
        parts.append(table(0.78, np.deg2rad(scene.table)))
    return together(parts)


@lru_cache(maxsize=1)
def _empty(scene: Scene) -> tuple[Picture, Image]:
    """The place without people: one sample per pixel with its surfaces, and a fine picture."""
    camera, around, furniture = scene.camera, scene.around(), _furniture(scene)
    everywhere = np.ones((camera.height, camera.width), bool)
    place = Picture(camera.width, camera.height)
    trace(furniture, camera.row(), around, everywhere, place, False)
    fine = np.zeros_like(place.image)
    for shift in _QUARTERS:
        quarter = Picture(camera.width, camera.height)
        trace(furniture, camera.row(), around, everywhere, quarter, False, shift)
        fine += quarter.image / len(_QUARTERS)
    return place, fine.astype(np.float32)


def _reach(scene: Scene, time: float) -> NDArray[np.bool_]:
    """(h, w) pixels that people, their shadows or their occlusion can change."""
    camera = scene.camera
    mask = np.zeros((camera.height, camera.width), np.uint8)
    bodies = [_points(scene.joints(time))]
    bodies += [_points(each.joints(time)) for each in scene.bystanders]
    for body in bodies:
        hull = np.zeros_like(mask)
        points = np.concatenate([body, *_shadows(scene, body)])
        outline = cv2.convexHull(np.clip(camera.project(points), -1e4, 1e4).astype(np.int32))
        cv2.fillConvexPoly(hull, outline, 1)
        nearest = np.linalg.norm(body - np.array(camera.position), axis=1).min()
        margin = int(np.ceil(_MARGIN * camera.focal / nearest))
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
        mask |= cv2.dilate(hull, disc)
    return np.asarray(mask, bool)


def _points(joints: Joints) -> NDArray[np.float64]:
    return np.array([place for name, place in joints.items() if name != "head_pitch"])


def _shadows(scene: Scene, body: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Where the light through the joints meets floor and wall."""
    around = scene.around()
    light, back = around[6:9], around[4]
    shadows = [body - light * (body[:, 1:2] / light[1])]
    if back > -90 and light[2] > 0:
        on_wall = body - light * ((body[:, 2:] - back) / light[2])
        shadows.append(on_wall[on_wall[:, 1] > 0])
    return shadows
