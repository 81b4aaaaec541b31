import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from posexp.crop import CropRegion, CropSettings, next_region, sample, to_image, whole_image
from posexp.skeleton import COCO17

HIPS = COCO17.indices(("left_hip", "right_hip"))
SETTINGS = CropSettings()
sizes = st.integers(16, 4096)
scores = arrays(np.float64, 17, elements=st.floats(0, 1))
shares = arrays(np.float64, (17, 2), elements=st.floats(0, 1))


def holds(region: CropRegion, points: np.ndarray) -> np.ndarray:
    low = np.array([region.left, region.top])
    slack = 1e-6 * region.size
    return ((points >= low - slack) & (points <= low + region.size + slack)).all(axis=-1)


@given(sizes, sizes, shares, scores)
def test_every_confident_joint_in_the_image_lies_in_the_next_crop(width, height, share, score):
    points = share * (width, height)
    region = next_region(points, score, width, height, SETTINGS)
    assert holds(region, points[score >= SETTINGS.min_keypoint_score]).all()


def test_a_raised_wrist_is_not_cut_off():
    """The widely copied port measures the body by the right hip alone and loses it."""
    points = np.full((17, 2), 500.0)
    points[COCO17.indices(("left_shoulder", "right_shoulder"))] = (500, 440)
    points[COCO17.index("left_wrist")] = (500, 300)
    region = next_region(points, np.ones(17), 1000, 1000, SETTINGS)
    assert region == CropRegion(260, 260, 480)  # 1.2 * 200 px to the wrist, not 1.9 * 60


@given(sizes, sizes, shares, scores)
def test_the_crop_is_a_square_about_the_hips_or_the_whole_image(width, height, share, score):
    points = share * (width, height)
    region = next_region(points, score, width, height, SETTINGS)
    if region != whole_image(width, height):
        center = np.array([region.left, region.top]) + region.size / 2
        assert np.allclose(center, points[HIPS].mean(axis=0))
        assert region.size <= max(width, height)


@given(sizes, sizes, shares)
def test_without_a_visible_torso_the_whole_image_is_searched(width, height, share):
    score = np.ones(17)
    score[HIPS] = SETTINGS.min_keypoint_score  # "visible" is more than the threshold
    region = next_region(share * (width, height), score, width, height, SETTINGS)
    assert region == whole_image(width, height)


@given(sizes, sizes)
def test_the_whole_image_is_padded_to_a_centred_square(width, height):
    region = whole_image(width, height)
    assert region.size == max(width, height)
    assert region.left + region.size / 2 == width / 2
    assert region.top + region.size / 2 == height / 2


@given(shares, st.floats(-500, 500), st.floats(-500, 500), st.floats(1, 5000))
def test_keypoints_map_back_into_the_image(share, left, top, size):
    region = CropRegion(left, top, size)
    points = to_image(share, region)
    assert np.allclose((points - (left, top)) / size, share, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 60), st.integers(2, 60), st.floats(-30, 60), st.floats(-30, 60),
    st.floats(1, 90), st.integers(2, 32), st.integers(0, 2**31),
)  # fmt: skip
def test_sampling_is_tensorflows_crop_and_resize(width, height, left, top, side, size, seed):
    import tensorflow as tf

    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    box = [top / height, left / width, (top + side) / height, (left + side) / width]
    expected = tf.image.crop_and_resize(
        rgb[None].astype(np.float32), [box], [0], (size, size), method="bilinear"
    )[0].numpy()
    found = sample(rgb, CropRegion(left, top, side), size)
    # Samples that fall on the image's border within rounding may count as outside for one.
    differs = np.abs(found - expected).max(axis=-1) > 0.5
    on_border = np.zeros((size, size), bool)
    for axis, start, length in ((0, top, height), (1, left, width)):
        position = (start + side * np.arange(size) / (size - 1)) / length * (length - 1)
        near = (np.abs(position) < 1e-3) | (np.abs(position - (length - 1)) < 1e-3)
        on_border |= near[:, None] if axis == 0 else near[None, :]
    assert not (differs & ~on_border).any()
