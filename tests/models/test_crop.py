import numpy as np
import pytest
from clips import encode, ffmpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from posexp.models.crop import CropRegion, CropSettings, next_region, sample, to_image, whole_image
from posexp.pose.skeleton import COCO17
from posexp.video.frame import Planes
from posexp.video.source import VideoSource

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
        assert np.abs(center - points[HIPS].mean(axis=0)).max() <= 1  # on whole px
        assert region.size <= max(width, height) + 2


@given(sizes, sizes, shares, scores, arrays(np.float64, (17, 2), elements=st.floats(-1, 1)))
def test_what_is_rounded_elsewhere_seldom_moves_the_crop(width, height, share, score, rounding):
    """The difference between libraries must not come back to the model and grow there."""
    points = share * (width, height)
    region = next_region(points, score, width, height, SETTINGS)
    if region != whole_image(width, height):
        assert all(float(value).is_integer() for value in vars(region).values())
    other = next_region(points + 1e-4 * rounding, score, width, height, SETTINGS)
    moved = np.abs(np.subtract(list(vars(region).values()), list(vars(other).values())))
    assert (moved <= 2).all() or whole_image(width, height) in (region, other)


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
    planes = Planes((rgb,), None, 0, False, ())
    found = sample(planes, CropRegion(left, top, side), size).astype(float)
    # Samples that fall on the image's border within rounding may count as outside for one.
    on_border = np.zeros((size, size), bool)
    for axis, start, length in ((0, top, height), (1, left, width)):
        position = (start + side * np.arange(size) / (size - 1)) / length * (length - 1)
        near = (np.abs(position) < 1e-3) | (np.abs(position - (length - 1)) < 1e-3)
        on_border |= near[:, None] if axis == 0 else near[None, :]
    # OpenCV interpolates at 1/32 px, which noise of full contrast shows most.
    error = np.abs(found - expected)[~on_border]
    assert error.size == 0 or error.max() <= 2 * 255 / 64 + 1
    assert error.size < 300 or error.mean() <= 2.5  # the mean of a few says nothing


@settings(max_examples=60, deadline=None)
@given(
    st.integers(4, 60), st.integers(4, 60), st.floats(-30, 60), st.floats(-30, 60),
    st.floats(1, 90), st.booleans(), st.sampled_from([(), (0,), (1,), (0, 1)]),
)  # fmt: skip
def test_turned_pictures_are_sampled_upright(width, height, left, top, side, transposed, flipped):
    stored = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    upright = np.flip(stored.swapaxes(0, 1) if transposed else stored, flipped)
    region = CropRegion(left, top, side)
    found, expected = (
        sample(planes, region, 16).astype(float)
        for planes in (
            Planes((stored,), None, 0, transposed, flipped),
            Planes((np.ascontiguousarray(upright),), None, 0, False, ()),
        )
    )
    # Each is within 1/64 px of the exact place, across and down.
    assert np.abs(found - expected).max() <= 2 * 2 * 255 / 64 + 1
    assert np.abs(found - expected).mean() <= 2.5


def spectrum() -> np.ndarray:
    """(180, 240, 3) RGB: every hue, smooth, so that only conversions make a difference."""
    rows, columns = np.mgrid[:180, :240].astype(float)
    phase = 2 * np.pi * (columns / 240 + rows / 400)
    waves = [np.sin(phase + k) for k in (0, 2, 4)]
    return (127.5 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)


FULL = ("-vf", "scale=out_range=full", "-color_range", "pc")
BT709 = ("-vf", "scale=out_color_matrix=bt709", "-colorspace", "bt709")
BT2020 = ("-vf", "scale=out_color_matrix=bt2020", "-colorspace", "bt2020nc")


HDV, PAL, NTSC = (("-vf", f"setsar={aspect}") for aspect in ("4/3", "64/45", "8/9"))


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize(
    ("kind", "options"),
    [("yuv420p", ()), ("yuv420p", BT709), ("yuv420p", FULL), ("yuv420p10le", ()),
     ("yuv420p10le", FULL), ("yuv420p10le", BT2020), ("yuv422p", ()), ("yuv444p", ()),
     ("yuv420p", HDV), ("yuv422p", PAL), ("yuv420p10le", NTSC), ("gbrp", HDV)],
    ids=["420", "420-709", "420-full", "10bit", "10bit-full", "10bit-2020", "422", "444",
         "420-hdv", "422-pal", "10bit-ntsc", "rgb-hdv"],
)  # fmt: skip
def test_crops_from_the_planes_are_those_of_the_whole_picture(kind, options, turn, tmp_path):
    import cv2
    import tensorflow as tf

    picture = spectrum()
    plain = encode(
        tmp_path / "plain.mp4", picture[None].repeat(2, 0), "-crf", "4", "-pix_fmt", kind, *options,
        "-c:v", "libx264rgb" if kind == "gbrp" else "libx264",
    )  # fmt: skip
    clip = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation:v:0", turn, "-i", plain, "-c", "copy", clip)
    frame = next(iter(VideoSource(clip).frames()))
    assert len(frame.planes().images) == (1 if kind == "gbrp" else 3)
    rgb = frame.rgb()
    # The declared matrix and range give back what was encoded, with square pixels.
    wide = {HDV: 320, PAL: 341, NTSC: 213}.get(options, 240)
    shown = np.rot90(cv2.resize(picture, (wide, 180)), turn // 90)
    assert (frame.height, frame.width) == shown.shape[:2]
    assert np.abs(rgb.astype(int) - shown).mean() < 4
    everything = whole_image(frame.width, frame.height)
    for region in (everything, CropRegion(61.3, 42.7, 80.9), CropRegion(-9, 120, 95)):
        top, left = region.top / frame.height, region.left / frame.width
        box = [top, left, top + region.size / frame.height, left + region.size / frame.width]
        whole = tf.image.crop_and_resize(rgb[None].astype(np.float32), [box], [0], (64, 64))
        found = sample(frame.planes(), region, 64).astype(float)
        assert np.abs(found - whole[0].numpy()).mean() <= 2
