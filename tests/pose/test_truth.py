"""Ground truth in the formats that people have, and what is wrong with some of it."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sequences import HEIGHT, STANDING, WIDTH, standing

from posexp.errors import TableError
from posexp.pose.skeleton import BLAZEPOSE33, BODY
from posexp.pose.truth import GroundTruth, align, joint_name, read_truth, truth_beside


def wide_rows(poses, columns=None):
    """Header and rows of a wide CSV in px."""
    joints = poses.skeleton.joints
    header = [f"{joint}_{axis}" for joint in joints for axis in "xy"]
    return [columns or header, *(row.ravel().tolist() for row in poses.image)]


def write_rows(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def coco(poses, **changes):
    """COCO keypoints of a sequence: the first joint not labelled, the second hidden."""
    flags = np.full(len(poses.skeleton), 2)
    flags[:2] = 0, 1
    data = {
        "images": [
            {"id": 7 + i, "file_name": f"frame_{frame:06d}.png", "width": WIDTH, "height": HEIGHT}
            for i, frame in enumerate(poses.frame)
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": list(poses.skeleton.joints)}],
        "annotations": [
            {"id": i, "image_id": 7 + i, "category_id": 1, "area": 9000.0 + i, "iscrowd": 0,
             "keypoints": np.c_[image, flags].ravel().tolist()}
            for i, image in enumerate(poses.image)
        ],
    }  # fmt: skip
    return json.dumps({**data, **changes})


def deeplabcut_rows(poses, labels, individuals=False):
    joints = poses.skeleton.joints
    head = [["scorer", *["me"] * (3 * len(joints))]]
    if individuals:
        head.append(["individuals", *["one"] * (3 * len(joints))])
    head.append(["bodyparts", *(j.title().replace("_", "") for j in joints for _ in "xyl")])
    head.append(["coords", *("x", "y", "likelihood") * len(joints)])
    rows = [
        [label, *np.c_[image, np.ones(len(joints))].ravel()]
        for label, image in zip(labels, poses.image, strict=True)
    ]
    return [*head, *rows]


def test_our_own_tables(tmp_path):
    poses = standing(5)
    poses.to_parquet(tmp_path / "t.parquet")
    poses.to_csv(tmp_path / "t.csv")
    for name in ("t.parquet", "t.csv"):
        truth = read_truth(tmp_path / name, WIDTH, HEIGHT)
        assert truth.timed and truth.area is None
        assert truth.poses.image == pytest.approx(poses.image, abs=1e-3)
        assert truth.poses.skeleton.joints == poses.skeleton.joints


def test_wide_csv_with_and_without_frames(tmp_path):
    poses = standing(3)
    rows = wide_rows(poses)
    truth = read_truth(write_rows(tmp_path / "t.csv", rows), WIDTH, HEIGHT)
    assert not truth.timed and truth.poses.frame.tolist() == [0, 1, 2]
    assert np.array_equal(truth.poses.image, poses.image)
    framed = [["frame", *rows[0]], [20, *rows[1]], [4, *rows[2]]]
    truth = read_truth(write_rows(tmp_path / "u.csv", framed), WIDTH, HEIGHT)
    assert truth.poses.frame.tolist() == [4, 20]


def test_an_empty_cell_is_a_joint_without_a_label(tmp_path):
    rows = wide_rows(standing(2))
    rows[1][0] = ""
    truth = read_truth(write_rows(tmp_path / "t.csv", rows), WIDTH, HEIGHT)
    assert np.isnan(truth.poses.image[0, 0]).all() and truth.poses.confidence[0, 0] == 0
    assert np.isfinite(truth.poses.image[1]).all()


def test_the_hand_truth_of_the_stills(shared):
    truth = read_truth(shared / "clips" / "stills" / "pose_landmark_truth.csv", 399, 640)
    assert len(truth.poses) == 2
    assert truth.poses.joint("nose").tolist() == [[186, 89], [182, 84]]


def test_coco_keypoints(tmp_path):
    poses = replace(standing(3), frame=np.array([4, 8, 15]))
    (tmp_path / "t.json").write_text(coco(poses))
    truth = read_truth(tmp_path / "t.json", WIDTH, HEIGHT)
    assert truth.poses.frame.tolist() == [4, 8, 15]
    assert truth.area.tolist() == [9000, 9001, 9002]
    assert np.isnan(truth.poses.image[:, 0]).all()
    assert np.array_equal(truth.poses.image[:, 1:], poses.image[:, 1:])
    assert truth.poses.visibility[0].tolist() == [0, 0, *[1] * 15]


@pytest.mark.parametrize(
    ("labels", "frames"),
    [
        ([0, 5, 9], [0, 5, 9]),
        (["labeled-data/clip/img0012.png", "labeled-data/clip/img0100.png", "x/img0007.png"],
         [7, 12, 100]),
        (["a\\img1.png", "a\\img2.png", "a\\img3.png"], [1, 2, 3]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("individuals", [False, True])
def test_deeplabcut(tmp_path, labels, frames, individuals):
    poses = standing(3)
    path = write_rows(tmp_path / "t.csv", deeplabcut_rows(poses, labels, individuals))
    truth = read_truth(path, WIDTH, HEIGHT)
    assert truth.poses.frame.tolist() == frames
    assert truth.poses.skeleton.joints == poses.skeleton.joints
    assert np.array_equal(truth.poses.image, poses.image)


def test_deeplabcut_with_the_path_in_three_columns(tmp_path):
    poses = standing(2)
    rows = deeplabcut_rows(poses, ["img3.png", "img5.png"])
    rows = [[row[0], "", "", *row[1:]] for row in rows[:3]] + [
        ["labeled-data", "clip", *row] for row in rows[3:]
    ]
    truth = read_truth(write_rows(tmp_path / "t.csv", rows), WIDTH, HEIGHT)
    assert truth.poses.frame.tolist() == [3, 5]
    assert np.array_equal(truth.poses.image, poses.image)


@pytest.mark.parametrize("form", ["{side}_{part}", "{Side}{Part}", "{part}_{s}", "{S}{Part}",
                                  "{side} {part}", "{PART}-{SIDE}", "{s}_{part}"])  # fmt: skip
@given(joint=st.sampled_from([j for j in BLAZEPOSE33.joints if j.count("_") == 1]))
def test_joints_by_any_name(form, joint):
    side, part = joint.split("_")
    name = form.format(
        side=side, part=part, Side=side.title(), Part=part.title(), s=side[0],
        S=side[0].upper(), SIDE=side.upper(), PART=part.upper(),
    )  # fmt: skip
    assert joint_name(name) == joint


@pytest.mark.parametrize("name", ["knee", "tail", "left_right_knee", "left_tail", "", "12"])
def test_other_names_are_no_joints(name):
    assert joint_name(name) is None
    assert joint_name("Nose") == "nose"


def test_the_truth_beside_a_video(tmp_path):
    video = tmp_path / "my clip.mov"
    assert truth_beside(video) is None
    (tmp_path / "my clip.truth.csv").touch()
    assert truth_beside(video) == tmp_path / "my clip.truth.csv"


BAD = {
    "no such file": (lambda p: None, "found none"),
    "other suffix": (lambda p: p.with_suffix(".txt").write_text("x"), "got .txt"),
    "no columns": (lambda p: write_rows(p, [["a", "b"], [1, 2]]), "{joint}_x"),
    "a column missing": (
        lambda p: write_rows(p, [["left_knee_x", "left_knee_y", "nose_x"], [1, 2, 3]]),
        "columns are missing: nose_y",
    ),
    "other joints": (
        lambda p: write_rows(p, [["tail_x", "tail_y"], [100, 200]]), "joints such as left_knee"
    ),
    "a joint twice": (
        lambda p: write_rows(p, [["left_knee_x", "left_knee_y", "LKnee_x", "LKnee_y"], [9] * 4]),
        "each joint once",
    ),
    "duplicate frames": (
        lambda p: write_rows(p, [["frame", "nose_x", "nose_y"], [3, 9, 9], [3, 9, 9]]),
        "frame 3 2 times",
    ),
    "no number for a frame": (
        lambda p: write_rows(p, [["frame", "nose_x", "nose_y"], ["one", 9, 9]]), "whole number"
    ),
    "words for numbers": (
        lambda p: write_rows(p, [["nose_x", "nose_y"], ["left", 9]]), "expected numbers"
    ),
    "shares for px": (
        lambda p: write_rows(p, [["nose_x", "nose_y"], [0.5, 0.4]]), "Multiply x by 640"
    ),
    "another size": (
        lambda p: write_rows(p, [["nose_x", "nose_y"], [1500, 900], [1490, 901]]), "x up to 1500"
    ),
    "nothing labelled": (lambda p: write_rows(p, [["nose_x", "nose_y"], ["", ""]]), "empty cells"),
    "no rows": (lambda p: write_rows(p, [["nose_x", "nose_y"]]), "labelled frames"),
    "empty": (lambda p: p.write_bytes(b""), "expected"),
    "binary": (lambda p: p.write_bytes(bytes(range(256)) * 40), "expected"),
    "DeepLabCut without coords": (
        lambda p: write_rows(p, [["scorer", "me"], ["bodyparts", "nose"]]), "DeepLabCut"
    ),
    "DeepLabCut without y": (
        lambda p: write_rows(p, [["scorer", "me"], ["bodyparts", "nose"], ["coords", "x"], [0, 5]]),
        "nose y",
    ),
    "DeepLabCut with two people": (
        lambda p: write_rows(p, [["scorer", *["me"] * 4], ["individuals", "a", "a", "b", "b"],
                                 ["bodyparts", *["nose"] * 4], ["coords", *["x", "y"] * 2],
                                 [0, 5, 5, 6, 6]]),
        "got a, b",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_files_get_one_line(case, tmp_path):
    write, expected = BAD[case]
    path = tmp_path / "truth.csv"
    write(path)
    path = next(tmp_path.iterdir(), path)
    with pytest.raises(TableError) as caught:
        read_truth(path, WIDTH, HEIGHT)
    assert expected in str(caught.value) and path.name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda d: "{", "COCO keypoints"),
        (lambda d: json.dumps([1]), "COCO keypoints"),
        (lambda d: json.dumps({**d, "categories": []}), "COCO keypoints"),
        (lambda d: json.dumps({**d, "annotations": d["annotations"] * 2}), "one person per image"),
        (lambda d: json.dumps({**d, "annotations": []}), "labelled frames"),
        (lambda d: json.dumps(d).replace(f'"width": {WIDTH}', '"width": 99'), "got 99x480"),
    ],
)  # fmt: skip
def test_bad_coco_gets_one_line(change, expected, tmp_path):
    path = tmp_path / "truth.json"
    path.write_text(change(json.loads(coco(standing(3)))))
    with pytest.raises(TableError) as caught:
        read_truth(path, WIDTH, HEIGHT)
    assert expected in str(caught.value)


def test_a_parquet_of_another_size(tmp_path):
    standing().to_parquet(tmp_path / "t.parquet")
    with pytest.raises(TableError, match="video of 1280x720 px, got 640x480"):
        read_truth(tmp_path / "t.parquet", 1280, 720)


def test_sparse_labels_are_matched_by_frame():
    poses = standing(10)
    labels = GroundTruth(poses.take(np.array([2, 7])), timed=False)
    seen, known, area, notes = align(poses, labels, part=False)
    assert seen.frame.tolist() == known.frame.tolist() == [2, 7]
    assert known.time.tolist() == pytest.approx([0.04, 0.14])
    assert area == pytest.approx([0.53 * 100 * 325] * 2)
    assert notes == []


def test_the_area_of_the_file_goes_before_the_box():
    truth = GroundTruth(standing(2), area=np.array([1234.0, np.nan]))
    area = align(standing(2), truth, part=False)[2]
    assert area == pytest.approx([1234, 0.53 * 100 * 325])


def test_the_area_is_of_the_truths_coco_joints_whatever_the_model_has():
    truth = standing(2)
    places = {j: (10.0, 10.0) for j in BLAZEPOSE33.joints} | STANDING
    image = np.tile([places[j] for j in BLAZEPOSE33.joints], (2, 1, 1))
    wide = replace(truth, skeleton=BLAZEPOSE33, image=image, confidence=np.ones((2, 33)))
    for joints in (BLAZEPOSE33.joints, BODY, ("left_wrist",)):
        area = align(wide.select(joints), GroundTruth(wide), part=False)[2]
        assert area == pytest.approx([0.53 * 100 * 325] * 2)
    feet = ("left_heel", "right_heel", "left_foot_index")
    hidden = GroundTruth(wide.select([*feet, "nose"]))
    assert align(wide, hidden, part=False)[2].tolist() == [0, 0]  # of one point
    assert align(wide, GroundTruth(wide.select(feet)), part=False)[2].tolist() == [0, 0]


def test_a_coco_box_stands_in_for_the_area(tmp_path):
    def read(**changes):
        data = json.loads(coco(standing(2)))
        for label in data["annotations"]:
            label.update(changes)
        (tmp_path / "t.json").write_text(json.dumps(data))
        return read_truth(tmp_path / "t.json", WIDTH, HEIGHT)

    assert read(area=0, bbox=[5, 5, 100, 200]).area == pytest.approx([0.53 * 20_000] * 2)
    assert read(bbox=[5, 5, 100, 200]).area.tolist() == [9000, 9001]
    assert np.isnan(read(area=None).area).all()
    with pytest.raises(TableError, match="in the way"):
        read(area="large")


def test_shorter_truth_is_said():
    notes = align(standing(10), GroundTruth(standing(6)), part=False)[3]
    assert notes == ["truth: labels 6 of 10 frames; only these are evaluated"]


@pytest.mark.parametrize(
    ("truth", "expected"),
    [
        (standing(12), "2 of 12 are not in the video"),
        (standing(10, fps=25), "another frame rate"),
        (replace(standing(10), time=standing(10).time + 0.02), "frame 0 at 0.000 s, got 0.020 s"),
        (replace(standing(10), width=320), "got 320x480"),
        (replace(standing(10), time=standing(10).time + 0.5), "frame 0 at 0.000 s, got 0.500 s"),
        (standing(10).select(["nose"]), None),
    ],
)
def test_truth_that_does_not_fit(truth, expected):
    if expected is None:
        assert len(align(standing(10), GroundTruth(truth), part=False)[1].skeleton) == 1
        return
    with pytest.raises(TableError) as caught:
        align(standing(10), GroundTruth(truth), part=False)
    assert expected in str(caught.value)


def test_no_joint_in_common():
    poses = standing(3)
    with pytest.raises(TableError, match="none in common"):
        align(poses.select(["nose"]), GroundTruth(poses.select(["left_hip"])), part=False)


def test_a_part_of_a_video_takes_its_part_of_the_truth():
    part = standing(10).take(np.arange(3, 8))
    _, known, _, notes = align(part, GroundTruth(standing(10)), part=True)
    assert known.frame.tolist() == [3, 4, 5, 6, 7] and notes == []
    with pytest.raises(TableError, match="5 of 10"):
        align(part, GroundTruth(standing(10)), part=False)


def test_a_standing_torso_is_a_hundred_pixels():
    shoulder, hip = STANDING["left_shoulder"], STANDING["left_hip"]
    assert hip[1] - shoulder[1] == 100
