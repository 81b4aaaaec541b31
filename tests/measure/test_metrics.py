"""The metrics on cases that can be done by hand, and against pycocotools."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sequences import standing

from posexp.measure.evaluation import evaluate
from posexp.measure.metrics import (
    OKS_SIGMAS,
    OKS_THRESHOLDS,
    average_precision,
    oks,
    pck,
    procrustes,
    quantile,
    swaps,
)
from posexp.pose.skeleton import COCO17, Skeleton
from posexp.show import figures


def test_pck_counts_what_is_near_enough_and_missing_as_wrong():
    error = np.array([[0.0, 10.0], [20.0, np.inf], [np.nan, 5.0]])
    assert pck(error, torso=100, threshold=0.1) == 3 / 5
    assert pck(error, torso=100, threshold=0.2) == 4 / 5
    assert np.isnan(pck(error, np.nan, 0.1)) and np.isnan(pck(np.array([np.nan]), 100, 0.1))


def test_oks_of_one_joint_is_its_gaussian():
    area = np.array([10_000.0])
    k = 2 * OKS_SIGMAS["left_hip"]
    assert oks(np.array([[0.0]]), [k / 2], area)[0] == 1
    one = oks(np.array([[100 * k]]), [k / 2], area)[0]  # d = sqrt(area) * k
    assert one == pytest.approx(np.exp(-0.5))
    assert oks(np.array([[np.inf, 0.0]]), [k / 2] * 2, area)[0] == pytest.approx(0.5)
    assert np.isnan(oks(np.array([[np.nan]]), [k / 2], area)[0])


def coco_results(truth, area, visible, found, scores, seen):
    """(OKS per image, AP, AP50, AP75) as pycocotools has them."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    joints = len(COCO17)
    labels = {
        "images": [{"id": i} for i in range(len(truth))],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO17.joints)}],
        "annotations": [
            {"id": i + 1, "image_id": i, "category_id": 1, "iscrowd": 0, "area": float(area[i]),
             "bbox": [0, 0, 10, 10], "num_keypoints": int(visible[i].sum()),
             "keypoints": np.c_[truth[i], 2 * visible[i]].ravel().tolist()}
            for i in range(len(truth))
        ],
    }  # fmt: skip
    results = [
        {"image_id": i, "category_id": 1, "score": float(scores[i]),
         "keypoints": np.c_[seen[i], np.ones(joints)].ravel().tolist()}
        for i in range(len(truth)) if found[i]
    ]  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO()
        reference.dataset = labels
        reference.createIndex()
        evaluation = COCOeval(reference, reference.loadRes(results), "keypoints")
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    values = [evaluation.ious[i, 1] for i in range(len(truth))]
    similarity = [v[0, 0] if len(v) else np.nan for v in values]
    precision = evaluation.eval["precision"][:, :, 0, 0, 0]
    return np.array(similarity), precision.mean(), precision[0].mean(), precision[5].mean()


@pytest.mark.parametrize("seed", range(4))
def test_oks_and_ap_are_pycocotools(seed):
    random = np.random.default_rng(seed)
    frames, joints = 40, len(COCO17)
    truth = random.uniform(0, 400, (frames, joints, 2)).round(1)
    area = random.uniform(5_000, 50_000, frames)
    visible = random.random((frames, joints)) < 0.8
    visible[:, 0] = True
    found = random.random(frames) < 0.9
    scores = random.random(frames)
    seen = truth + random.normal(0, 1, truth.shape) * random.uniform(1, 50, (frames, 1, 1))
    expected, ap, ap50, ap75 = coco_results(truth, area, visible, found, scores, seen)

    error = np.linalg.norm(seen - truth, axis=-1)
    error[~visible] = np.nan
    error[visible & ~found[:, None]] = np.inf
    ours = oks(error, [OKS_SIGMAS[j] for j in COCO17.joints], area)
    assert ours[found] == pytest.approx(expected[found], abs=1e-12)
    assert (ours[~found] == 0).all() and np.isnan(expected[~found]).all()
    ours_by_threshold = [average_precision(ours, scores, found, t) for t in OKS_THRESHOLDS]
    assert np.mean(ours_by_threshold) == pytest.approx(ap, abs=1e-12)
    assert ours_by_threshold[0] == pytest.approx(ap50, abs=1e-12)
    assert ours_by_threshold[5] == pytest.approx(ap75, abs=1e-12)
    assert 0 < ap75 < ap50 < 1


def test_the_sigmas_are_cocos():
    from pycocotools.cocoeval import Params

    ours = [OKS_SIGMAS[joint] for joint in COCO17.joints]
    assert ours == pytest.approx(Params(iouType="keypoints").kpt_oks_sigmas)


def test_average_precision_without_any_detection_is_zero():
    nothing = np.zeros(3)
    assert average_precision(nothing, nothing, np.zeros(3, bool), 0.5) == 0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.2, 5))
def test_procrustes_undoes_rotation_scale_and_shift(seed, scale):
    random = np.random.default_rng(seed)
    points = random.normal(size=(2, 12, 3))
    rotation, _ = np.linalg.qr(random.normal(size=(3, 3)))
    rotation *= np.sign(np.linalg.det(rotation))
    moved = scale * points @ rotation.T + random.normal(size=3)
    assert procrustes(moved, points) == pytest.approx(points, abs=1e-9)


def test_procrustes_does_not_mirror():
    points = np.random.default_rng(1).normal(size=(1, 12, 3))
    mirrored = points * (-1, 1, 1)
    assert np.abs(procrustes(mirrored, points) - points).max() > 0.1


@pytest.mark.parametrize("seed", range(8))
def test_procrustes_is_scipys_on_what_is_known(seed):
    from scipy.linalg import orthogonal_procrustes

    random = np.random.default_rng(seed)
    reference = random.normal(size=(1, 12, 3))
    # Near enough to the reference that the best orthogonal map is a rotation, not a mirror.
    turn = np.linalg.qr(random.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    points = 1.7 * reference @ turn + random.normal(0, 0.2, reference.shape)
    points[0, 3] = np.nan
    known = [j for j in range(12) if j != 3]
    a, b = (p[0, known] - p[0, known].mean(axis=0) for p in (points, reference))
    rotation, strength = orthogonal_procrustes(a, b)
    assert np.linalg.det(rotation) > 0
    ours = procrustes(points, reference)[0]
    assert np.isnan(ours[3]).all()
    expected = a @ rotation * strength / (a**2).sum() + reference[0, known].mean(axis=0)
    assert ours[known] == pytest.approx(expected)
    assert np.isnan(procrustes(points[:, :2], reference[:, :2])).all()


def test_only_the_joints_that_are_asked_for_steer_procrustes():
    reference = np.random.default_rng(1).normal(size=(2, 8, 3))
    points = 2 * reference + 5
    points[:, 6:] += 3
    ours = procrustes(points, reference, [0, 1, 2, 3, 4, 5])
    assert ours[:, :6] == pytest.approx(reference[:, :6])
    assert ours[:, 6:] == pytest.approx(reference[:, 6:] + 1.5)


def test_quantiles_with_infinities():
    values = np.array([1.0, 2.0, 4.0, np.inf])
    assert quantile(values, 0.5) == 3 and quantile(values, 0.25) == 1.75
    assert quantile(values, 0.9) == np.inf and quantile(values[3:], 0.5) == np.inf
    assert np.isnan(quantile(values[:0], 0.5))
    random = np.random.default_rng(0)
    finite = np.sort(random.normal(size=17))
    for share in (0, 0.05, 0.3, 0.5, 0.95, 1):
        assert quantile(finite, share) == pytest.approx(np.quantile(finite, share))


def test_swaps_are_found_where_they_can_be_told():
    truth = standing(3)
    image = truth.image.copy()
    left, right = truth.skeleton.indices(("left_ankle", "right_ankle"))
    image[1, [left, right]] = image[1, [right, left]]
    seen = standing(3).take(np.arange(3))
    object.__setattr__(seen, "image", image)
    pairs, decidable, swapped = swaps(seen, truth, torso=100)
    ankles = [pair == ("left_ankle", "right_ankle") for pair in pairs]
    assert len(pairs) == 6 and sum(ankles) == 1
    assert swapped.sum() == 1 and swapped[1, ankles]
    assert decidable.all()
    # The true ankles are 48 px apart: with a torso of 300 px nobody can tell.
    _, decidable, swapped = swaps(seen, truth, torso=300)
    assert not decidable[:, ankles].any() and not swapped.any()
    # Nearer to each other's place, but not by half: lost, and not exchanged.
    image[1, [left, right]] = [[295, 380], [305, 380]]
    assert not swaps(seen, truth, torso=100)[2].any()


def test_a_skeleton_without_symmetries_has_no_swaps():
    truth = standing(3, Skeleton("mine", COCO17.joints, COCO17.edges))
    pairs, decidable, swapped = swaps(standing(3), truth, torso=100)
    assert pairs == [] and decidable.shape == swapped.shape == (3, 0)
    evaluation = evaluate(standing(3), truth)
    assert evaluation.metrics()["swaps/count"] == 0 and "swaps/share" not in evaluation.metrics()
    assert (evaluation.joint_table()["swapped"] == 0).all()
    figures.error_by_joint(evaluation)
