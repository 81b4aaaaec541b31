"""Neurodata Without Borders, with its extension ndx-pose."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from posexp.exports.format import Format, library
from posexp.exports.recording import Recording

_UNITS = {"px": "pixels", "m": "meters"}


def _write(recording: Recording, path: Path) -> list[str]:
    pynwb, ndx_pose = library("pynwb"), library("ndx_pose")
    poses, points, joints = recording.poses, recording.points, recording.joints
    file = pynwb.NWBFile(
        session_description=f"{recording.what} poses of {poses.source or 'a video'}",
        identifier=f"{recording.stem} {poses.model} {recording.what} {recording.began.isoformat()}",
        session_start_time=recording.began,
    )
    subject = pynwb.file.Subject(subject_id="person", species="Homo sapiens")
    file.subject = subject
    edges = [poses.skeleton.indices(edge) for edge in poses.skeleton.edges]
    skeleton = ndx_pose.Skeleton(
        name="skeleton", nodes=list(joints), subject=subject,
        edges=np.array(edges, np.uint8).reshape(-1, 2),
    )  # fmt: skip
    series = [
        ndx_pose.PoseEstimationSeries(
            name=joint, description=f"{joint} of the person followed", data=points[:, index],
            unit=_UNITS[recording.unit], reference_frame=recording.axes, timestamps=poses.time,
            confidence=poses.confidence[:, index].astype(np.float64),
            confidence_definition=poses.confidence_meaning or "0 to 1, the model's own",
        )
        for index, joint in enumerate(joints)
    ]  # fmt: skip
    estimation = ndx_pose.PoseEstimation(
        name="PoseEstimation", pose_estimation_series=series, skeleton=skeleton,
        description=f"{recording.what} keypoints", source_software="posexp",
        scorer=poses.model or "posexp",
        dimensions=np.array([[poses.width, poses.height]], np.uint32),
        original_videos=[poses.source],
    )  # fmt: skip
    behavior = file.create_processing_module("behavior", "processed behavioral data")
    behavior.add(ndx_pose.Skeletons(skeletons=[skeleton]))
    behavior.add(estimation)
    with pynwb.NWBHDF5IO(str(path), "w") as out:
        out.write(file)
    return []


NWB = Format(
    name="nwb",
    suffix=".nwb",
    program="pynwb, DANDI, movement",
    holds="PoseEstimation of ndx-pose in processing/behavior: a series for each joint with "
    "times and confidence; the skeleton. session_start_time is when the run began: a video need "
    "not say when it was taken",
    units=("px", "m"),
    axes="as csv, without the z of px",
    missing="NaN, confidence 0",
    lacks="angles, repetitions, visibility",
    write=_write,
    needs=("pynwb", "ndx_pose"),
)
