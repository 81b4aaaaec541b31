from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sequences import STANDING

from posexp.people.track import NOTES
from posexp.pose.sequence import FramePose
from posexp.pose.skeleton import COCO17
from posexp.settings import OverlaySettings
from posexp.show.captions import STRIP
from posexp.show.pictures import KeyFrames
from posexp.show.sheets import HEIGHT, MARK, WIDTH, captioned, cut_around, sheet
from posexp.video.frame import Frame

# Of MLflow's viewer in a window of 1280 by 720, with its assistant open; px.
SHOWN, SHOWN_HIGH = 494, 478
UPRIGHT = np.array([STANDING[joint] for joint in COCO17.joints], float)


def frame_of(image: np.ndarray) -> Frame:
    return Frame(0, 2.4, av.VideoFrame.from_ndarray(image, format="rgb24"), (False, ()))


def key_frames(image: np.ndarray, *poses: FramePose) -> KeyFrames:
    keys = KeyFrames(OverlaySettings(), COCO17)
    for pose in poses:
        keys.add(frame_of(image), pose)
    return keys


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from([(1920, 1080), (480, 854), (641, 359)]),
    st.floats(0.02, 0.98), st.floats(0.02, 0.98), st.floats(10, 2000),
)  # fmt: skip
def test_a_cut_says_where_its_points_are(size, x, y, person):
    width, height = size
    image = np.full((height, width, 3), 60, np.uint8)
    column, row = int(x * width), int(y * height)
    radius = max(3, round(person / 60))
    cv2.circle(image, (column, row), radius, (255, 255, 255), -1)
    place = np.array([[column + 0.5, row + 0.5]])
    cut = cut_around(frame_of(image), place, person)
    assert cut.picture.shape == (HEIGHT, WIDTH, 3)
    bright = np.argwhere(cut.picture.min(axis=2) > 150)
    expected = cut.place(place)[0]
    inside = (expected > radius * cut.zoom + 2).all() and (
        expected < np.array([WIDTH, HEIGHT]) - radius * cut.zoom - 2
    ).all()
    if inside and len(bright):
        assert bright.mean(axis=0)[::-1] + 0.5 == pytest.approx(expected, abs=1.5)
    assert (expected >= 0).all() and (expected <= (WIDTH, HEIGHT)).all()


def test_who_is_small_in_4k_is_large_on_the_sheet():
    image = np.full((2160, 3840, 3), 90, np.uint8)
    points = UPRIGHT * 180 / 400 + (2500, 1200)
    keys = key_frames(image, FramePose(0, 2.4, points, np.ones(17)))
    changed = np.abs(keys.pictures[0][:HEIGHT].astype(int) - 90).max(axis=2) > 40
    rows = np.flatnonzero(changed.any(axis=1))
    assert 0.5 * HEIGHT < rows[-1] - rows[0] < 0.85 * HEIGHT


def test_who_fills_the_picture_is_not_cut_off():
    image = np.full((480, 640, 3), 90, np.uint8)
    points = (UPRIGHT - UPRIGHT.min(axis=0)) / np.ptp(UPRIGHT, axis=0) * (600, 440) + 20
    cut = cut_around(frame_of(image), points, 440)
    placed = cut.place(points)
    assert (placed >= 0).all() and (placed <= (WIDTH, HEIGHT)).all()


def test_without_anybody_the_whole_picture_is_shown():
    image = np.full((480, 640, 3), 90, np.uint8)
    image[:4], image[-4:], image[:, :4], image[:, -4:] = 4 * ((250, 250, 250),)
    cut = cut_around(frame_of(image), np.full((17, 2), np.nan), float("nan"))
    assert cut.place(np.array([[0, 0], [640, 480]]))[:, 0] == pytest.approx([0, WIDTH])
    bright = np.argwhere(cut.picture.min(axis=2) > 160)
    assert np.ptp(bright[:, 0]) == pytest.approx(WIDTH * 480 / 640, abs=3)


def test_one_joint_alone_has_no_size_but_a_place():
    image = np.full((480, 640, 3), 60, np.uint8)
    with np.errstate(all="raise"):
        cut = cut_around(frame_of(image), np.array([[320.0, 240.0]]), float("nan"))
    assert cut.place(np.array([320.0, 240.0])) == pytest.approx((WIDTH / 2, HEIGHT / 2), abs=1)
    assert 1 < cut.zoom < 10


def test_times_can_be_read_where_mlflow_shows_the_sheet():
    tile = captioned(np.full((HEIGHT, WIDTH, 3), 90, np.uint8), "12.34 s")
    whole = sheet([tile] * 12)
    scale = SHOWN / whole.shape[1]
    shown = cv2.resize(whole, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    bottom = round(scale * (8 + HEIGHT + STRIP))
    strip = shown[bottom - round(scale * STRIP) : bottom, round(8 * scale) :][
        :, : int(WIDTH * scale)
    ]
    text = (strip.min(axis=2) > 120).any(axis=1)
    assert text.sum() >= 8  # px: as high as capitals of a page's text


def test_a_dozen_fits_into_the_viewer_without_scrolling():
    whole = sheet([captioned(np.zeros((HEIGHT, WIDTH, 3), np.uint8), "1.00 s")] * 12)
    assert SHOWN / whole.shape[1] * whole.shape[0] < SHOWN_HIGH


@pytest.mark.parametrize(
    ("pose", "marked"),
    [
        ({"confidence": np.ones(17)}, False),
        ({"confidence": np.where(np.arange(17) == 9, 0.1, 1.0)}, False),
        ({"confidence": np.where(np.arange(17) > 11, 0.1, 1.0)}, True),
        ({"confidence": np.ones(17), "note": NOTES["doubtful"]}, True),
        ({"confidence": np.zeros(17), "image": np.full((17, 2), np.nan)}, True),
    ],
)
def test_frames_that_went_badly_are_marked(pose, marked):
    image = np.full((480, 640, 3), 90, np.uint8)
    whole = {"image": UPRIGHT, **pose}
    tile = key_frames(image, FramePose(0, 2.4, **whole)).pictures[0]
    assert (tile[1, 1] == MARK).all() == marked
    assert (np.abs(tile[-STRIP:].astype(int) - MARK).max(axis=2) < 40).any() == marked


def test_hidden_limbs_are_faint_on_the_sheet_too(tmp_path: Path):
    image = np.full((480, 640, 3), 90, np.uint8)
    shank = COCO17.indices(["left_knee", "left_ankle"])
    change = []
    for seen in (0.95, 0.1):
        visibility = np.ones(17)
        visibility[shank] = seen
        pose = FramePose(0, 2.4, UPRIGHT, np.ones(17), visibility=visibility)
        picture = key_frames(image, pose).pictures[0].astype(int)
        cut = cut_around(frame_of(image), UPRIGHT, 400)
        x, y = cut.place(UPRIGHT[shank].mean(axis=0)).astype(int)
        change.append(np.abs(picture[y - 3 : y + 4, x - 6 : x + 7] - 90).sum())
    assert 0 < change[1] < 0.6 * change[0]
