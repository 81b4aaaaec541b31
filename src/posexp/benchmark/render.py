"""Draw the clips of the catalogue, what is not there yet, on all cores."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from posexp.benchmark.catalogue import Rendered, catalogue, select
from posexp.benchmark.rendering.film import draw_frames, frame_times, write_beside, write_clip
from posexp.models.native import processors

VERSION = 1
"""Of the renderer; another number draws everything anew."""


def render(
    folder: Path, names: Sequence[str] | None = None, seed: int = 0, progress: bool = True
) -> list[Path]:
    """Draw clips into `folder`, each with its exact joints.

    Parameters
    ----------
    folder : Path
        Takes ``NAME.mp4``, ``NAME.truth.parquet`` and ``NAME.scene.json``, and what
        `posexp.benchmark.rendering.film.write_beside` writes. What is there already and was drawn
        from the same parameters is kept.
    names : sequence of str, optional
        Of clips of the catalogue; all by default.
    seed : int
        Of sway and noise. The same seed gives the same pictures and joints; the bytes of the
        H.264 may differ a little, since x264's look-ahead is not repeatable.
    progress : bool
        Show a progress bar.

    Returns
    -------
    list of Path
        The videos, in the order of the catalogue.

    Raises
    ------
    ConfigError
        For a name that is none.
    """
    chosen = select(catalogue(seed), names)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [clip for clip in chosen if not is_drawn(folder, clip, seed)]
    groups: dict[Any, list[Rendered]] = {}
    for clip in wanted:
        groups.setdefault(_pictures(clip), []).append(clip)
    total = sum(len(frame_times(clips[0].film, clips[0].duration)) for clips in groups.values())
    with tqdm(total=total, unit=" frames", disable=not (progress and total), desc="drawing") as bar:
        for clips in groups.values():
            first = clips[0]
            pictures = []
            for picture in draw_frames(first.scene, first.film, first.duration, processors()):
                pictures.append(picture)
                bar.update()
            for clip in clips:
                _forget(folder, clip)
                write_clip(
                    folder, clip.name, pictures, clip.scene, clip.film, _about(clip, seed), seed
                )
    for clip in chosen:  # also of clips that an older version drew
        write_beside(folder, clip.name, clip.scene, clip.film, clip.repetitions)
    return [folder / f"{clip.name}.mp4" for clip in chosen]


def is_drawn(folder: Path, clip: Rendered, seed: int) -> bool:
    """Whether the folder holds this clip, whole and with these parameters."""
    description = folder / f"{clip.name}.scene.json"
    try:
        known = json.loads(description.read_text(encoding="utf-8"))["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    files = (folder / f"{clip.name}{suffix}" for suffix in (".mp4", ".truth.parquet"))
    return bool(known == _fingerprint(clip, seed)) and all(file.is_file() for file in files)


def _forget(folder: Path, clip: Rendered) -> None:
    """Remove what lies beside a clip that was drawn from other parameters."""
    for pattern in ("events.csv", "angles.csv", "other_*.parquet"):
        for path in folder.glob(f"{clip.name}.{pattern}"):
            path.unlink()


def _pictures(clip: Rendered) -> Any:
    """What clips must share to be made from the same pictures."""
    drawn = replace(clip.film, every=1, shrink=1, exposure=1.0, noise=0.0, crf=0)
    return clip.scene, drawn, clip.repetitions


def _fingerprint(clip: Rendered, seed: int) -> str:
    about = {**asdict(clip), "scene": clip.scene.described()}
    text = json.dumps([VERSION, seed, about], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _about(clip: Rendered, seed: int) -> dict[str, Any]:
    about = {key: getattr(clip, key) for key in ("name", "factor", "level", "view", "camera")}
    filmed_by = about.pop("camera")
    return {
        "fingerprint": _fingerprint(clip, seed), "seed": seed, **about, "filmed_by": filmed_by
    }  # fmt: skip
