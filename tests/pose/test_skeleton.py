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
    with pytest.raises(ValueError, match="unknown joints"):
        Skeleton("x", ("a", "b"), (("a", "c"),))


def test_skeleton_of_names_the_joint_that_no_skeleton_has():
    assert skeleton_of(["left_heel", "left_knee"]).name == "blazepose33"
    with pytest.raises(ValueError, match="tail"):
        skeleton_of(["left_knee", "tail"])
