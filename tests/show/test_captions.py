import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posexp.pose.skeleton import BLAZEPOSE33, COCO17
from posexp.show.captions import Captions
from posexp.show.drawing import LEFT, RIGHT

GREY = 128
SIZES = {"480p": (854, 480), "portrait": (480, 854), "720p": (1280, 720), "upright": (404, 720),
         "square": (576, 576), "4k": (3840, 2160)}  # fmt: skip
SAID = "frame 60   2.40 s   confidence 0.97"


def joints_within(box: tuple[float, float, float, float]) -> np.ndarray:
    """17 joints whose box is this left, top, right, bottom."""
    left, top, right, bottom = box
    points = np.random.default_rng(0).uniform((left, top), (right, bottom), (17, 2))
    points[0], points[1] = (left, top), (right, bottom)
    return points


def captioned(size: tuple[int, int], points: np.ndarray, said: str = SAID) -> np.ndarray:
    canvas = np.full((size[1], size[0], 3), GREY, np.uint8)
    Captions(COCO17, "mlkit").draw(canvas, said, points, hides=True)
    return canvas


def colored(canvas: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    return np.abs(canvas.astype(int) - color).max(axis=2) < 30


def strip_height(canvas: np.ndarray) -> int:
    """Rows from below that are dark at the left border."""
    changed = canvas[::-1, 2].max(axis=1) < GREY - 40
    return int(np.argmin(changed))


@pytest.mark.parametrize("size", SIZES)
def test_the_legend_shows_both_sides_and_their_order(size):
    canvas = captioned(SIZES[size], np.full((17, 2), np.nan))
    left, right = (np.argwhere(colored(canvas, color)) for color in (LEFT, RIGHT))
    assert min(len(left), len(right)) > 20
    assert left[:, 1].max() < right[:, 1].min()


@pytest.mark.parametrize("size", SIZES)
def test_the_text_can_be_read_and_the_strip_stays_small(size):
    canvas = captioned(SIZES[size], np.full((17, 2), np.nan))
    strip = strip_height(canvas)
    bright = (canvas[-strip:, : SIZES[size][0] // 3].min(axis=2) > 150).any(axis=1)
    assert bright.sum() >= max(8, 0.01 * SIZES[size][1])
    assert strip <= 0.05 * SIZES[size][1]


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from([*SIZES]), st.tuples(*[st.floats(0, 1)] * 2), st.tuples(*[st.floats(0, 1)] * 2)
)
def test_the_legend_does_not_cover_the_person_where_there_is_room(size, a, b):
    width, height = SIZES[size]
    (left, right), (top, bottom) = (sorted(pair) for pair in zip(a, b, strict=True))
    # Of a picture's height, the person takes 7 tenths at most: above or below there is room.
    bottom = min(bottom, top + 0.7)
    box = left * width, top * height, right * width, bottom * height
    canvas = captioned((width, height), joints_within(box))
    above = canvas[: -strip_height(canvas)]
    inside = above[int(box[1]) : int(box[3]) + 1, int(box[0]) : int(box[2]) + 1]
    assert (inside == GREY).all()


def test_the_legend_stays_where_it_is_while_nobody_comes_there():
    width, height = SIZES["upright"]
    captions = Captions(COCO17, "mlkit")

    def corner(box: tuple[float, float, float, float]) -> tuple[bool, bool]:
        canvas = np.full((height, width, 3), GREY, np.uint8)
        captions.draw(canvas, SAID, joints_within(box), hides=True)
        y, x = np.argwhere(colored(canvas, LEFT)).mean(axis=0)
        return bool(x > width / 2), bool(y > height / 2)

    middle = (150.0, 200.0, 250.0, 600.0)
    first = corner(middle)
    assert corner((100, 0, width, 400)) != first  # the person comes to the upper border
    moved = corner(middle)
    assert moved != first  # and it does not jump back
    assert corner((0, 0, width, height)) == moved  # no room anywhere


@pytest.mark.parametrize("size", SIZES)
def test_the_caption_never_reaches_the_legend(size):
    nobody = np.full((17, 2), np.nan)
    short, long = (
        captioned(SIZES[size], nobody, said)
        for said in (
            "frame 1   0.02 s   confidence 1.00",
            "frame 9999   99.98 s   person may change",
        )
    )
    where = colored(short, LEFT) | colored(short, RIGHT)
    assert (colored(long, LEFT) | colored(long, RIGHT))[where].all()


def test_what_faint_means_is_told_as_the_model_says_it():
    pictures = {}
    for hides in (True, False):
        pictures[hides] = np.full((480, 854, 3), GREY, np.uint8)
        Captions(BLAZEPOSE33, "m").draw(pictures[hides], SAID, np.full((33, 2), np.nan), hides)
    assert (pictures[True] != pictures[False]).any()
