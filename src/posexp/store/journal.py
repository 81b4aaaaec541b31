"""Poses written down as they come, so that a killed process loses none of them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import IO, Any

import numpy as np

from posexp.pose.sequence import FramePose

FILE = "poses.journal"
_INTERVAL = 5.0  # s of work that a loss of power may cost
_PARTS = ("image", "confidence", "depth", "world", "visibility")
_WIDTHS = {"image": (2,), "world": (3,)}


class Journal:
    """A sink: one record of fixed length per frame, with the system as soon as it is there.

    The records are numbers, bit for bit the model's; what a kill cuts short is the last one. A
    full disk ends the journal, not the run: those who write the results will say so.

    Parameters
    ----------
    path : Path
        The file to write.
    joints : int
        Of the skeleton.
    """

    def __init__(self, path: Path, joints: int) -> None:
        self._path, self._joints = path, joints
        self._file: IO[bytes] | None = None
        self._row: Any = None
        self._ended, self._flushed = False, time.monotonic()

    def add(self, frame: object, pose: FramePose) -> None:
        """Write one frame's pose."""
        if self._ended:
            return
        present = [name for name in _PARTS if getattr(pose, name) is not None]
        try:
            if self._file is None:
                self._file = self._path.open("wb", buffering=0)
                self._file.write(f"{' '.join(present)}\n".encode())
                self._row = np.zeros(1, _dtype(present, self._joints))
            self._row["frame"], self._row["time"] = pose.frame, pose.time
            for name in present:
                self._row[name] = getattr(pose, name)
            self._file.write(self._row.tobytes())
            if time.monotonic() - self._flushed > _INTERVAL:
                os.fsync(self._file.fileno())
                self._flushed = time.monotonic()
        except OSError:
            self.close()

    def close(self) -> None:
        """Stop writing; what has been written stays."""
        self._ended = True
        if self._file is not None:
            self._file.close()


def read_journal(path: Path, joints: int) -> list[FramePose]:
    """The whole records of a journal; none when there is no file, or one of another kind."""
    if not path.is_file():
        return []
    with path.open("rb") as file:
        present = file.readline(200).decode("ascii", "replace").split()
        if not set(present) <= set(_PARTS):
            return []
        data = file.read()
    kind = _dtype(present, joints)
    rows = np.frombuffer(data[: len(data) // kind.itemsize * kind.itemsize], kind)
    return [
        FramePose(int(row["frame"]), float(row["time"]), **{name: row[name] for name in present})
        for row in rows
    ]


def _dtype(present: list[str], joints: int) -> np.dtype[Any]:
    parts = [(name, "<f4", (joints, *_WIDTHS.get(name, ()))) for name in present]
    return np.dtype([("frame", "<i8"), ("time", "<f8"), *parts])
