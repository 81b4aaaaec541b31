"""Kinovea's annotations: a trajectory for each joint, over the video."""

from __future__ import annotations

import uuid
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from posexp.exports.even import Even
from posexp.exports.format import Format
from posexp.exports.recording import Recording

_TICKS = 1000  # to a frame: Kinovea's times are whole numbers


def _write(recording: Recording, path: Path) -> list[str]:
    poses, even = recording.poses, Even.of(recording.poses.time)
    root = ElementTree.Element("KinoveaVideoAnalysis")
    # In this order: Kinovea fits what follows to the size and the times that it has read.
    for name, text in {
        "FormatVersion": "2.0", "Producer": "posexp", "OriginalFilename": recording.stem,
        "FullPath": poses.source, "ImageSize": f"{poses.width};{poses.height}",
        "AverageTimeStampsPerFrame": _TICKS, "CaptureFramerate": f"{even.rate:.9g}",
        "UserFramerate": f"{even.rate:.9g}", "FirstTimeStamp": 0, "SelectionStart": 0,
    }.items():  # fmt: skip
        ElementTree.SubElement(root, name).text = str(text)
    tracks = ElementTree.SubElement(root, "Tracks")
    ticks = np.rint(poses.time * even.rate * _TICKS).astype(int)
    for index, joint in enumerate(recording.joints):
        points = recording.points[:, index]
        rows = np.flatnonzero(np.isfinite(points).all(axis=-1))
        if not len(rows):  # Kinovea takes no empty trajectory
            continue
        track = ElementTree.SubElement(tracks, "Track", id=str(uuid.uuid4()), name=joint)
        ElementTree.SubElement(track, "TimePosition").text = str(ticks[rows[0]])
        listed = ElementTree.SubElement(track, "TrackPointList", Count=str(len(rows)))
        for row in rows:
            x, y = points[row]
            ElementTree.SubElement(listed, "TrackPoint").text = f"{x:.6f};{y:.6f};{ticks[row]}"
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    return []


KINOVEA = Format(
    name="kinovea",
    suffix=".kva",
    program="Kinovea",
    holds="a trajectory for each joint. Called like the video and beside it, Kinovea loads it by "
    "itself. Written after Kinovea's reader; it was not opened in Kinovea, which needs Windows",
    units=("px",),
    axes="x right, y down from the top left corner",
    missing="points are left out",
    lacks="confidence, angles, repetitions, z",
    write=_write,
)
