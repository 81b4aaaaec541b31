"""People of any size are found in a picture, each once, by what is embedded alone."""

import cv2
import numpy as np
import pytest
from clips import quadrants

from posexp import find_people
from posexp.errors import ModelError
from posexp.models import people_finder
from posexp.people.find import Person, _merged, likeness
from posexp.video.embedded import embedded_clip
from posexp.video.source import VideoSource


@pytest.fixture(scope="module")
def two(shared):
    return next(VideoSource(shared / "clips" / "two_people.mp4").frames()).rgb()


def centres(picture):
    return np.array([person.centre for person in find_people(picture)])


def test_everybody_is_found_once_the_one_far_behind_too(two):
    people = find_people(two)
    assert [person.score for person in people] == sorted((p.score for p in people), reverse=True)
    found = sorted(np.round(person.centre).tolist() for person in people)
    assert np.allclose(found, [(208, 1072), (578, 786), (792, 698)], atol=30)
    assert sorted(person.size for person in people) == pytest.approx([349, 650, 762], abs=40)


@pytest.mark.parametrize("height", [940, 400, 150, 90])
def test_a_person_of_any_size_is_found(shared, height):
    """From the whole height of a picture to a twelfth of it."""
    person = next(VideoSource(shared / "clips" / "squat.mp4").frames()).rgb()[500:1120, 150:550]
    scale = height / 500  # of the person in it, px
    small = cv2.resize(person, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    small = small[: 1080 - 20]
    picture = np.full((1080, 1920, 3), 120, np.uint8)
    x, y = 700, 1070 - small.shape[0]
    picture[y : y + small.shape[0], x : x + small.shape[1]] = small
    best = find_people(picture)[0]
    assert np.allclose(best.centre, (x + 192 * scale, y + 313 * scale), atol=0.15 * height)
    assert best.size == pytest.approx(height, rel=0.15)


def test_where_there_is_nobody_nobody_is_found():
    assert find_people(quadrants()) == []
    assert find_people(np.zeros((1, 1, 3), np.uint8)) == []
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    assert find_people(noise) == []


def test_a_person_keeps_its_place_when_the_picture_is_padded():
    picture = next(VideoSource(embedded_clip()).frames()).rgb()
    wide = np.pad(picture, ((300, 100), (500, 700), (0, 0)), mode="edge")
    (one,), (same,) = find_people(picture), find_people(wide)
    assert likeness(one.body, same.body - (500, 300), one.size) > 0.9


def test_one_looks_where_somebody_should_be(two):
    """Even where the detector sees nobody: a landmark model needs only a place."""
    expected = np.array([[208.0, 1072.0, 762.0]])
    (person,) = find_people(two[:, :380], (1,), expected)
    assert np.allclose(person.centre, (208, 1072), atol=30)


def test_without_the_weights_one_is_told_how_to_do_without(monkeypatch):
    """As on Python 3.13 without a network."""

    def nowhere(name):
        raise ModelError(name, "its weights cannot be had", "Copy them")

    monkeypatch.setattr(people_finder, "published", nowhere)
    with pytest.raises(ModelError, match=r"full: people are found with it.*person=off.*Copy them"):
        people_finder.PeopleFinder()


@pytest.mark.parametrize(("size", "score", "people"), [(150, 0.8, 1), (150, 0.88, 2), (200, 0.8, 2),
                                                       (200, 0.7, 1)])  # fmt: skip
def test_what_is_inside_of_somebody_may_be_their_legs(size, score, people):
    """In a tile that ends above them, legs are taken for somebody who is small."""
    points = np.random.default_rng(0).random((33, 2)) * (80, 250)
    whole = Person(np.array((0.0, 0, 80, 250)), 0.92, points)
    legs = Person(np.array((10.0, 245 - size, 70, 245)), score, points[::-1])
    assert len(_merged([legs, whole])) == people
