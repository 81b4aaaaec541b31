"""From scenes to clips: exposure, blur, noise, compression; and the files of a clip."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posexp.benchmark.rendering.drawing import draw, prepare, visible_joints
from posexp.benchmark.rendering.events import true_angles, true_events
from posexp.benchmark.rendering.scene import Camera, Film, Scene, truth, truth_of_others
from posexp.errors import PosexpError
from posexp.files import save_table, whole
from posexp.video.writer import VideoWriter

_SUBFRAMES = 4  # of a blurred frame
_JITTER = ((0.25, 0.5), (0.75, 0.25), (0.5, 0.75), (0.35, 0.35))  # px, one per sub-frame


def frame_times(film: Film, duration: float) -> NDArray[np.float64]:
    """(T,) s of the frames that are drawn; with an open shutter, its middle."""
    return np.arange(round(duration * film.fps)) / film.fps


def draw_frames(
    scene: Scene, film: Film, duration: float, processes: int
) -> Iterator[NDArray[np.float16]]:
    """(h, w, 3) linear RGB of each frame in turn, before `develop`; all cores at work.

    Raises
    ------
    PosexpError
        When one of the processes was killed.
    """
    prepare(scene)  # before the processes are forked, which then share it
    fork = multiprocessing.get_context("fork")
    with TemporaryDirectory() as folder, ProcessPoolExecutor(processes, fork) as pool:
        try:
            draw_to = partial(_draw_to, Path(folder), scene, film)
            for path in pool.map(draw_to, frame_times(film, duration)):
                yield np.load(path)
                path.unlink()
        except BrokenProcessPool as error:
            raise PosexpError(
                "drawing", "a process was killed: perhaps there was not enough memory",
                "The same command goes on with the clips that are missing",
            ) from error  # fmt: skip


def _draw_to(folder: Path, scene: Scene, film: Film, time: float) -> Path:
    """Draw a frame into a file: half of a picture in the pool's pipe would block it for ever."""
    path = folder / f"{time:.9f}.npy"
    np.save(path, _frame(scene, film, time))
    return path


def _frame(scene: Scene, film: Film, time: float) -> NDArray[np.float16]:
    if not film.shutter:
        return draw(scene, float(time)).astype(np.float16)
    shares = (np.arange(_SUBFRAMES) + 0.5) / _SUBFRAMES - 0.5
    pictures = [
        draw(scene, float(time + share * film.shutter / film.fps), False, shift)
        for share, shift in zip(shares, _JITTER, strict=True)
    ]
    return np.asarray(np.mean(pictures, axis=0), np.float16)


def develop(image: NDArray[Any], film: Film, seed: tuple[int, ...] = (0,)) -> NDArray[np.uint8]:
    """Linear light to sRGB with a soft shoulder, (h / shrink, w / shrink, 3) uint8.

    Parameters
    ----------
    image : (h, w, 3) array
        Linear RGB.
    film : Film
        Exposure, noise and size.
    seed : tuple of int
        Of the noise: the clip's and the frame's.
    """
    linear = image.astype(np.float32) * film.exposure
    n = film.shrink
    if n > 1:
        height, width = linear.shape[0] // n, linear.shape[1] // n
        linear = linear[: height * n, : width * n].reshape(height, n, width, n, 3).mean(axis=(1, 3))
    toned = linear * (1 + linear / 2.2) / (1 + linear)
    levels = np.clip(1.08 * toned, 0, 1) ** (1 / 2.2) * 255
    if film.noise:
        levels += np.random.default_rng(seed).normal(0, film.noise, levels.shape)
    return np.asarray(np.clip(levels + 0.5, 0, 255), np.uint8)


def write_clip(
    folder: Path,
    name: str,
    pictures: list[NDArray[np.float16]],
    scene: Scene,
    film: Film,
    about: dict[str, Any],
    seed: int,
) -> Path:
    """Write ``name.mp4``, ``name.truth.parquet`` and, last, ``name.scene.json``.

    Parameters
    ----------
    pictures : list of (h, w, 3) arrays
        As `draw_frames` gives them.
    about : dict
        What else the json says; its presence marks a clip that is complete.
    """
    kept = pictures[:: film.every]
    rate = _rate(film)
    times = np.arange(len(kept)) / float(rate)
    path = folder / f"{name}.mp4"
    options = {"preset": "veryslow", "crf": str(film.crf), "g": str(round(rate))}
    with VideoWriter(path, float(rate), options) as writer:
        for index, picture in enumerate(kept):
            writer.write(develop(picture, film, (seed, index)), float(index / rate))
    camera = _camera(scene, film)
    seen = replace(scene, camera=camera)
    joints = truth(seen, times, visible_joints(scene, times), path.name)
    joints.to_parquet(folder / f"{name}.truth.parquet")
    description = {
        **about,
        "camera": {**asdict(camera), "rotation": camera.rotation.round(12).tolist()},
        "scene": {key: value for key, value in scene.described().items() if key != "camera"},
        "film": asdict(film),
    }
    with whole(folder / f"{name}.scene.json") as part:
        part.write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
    return path


def write_beside(
    folder: Path, name: str, scene: Scene, film: Film, repetitions: int
) -> tuple[Path, ...]:
    """Write what else is known of a clip, which takes no pictures; what is there already is kept.

    Returns
    -------
    tuple of Path
        ``name.events.csv`` and ``name.angles.csv`` (`true_events`, `true_angles`), and
        ``name.other_1.parquet`` and so on, the joints of everybody else (`truth_of_others`).
    """
    duration = repetitions * scene.movement.cycle
    count = len(frame_times(film, duration)[:: film.every])
    times = np.arange(count) / float(_rate(film))
    events, angles = folder / f"{name}.events.csv", folder / f"{name}.angles.csv"
    if not events.is_file():
        save_table(true_events(scene.movement, repetitions), events)
    if not angles.is_file():
        save_table(true_angles(scene, times).round(3), angles)
    others = [folder / f"{name}.other_{n + 1}.parquet" for n in range(len(scene.bystanders))]
    if not all(path.is_file() for path in others):
        seen = replace(scene, camera=_camera(scene, film))
        for path, joints in zip(others, truth_of_others(seen, times, f"{name}.mp4"), strict=True):
            joints.to_parquet(path)
    return events, angles, *others


def _rate(film: Film) -> Fraction:
    return Fraction(film.fps).limit_denominator(1000) / film.every


def _camera(scene: Scene, film: Film) -> Camera:
    """As of the file's pictures."""
    camera, n = scene.camera, film.shrink
    return replace(
        camera, focal=camera.focal / n, width=camera.width // n, height=camera.height // n
    )
