"""Whose pose it is: by the place that is foreseen, by size, and by the clothes."""

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from posexp.people.find import Person
from posexp.people.follow import (
    NEAR,
    OTHER_CLOTHES,
    Track,
    alike,
    box_of,
    clothes_of,
    difference,
)
from posexp.pose.skeleton import BLAZEPOSE33, BODY
from posexp.video.frame import Frame

STANDING = np.array([
    (45, 60), (55, 60), (42, 90), (58, 90), (40, 115), (60, 115),
    (47, 115), (53, 115), (47, 155), (53, 155), (47, 195), (53, 195),
], float)  # fmt: skip
RED, BLUE = (np.eye(1, 256, place, dtype=np.float32)[0] for place in (3, 90))


def person(body):
    keypoints = np.full((33, 2), body.mean(axis=0))
    keypoints[BLAZEPOSE33.indices(BODY)] = body
    return Person(box_of(body), 0.9, keypoints)


def test_who_walks_on_is_expected_further_on():
    track = Track(STANDING, 0.0, RED)
    for step in range(1, 26):
        moved = STANDING + np.array((4.0 * step, 0))
        assert track.strays(moved, step / 25) < 0.7
        track.update(moved, step / 25)
    assert np.allclose(track.expected(1.2), (50 + 120, 87.5), atol=5)
    assert track.strays(STANDING, 1.04) > 1  # somebody who stands where it began


@given(some.floats(0.2, 20), some.floats(-500, 500), some.floats(-500, 500))
def test_neither_size_nor_place_of_a_picture_changes_what_is_said(scale, x, y):
    jumped = STANDING + np.array((60, 0))
    near, far = (Track(STANDING, 0.0, RED).strays(body, 0.04) for body in (STANDING, jumped))
    moved = Track(STANDING * scale + (x, y), 0.0, RED)
    assert moved.strays(STANDING * scale + (x, y), 0.04) == pytest.approx(near, abs=1e-6)
    assert moved.strays(jumped * scale + (x, y), 0.04) == pytest.approx(far, rel=1e-6)


def test_of_two_in_one_place_the_clothes_decide():
    track = Track(STANDING, 0.0, RED)
    one, other = person(STANDING + 3), person(STANDING - 3)
    assert track.choose([other, one], [BLUE, RED], 0.1) is one
    assert track.choose([other], [BLUE], 0.1) is None


def test_who_is_suddenly_near_in_half_other_clothes_is_another():
    """As somebody who crosses in front is: neither the place nor the clothes alone would tell."""
    track = Track(STANDING, 0.0, RED)
    clothes = 0.53 * RED + 0.47 * BLUE
    assert 0.9 < difference(clothes, track.clothes) / OTHER_CLOTHES < 1
    beside = STANDING + np.array((0.6 * NEAR * track.size, 0))
    assert track.strays(beside, 0.001) < 0.7
    assert track.choose([person(beside)], [clothes], 0.001) is None
    assert track.choose([person(beside)], [RED], 0.001) is not None
    assert track.choose([person(STANDING)], [clothes], 0.001) is not None


def test_who_was_away_is_known_by_the_clothes_wherever_they_come_back():
    track = Track(STANDING, 0.0, RED)
    away = person(STANDING + np.array((900, 0)))
    assert track.choose([away], [RED], 5.0) is None
    assert track.choose([away], [RED], 5.0, anywhere=True) is away
    assert track.choose([away], [BLUE], 5.0, anywhere=True) is None


def test_a_pose_taken_from_behind_is_still_the_person():
    turned = STANDING.reshape(6, 2, 2)[:, ::-1].reshape(12, 2)
    assert alike(STANDING, turned) and alike(STANDING, STANDING + 5)
    assert not alike(STANDING, STANDING + np.array((60, 0)))


@given(some.integers(0, 2**32 - 1))
def test_the_difference_of_clothes_is_a_distance(seed):
    first, second = np.random.default_rng(seed).dirichlet(np.ones(256), 2).astype(np.float32)
    assert difference(first, second) == pytest.approx(difference(second, first), abs=1e-6)
    assert 0 <= difference(first, second) <= 1
    assert difference(first, first) < 1e-3 and difference(RED, BLUE) == 1


def dressed_in(*colour):
    """A picture of one colour, with a sensor's noise."""
    noise = np.random.default_rng(1).normal(0, 4, (240, 160, 3))
    image = np.clip(np.add(colour, noise).round(), 0, 255).astype(np.uint8)
    return Frame(0, 0.0, av.VideoFrame.from_ndarray(image, "rgb24"), (False, ()))


@given(some.tuples(*[some.integers(60, 230)] * 3))
def test_a_little_more_light_is_no_other_shirt(colour):
    now, then = (clothes_of(dressed_in(*(c + more for c in colour)), STANDING) for more in (0, 6))
    assert now.sum() == pytest.approx(1, abs=1e-5)
    assert difference(now, then) < OTHER_CLOTHES


def test_strong_colours_are_colours_too():
    red, green = (clothes_of(dressed_in(*each), STANDING) for each in ((220, 0, 0), (0, 180, 0)))
    assert difference(red, red) < 1e-3 < OTHER_CLOTHES < difference(red, green)


def test_what_lies_outside_of_the_picture_is_no_colour():
    shirt = dressed_in(120, 160, 90)
    inside = clothes_of(shirt, STANDING)
    for aside in ((-50, 0), (100, 0), (0, -90), (0, 150), (900, 900)):
        assert difference(clothes_of(shirt, STANDING + np.array(aside)), inside) < 0.2
