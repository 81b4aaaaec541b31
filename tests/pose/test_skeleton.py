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


def test_symmetries_follow_the_names_unless_they_are_given():
    assert COCO17.symmetries[0] == ("left_eye", "right_eye") and len(COCO17.symmetries) == 8
    assert COCO17.subset(["left_hip", "nose", "right_hip"]).symmetries == (("left_hip", "right_hip"),)
    assert COCO17.subset(["left_hip"]).symmetries == ()
    assert Skeleton("x", ("l1", "r1"), (), (("l1", "r1"),)).symmetries == (("l1", "r1"),)


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
                  {**MINE.described(), "edges": ["abc"]}, {**MINE.described(), "edges": 3}):  # fmt: skip
        with pytest.raises((KeyError, ValueError, TypeError)):
            Skeleton.of(about)


def test_skeleton_of_names_the_joint_that_no_skeleton_has():
    assert skeleton_of(["left_heel", "left_knee"]).name == "blazepose33"
    with pytest.raises(ValueError, match="tail"):
        skeleton_of(["left_knee", "tail"])
