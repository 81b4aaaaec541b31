"""Packages of somebody else's with models, as an installer leaves them in a folder."""

from __future__ import annotations

from pathlib import Path

GOOD = """
from dataclasses import dataclass, field
import numpy as np
from posexp.errors import check_range
from posexp.models.model import Model
from posexp.pose.sequence import FramePose
from posexp.pose.skeleton import BODY, Skeleton
from posexp.settings import check_choices, choice

@dataclass
class Inner:
    near: float = 1.0
    far: int = 9

@dataclass
class {kind}Options:
    name: str = "{name}"
    weights: str | None = None
    speed: str = choice("slow", "fast")
    level: float = 0.5
    device: str = "cpu:0"
    inner: Inner = field(default_factory=Inner)

    def __post_init__(self):
        check_choices(self, "model")
        check_range("model.level", self.level, 0, 1)

class {kind}(Model):
    options = {kind}Options
    skeleton = Skeleton("mine", (*BODY, "l_toe", "r_toe"), (("l_toe", "r_toe"),),
                        (("l_toe", "r_toe"),))
    confidence_meaning = "made up"

    def __init__(self, options):
        super().__init__(options)
        self.level = options.level

    def estimate(self, frames):
        joints = len(self.skeleton)
        for frame in frames:
            image = np.random.default_rng(frame.index).uniform(5, 40, (joints, 2))
            yield FramePose(frame.index, frame.time, image, np.full(joints, self.level))
"""


def good(name: str, kind: str = "Mine") -> str:
    """A module with a model of its own skeleton."""
    return GOOD.format(name=name, kind=kind)


def install(
    folder: Path, package: str, models: dict[str, str], files: dict[str, str], version: str = "1.0"
) -> None:
    """Put the files of a package and its metadata into a folder of sys.path."""
    info = folder / f"{package.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    about = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
    (info / "METADATA").write_text(about)
    lines = [f"{name} = {value}" for name, value in models.items()]
    (info / "entry_points.txt").write_text("\n".join(["[posexp.models]", *lines, ""]))
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
