import json

import pytest

from posexp.pose.skeleton import BLAZEPOSE33, BODY, COCO17, Skeleton, common_joints, skeleton_of


def test_known_skeletons_have_their_published_joints():
    assert len(COCO17) == 17
    assert COCO17.joints[:5] == ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
    assert COCO17.joints[-1] == "right_ankle"
    assert len(BLAZEPOSE33) == 33
    # Landmark numbers of the BlazePose model card.
    numbers = {0: "nose", 7: "left_ear", 11: "left_shoulder", 16: "right_wrist"}
    numbers |= {22: "right_thumb", 25: "left_knee", 32: "right_foot_index"}
    for number, joint in numbers.items():
        assert BLAZEPOSE33.index(joint) == number


def test_common_joints_are_matched_by_name():
    assert set(BODY) < set(common_joints(COCO17, BLAZEPOSE33))
    assert len(common_joints(COCO17, BLAZEPOSE33)) == 17


def test_subset_keeps_the_edges_between_kept_joints():
    arm = COCO17.subset(["left_shoulder", "left_elbow", "right_hip"])
    assert arm.edges == (("left_shoulder", "left_elbow"),)
    with pytest.raises(ValueError):
        COCO17.subset(["left_heel"])


def test_malformed_skeletons_are_refused():
    with pytest.raises(ValueError, match="duplicate"):
        Skeleton("x", ("a", "a"), ())
    with pytest.raises(ValueError, match="edges name unknown joints"):
        Skeleton("x", ("a", "b"), (("a", "c"),))
    with pytest.raises(ValueError, match="symmetries name unknown joints"):
        Skeleton("x", ("a", "b"), (), (("a", "c"),))


def test_symmetries_are_those_of_all_joints_with_a_twin():
    for skeleton in (COCO17, BLAZEPOSE33):
        lefts = {joint for joint in skeleton.joints if joint.startswith("left_")}
        expected = {(joint, joint.replace("left", "right")) for joint in lefts}
        assert set(skeleton.symmetries) == expected and len(skeleton.symmetries) == len(expected)
        for joint in skeleton.joints:
            assert skeleton.side(joint) == ("" if joint == "nose" else joint.partition("_")[0])
    hips = ("left_hip", "right_hip")
    assert COCO17.subset(["left_hip", "nose", "right_hip"]).symmetries == (hips,)
    assert COCO17.subset(["left_hip"]).symmetries == ()
    assert Skeleton("x", hips, ()).symmetries == () and Skeleton("x", hips, ()).side(hips[0]) == ""
    with pytest.raises(ValueError, match="two pairs"):
        Skeleton("x", ("a", "b", "c"), (), (("a", "b"), ("b", "c")))
    with pytest.raises(ValueError, match="two pairs"):
        Skeleton("x", ("a", "b"), (), (("a", "a"),))


def test_the_body_of_a_skeleton_is_what_it_has_of_the_twelve_or_all():
    assert COCO17.body == BLAZEPOSE33.body == BODY
    assert COCO17.subset(["right_hip", "nose", "left_hip"]).body == ("left_hip", "right_hip")
    assert COCO17.subset(["nose", "left_eye"]).body == ("nose", "left_eye")


MINE = Skeleton("mine", (*BODY, "l_toe", "r_toe"), (("l_toe", "r_toe"),), (("l_toe", "r_toe"),))


@pytest.mark.parametrize(
    "skeleton",
    [COCO17, BLAZEPOSE33, COCO17.subset(BODY), MINE, MINE.subset(["l_toe", "left_hip"]),
     Skeleton("coco17", ("left_hip", "tail"), ())],
)  # fmt: skip
def test_a_skeleton_is_the_same_once_described_and_read(skeleton):
    about = json.loads(json.dumps(skeleton.described()))
    assert Skeleton.of(about) == skeleton
    assert ("edges" in about) == ("l_toe" in skeleton.joints or "tail" in skeleton.joints)


def test_a_damaged_description_is_refused():
    for about in ({}, {"skeleton": "mine"}, {"skeleton": "coco17", "joints": ["tail"]},
                  {**MINE.described(), "joints": None}, {**MINE.described(), "joints": [1]},
                  {**MINE.described(), "edges": ["abc"]},
                  {**MINE.described(), "edges": 3}):  # fmt: skip
        with pytest.raises((KeyError, ValueError, TypeError)):
            Skeleton.of(about)


def test_skeleton_of_names_the_joint_that_no_skeleton_has():
    assert skeleton_of(["left_heel", "left_knee"]).name == "blazepose33"
    with pytest.raises(ValueError, match="tail"):
        skeleton_of(["left_knee", "tail"])
