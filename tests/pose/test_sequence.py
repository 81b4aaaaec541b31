from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posexp.errors import TableError
from posexp.pose.sequence import FramePose, PoseSequence
from posexp.pose.skeleton import BLAZEPOSE33, BODY, COCO17, Skeleton


def sequence(seed: int = 0, frames: int = 5, three_d: bool = False, lost: int | None = None):
    rng = np.random.default_rng(seed)
    skeleton = BLAZEPOSE33 if three_d else COCO17
    joints = len(skeleton)
    image = rng.normal(300, 500, (frames, joints, 2)).astype(np.float32)
    confidence = rng.random((frames, joints)).astype(np.float32)
    more = {}
    if three_d:
        more = {
            "depth": rng.normal(0, 300, (frames, joints)).astype(np.float32),
            "world": rng.normal(0, 1, (frames, joints, 3)).astype(np.float32),
            "visibility": rng.random((frames, joints)).astype(np.float32),
        }
    if lost is not None:
        for array in (image, *more.values()):
            array[lost] = np.nan
        confidence[lost] = 0
        if three_d:
            more["visibility"][lost] = 0
    time = np.cumsum(rng.uniform(0.001, 0.1, frames))
    return PoseSequence(
        skeleton, np.arange(frames), time, image, confidence, int(rng.integers(1, 4000)), 480,
        source="a å.mp4", model="test", confidence_meaning="made up", **more,
    )  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), three_d=st.booleans(), lost=st.sampled_from([None, 0, 3]))
def test_tables_bring_every_sequence_back_bit_for_bit(tmp_path_factory, seed, three_d, lost):
    poses = sequence(seed, three_d=three_d, lost=lost)
    folder = tmp_path_factory.mktemp("tables")
    poses.to_parquet(folder / "k.parquet")
    assert PoseSequence.read(folder / "k.parquet") == poses
    poses.to_csv(folder / "k.csv")
    back = PoseSequence.read(folder / "k.csv", poses.width, poses.height)
    assert replace(back, source=poses.source, model="test", confidence_meaning="made up") == poses


def test_a_table_of_another_packages_skeleton_is_read_without_it(tmp_path):
    mine = Skeleton("mine", (*COCO17.joints, "l_toe", "r_toe"), (("l_toe", "r_toe"),),
                    (("l_toe", "r_toe"),))  # fmt: skip
    image = np.full((3, len(mine), 2), 5)
    poses = PoseSequence(mine, np.arange(3), np.arange(3), image, 0.5 + 0 * image[..., 0], 10, 10)
    poses.to_parquet(tmp_path / "k.parquet")
    assert PoseSequence.read(tmp_path / "k.parquet") == poses
    poses.to_csv(tmp_path / "k.csv")
    assert PoseSequence.read(tmp_path / "k.csv", 10, 10, mine) == poses
    with pytest.raises(TableError, match=r"l_toe, r_toe. Give its skeleton, or read keypoints.par"):
        PoseSequence.read(tmp_path / "k.csv", 10, 10)


def test_body_table_has_the_columns_of_the_contract():
    table = sequence(three_d=True).select(BODY).to_table()
    assert list(table.columns[:2]) == ["frame", "time"]
    assert list(table.columns[2:6]) == [
        "left_shoulder_x", "left_shoulder_y", "left_shoulder_z", "left_shoulder_confidence"
    ]  # fmt: skip
    assert "left_shoulder_world_z" in table
    assert "nose_x" not in table
    flat = sequence().select(BODY).to_table()
    assert len(flat.columns) == 2 + 3 * 12


def test_coordinates_in_the_table_are_shares_of_the_image():
    poses = sequence()
    table = poses.to_table()
    assert np.allclose(table["nose_x"] * poses.width, poses.joint("nose")[:, 0])
    assert np.allclose(table["nose_y"] * poses.height, poses.joint("nose")[:, 1])


def test_frames_without_a_pose_keep_their_row():
    poses = sequence(three_d=True, lost=2)
    assert poses.found.tolist() == [True, True, False, True, True]
    row = poses.to_table().iloc[2]
    assert np.isnan(row["left_hip_x"])
    assert row["left_hip_confidence"] == 0


def test_a_pose_without_one_joint_is_a_pose():
    poses = sequence(lost=2)
    image, confidence = poses.image.copy(), poses.confidence.copy()
    wrist = poses.skeleton.index("left_wrist")
    image[:, wrist], confidence[:, wrist] = np.nan, 0
    assert replace(poses, image=image, confidence=confidence).found.tolist() == [
        True, True, False, True, True
    ]  # fmt: skip


def test_frames_stack_into_a_sequence():
    nothing = np.full((17, 2), np.nan)
    poses = PoseSequence.from_frames(
        [FramePose(3, 0.1, np.ones((17, 2)), np.ones(17)),
         FramePose(4, 0.2, nothing, np.zeros(17))],
        COCO17, 10, 20, model="m",
    )  # fmt: skip
    assert poses.frame.tolist() == [3, 4]
    assert poses.model == "m"
    assert len(PoseSequence.from_frames([], COCO17, 10, 20)) == 0


def test_equality_sees_one_changed_number():
    poses = sequence()
    other = replace(poses, image=poses.image + np.float32(0.001))
    assert poses == sequence()
    assert poses != other


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"time": np.array([0, 1, np.nan, 3, 4])}, "every time"),
        ({"time": np.array([0, 1, 0.5, 3, 4])}, "time to increase, got 0.5 after 1 in row 2"),
        ({"frame": np.array([0, 1, 1, 3, 4])}, "frame to increase"),
        ({"frame": np.array([0, 1, np.nan, 3, 4])}, "every frame"),
        ({"image": np.zeros((5, 16, 2))}, r"image of shape \(5, 17, 2\), got \(5, 16, 2\)"),
        ({"confidence": np.full((5, 17), 1.5)}, "confidence between 0 and 1, got 1.5"),
        ({"confidence": np.full((5, 17), np.nan)}, "confidence between 0 and 1"),
        ({"image": np.full((5, 17, 2), np.inf)}, "finite"),
        ({"image": np.full((5, 17, 2), np.nan)}, "confidence 0 where coordinates are NaN"),
        ({"width": 0}, "at least 1x1"),
    ],
)
def test_broken_arrays_are_refused_with_what_was_expected(change, words):
    with pytest.raises(TableError, match=words):
        replace(sequence(), **change)


def test_all_problems_of_one_input_come_together():
    with pytest.raises(TableError) as caught:
        replace(sequence(), time=np.zeros(5), confidence=np.full((5, 17), 2.0))
    assert "time to increase" in str(caught.value) and "confidence between" in str(caught.value)


def test_broken_tables_are_refused_in_one_line(tmp_path):
    table = sequence().to_table()
    cases = {
        "nothing.csv": pd.DataFrame({"a": [1]}),
        "halved.csv": table.drop(columns="nose_x"),
        "stranger.csv": table.rename(columns=lambda name: name.replace("nose", "tail")),
        "words.csv": table.astype({"nose_x": object}).assign(nose_x="left"),
    }
    words = {"nothing.csv": "missing: frame, time", "halved.csv": "nose_x",
             "stranger.csv": "tail", "words.csv": "numbers"}  # fmt: skip
    for name, broken in cases.items():
        broken.to_csv(tmp_path / name, index=False)
        with pytest.raises(TableError, match=words[name]) as caught:
            PoseSequence.read(tmp_path / name, 10, 10)
        assert "\n" not in str(caught.value)
    with pytest.raises(TableError, match="width and height"):
        PoseSequence.read(tmp_path / "halved.csv")
    (tmp_path / "no.parquet").write_text("not parquet")
    with pytest.raises(TableError, match="written by posexp"):
        PoseSequence.read(tmp_path / "no.parquet")
