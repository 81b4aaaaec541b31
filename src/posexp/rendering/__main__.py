"""Make the embedded clip and its exact joints: ``python -m posexp.rendering FOLDER``."""

from __future__ import annotations

import argparse
import functools
import multiprocessing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from posexp.poses import PoseSequence
from posexp.rendering.figure import DURATION, Joints, joints_at
from posexp.rendering.shapes import Shapes, chair, person
from posexp.rendering.tracer import trace
from posexp.skeleton import BLAZEPOSE33

FPS = 50
WIDTH, HEIGHT = 640, 480
_OVERSAMPLING = 2
_MARGIN = 0.20  # m around the figure that its shadow and its occlusion reach on screen


@dataclass(frozen=True)
class Camera:
    """A pinhole camera.

    Parameters
    ----------
    position : (3,) array
        m, in the scene.
    rotation : (3, 3) array
        Rows are the camera's axes in the scene: right, down, forward.
    focal : float
        px.
    """

    position: NDArray[np.float64]
    rotation: NDArray[np.float64]
    focal: float

    @classmethod
    def looking_at(cls, position: list[float], target: list[float], focal: float) -> Camera:
        """Upright, towards `target`."""
        forward = np.array(target) - np.array(position)
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, [0.0, 1.0, 0.0])
        right /= np.linalg.norm(right)
        return cls(np.array(position), np.stack([right, np.cross(forward, right), forward]), focal)

    def project(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., 3) scene points, m, to (..., 2) px; the first pixel's centre is at 0.5."""
        seen = (points - self.position) @ self.rotation.T
        return np.asarray(
            self.focal * seen[..., :2] / seen[..., 2:] + np.array([WIDTH, HEIGHT]) / 2
        )

    def rays(self) -> NDArray[np.float64]:
        """(h, w, 3) unit directions of the oversampled pixels."""
        n = _OVERSAMPLING
        x = (np.arange(WIDTH * n) + 0.5) / n - WIDTH / 2
        y = (np.arange(HEIGHT * n) + 0.5) / n - HEIGHT / 2
        grid = np.stack([*np.meshgrid(x, y), np.full((HEIGHT * n, WIDTH * n), self.focal)], -1)
        rays = grid @ self.rotation
        return np.asarray(rays / np.linalg.norm(rays, axis=-1, keepdims=True))


CAMERA = Camera.looking_at([2.62, 1.28, 2.45], [0.0, 0.86, -0.20], 760.0)


def truth(times: NDArray[np.float64]) -> PoseSequence:
    """The exact joints of the clip under BlazePose's names.

    ``image`` px; ``depth`` px, on the scale of x as at the hips; ``world`` m, mid-hip origin,
    camera axes; confidence 1.
    """
    scene = np.array([[joints_at(t)[name] for name in BLAZEPOSE33.joints] for t in times])
    hips = scene[:, BLAZEPOSE33.indices(("left_hip", "right_hip"))].mean(axis=1, keepdims=True)
    world = (scene - hips) @ CAMERA.rotation.T
    distance = ((hips - CAMERA.position) @ CAMERA.rotation.T)[..., 2]
    ones = np.ones(scene.shape[:2], np.float32)
    return PoseSequence(
        skeleton=BLAZEPOSE33,
        frame=np.arange(len(times)),
        time=times,
        image=CAMERA.project(scene).astype(np.float32),
        confidence=ones,
        width=WIDTH,
        height=HEIGHT,
        depth=(world[..., 2] * CAMERA.focal / distance).astype(np.float32),
        world=world.astype(np.float32),
        visibility=ones,
        source="sit_to_stand.mp4",
        model="truth",
        confidence_meaning="exact joints of the rendered figure",
    )


def render(times: NDArray[np.float64]) -> list[NDArray[np.uint8]]:
    """The pictures at `times`, (h, w, 3) uint8 each."""
    _empty_room()  # before the processes are forked, which then share it
    with multiprocessing.Pool() as pool:
        return list(tqdm(pool.imap(_picture, times), total=len(times), unit=" frames"))


@functools.lru_cache(maxsize=1)
def _empty_room() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The rays of the camera, and what they see without the figure."""
    rays = CAMERA.rays()
    room = np.zeros(rays.shape)
    trace(chair(), CAMERA.position, rays, np.ones(rays.shape[:2], bool), room)
    return rays, room


def _picture(time: float) -> NDArray[np.uint8]:
    """The empty room with the figure drawn where it can be seen or throws its shadow."""
    rays, room = _empty_room()
    joints = joints_at(float(time))
    image = room.copy()
    trace(_both(person(joints), chair()), CAMERA.position, rays, _reach(joints), image)
    return _develop(image)


def _both(first: Shapes, second: Shapes) -> Shapes:
    groups = second.groups.copy()
    groups[:, :2] += len(first.primitives)
    return Shapes(
        np.concatenate([first.primitives, second.primitives]),
        np.concatenate([first.groups, groups]),
    )


def _reach(joints: Joints) -> NDArray[np.bool_]:
    """(h, w) pixels that the figure, its shadow or its occlusion can change."""
    body = np.array([place for name, place in joints.items() if name != "head_pitch"])
    # The light comes from the left front above: shadows fall back and to the right.
    shadow = body + np.array([-0.64, -1.0, -0.79]) * body[:, 1:2]
    on_wall = body + np.array([-0.81, -1.26, -1.0]) * (body[:, 2:] + 1.7)
    mask = np.zeros((HEIGHT * _OVERSAMPLING, WIDTH * _OVERSAMPLING), np.uint8)
    for places in (body, shadow, on_wall[on_wall[:, 1] > 0]):
        if len(places):
            hull = cv2.convexHull((CAMERA.project(places) * _OVERSAMPLING).astype(np.int32))
            cv2.fillConvexPoly(mask, hull, 1)
    margin = round(_MARGIN * CAMERA.focal / 3.0 * _OVERSAMPLING)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
    return np.asarray(cv2.dilate(mask, disc), bool)


def _develop(image: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Average the oversampled pixels, and map linear light to sRGB with a soft shoulder."""
    n = _OVERSAMPLING
    mean = image.reshape(HEIGHT, n, WIDTH, n, 3).mean(axis=(1, 3))
    toned = mean * (1 + mean / 2.2) / (1 + mean)
    return np.asarray(np.clip(1.08 * toned, 0, 1) ** (1 / 2.2) * 255 + 0.5, np.uint8)


def _write(path: Path, pictures: list[NDArray[np.uint8]]) -> None:
    import av

    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream(
            "libx264", rate=FPS, options={"crf": "21", "preset": "veryslow", "g": "25"}
        )
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.time_base = Fraction(1, FPS)
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def main() -> None:
    """Render what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the clip and its joints go")
    parser.add_argument("--stills", type=int, help="only so many pictures, as PNG, for a look")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    times = np.arange(round(DURATION * FPS)) / FPS
    if arguments.stills:
        chosen = times[np.linspace(0, len(times) / 2, arguments.stills, endpoint=False).astype(int)]
        for time, picture in zip(chosen, render(chosen), strict=True):
            iio.imwrite(arguments.folder / f"still_{time:.2f}s.png", picture)
        return
    truth(times).to_parquet(arguments.folder / "sit_to_stand.parquet")
    _write(arguments.folder / "sit_to_stand.mp4", render(times))


if __name__ == "__main__":
    main()
