"""Who is meant: in a word, by number, or by a point; and what is said when nobody is there."""

import numpy as np
import pytest

from posexp.config import grid, load_config
from posexp.errors import ConfigError
from posexp.people.choose import Candidate, Crowd
from posexp.people.find import Person
from posexp.people.track import Seen, changes_of, track_table
from posexp.runs.fingerprint import Content, keypoints_of
from posexp.settings import PersonSettings
from posexp.show.people import people_picture


class Picture:
    """Of 1000 by 800 px, all grey."""

    def __init__(self, time):
        self.time, self.width, self.height = time, 1000, 800

    def resized(self, height):
        return np.full((height, round(height * 1.25), 3), 128, np.uint8)


def person(x, size):
    box = np.array((x - 50, 400 - size / 2, x + 50, 400 + size / 2))
    return Person(box, 0.9, np.tile((x, 400.0), (33, 1)))


@pytest.fixture
def crowd():
    """One in the middle; one on the left, larger; one small, far right; one only later."""
    people = [(500, 400, (0, 1)), (150, 420, (0, 1)), (900, 120, (0,)), (700, 300, (1,))]
    return Crowd(
        [Picture(0.0), Picture(2.0)],
        [Candidate({n: (person(x, size), np.ones(256)) for n in seen}) for x, size, seen in people],
    )


@pytest.mark.parametrize(
    ("who", "time", "place"),
    [("auto", None, 0), ("largest", None, 1), ("central", None, 0), ("left", None, 1),
     ("right", None, 0), ("right", 2.0, 3), ("1", None, 0), ("4", None, 3), ("150,300", None, 1),
     ("905,400", None, 2), ("700, 400", 2.0, 3)],
)  # fmt: skip
def test_who_is_meant(crowd, who, time, place):
    """Those much smaller than the largest are in the background: none of them is the right one."""
    assert crowd.chosen(PersonSettings(who, time)) == place


@pytest.mark.parametrize(
    ("who", "words"),
    [("5", "expected 1 to 4, got 5: 4 people were found"),
     ("10,790", "got 10,790, where nobody is; people are at 500,400; 150,400; 900,400")],
)  # fmt: skip
def test_who_is_not_there_is_told_with_those_who_are(crowd, who, words):
    with pytest.raises(ConfigError, match=words):
        crowd.chosen(PersonSettings(who))


def test_in_an_empty_picture_nobody_is_followed():
    for who in ("auto", "left", "3", "10,10"):
        assert Crowd([Picture(0.0)], []).chosen(PersonSettings(who)) is None


@pytest.mark.parametrize("who", ["", "0", "-1", "up", "1,2,3", "1.5", "a,b", "1,", "99999"])
def test_what_means_nobody_is_refused(who):
    with pytest.raises(ConfigError, match="expected auto, off"):
        PersonSettings(who)


def test_a_person_is_typed_as_simply_as_a_video():
    config, plain = load_config(["person=612,340", "person.time=2.0"])
    assert config.person == PersonSettings("612,340", 2.0)
    assert plain["person"] == {"who": "612,340", "time": 2.0}
    assert load_config([])[0].person.who == "auto"


def test_a_sweep_takes_numbers_one_by_one_and_a_point_as_one():
    assert grid(["model=mlkit", "person=1,2"]) == [
        ["model=mlkit", "person=1"], ["model=mlkit", "person=2"]
    ]  # fmt: skip
    assert grid(["person=612,340"]) == [["person=612,340"]]
    assert grid(["person=left,right"]) == [["person=left"], ["person=right"]]
    assert grid(["model=mlkit"]) == [["model=mlkit"]]


def test_whom_one_follows_decides_the_keypoints():
    """But not where nobody watches: those results are what they were before there was a choice."""

    def known(*typed):
        plain = load_config(typed)[1]
        return keypoints_of(plain, Content("sha", (0, 0), None), "weights", "runtime")

    left, right, off = (known(f"person={who}") for who in ("left", "right", "off"))
    assert len({left, right, off, known("person=auto")}) == 4
    assert off == known("person=off", "person.time=3")
    assert known() == known("person=auto")


def test_the_table_of_people_has_a_row_for_each_time_that_somebody_was_seen(crowd):
    table = crowd.table(2)
    assert list(table["person"]) == [1, 1, 2, 2, 3, 4]
    assert set(table.query("followed")["person"]) == {2}
    assert list(table.query("person == 4")["time"]) == [2.0]
    assert list(table.query("person == 3")["seen"]) == [0.5]


def test_the_picture_shows_who_is_followed_in_colour(crowd):
    image = people_picture(crowd, 1)
    assert image.shape == (720, 1800, 3)
    other = people_picture(crowd, 2)
    assert (image != other).any() and (people_picture(crowd, None) != image).any()


def test_a_change_is_where_a_loss_ends_and_where_doubt_begins():
    states = ["seen", "doubtful", "doubtful", "seen", "lost", "lost", "found again", "seen"]
    box = np.array((1.0, 2.0, 3.0, 4.0))
    track = [Seen(n, n / 10, s, None if s == "lost" else box) for n, s in enumerate(states)]
    table = track_table(track)
    assert changes_of(table) == pytest.approx([0.1, 0.6])
    assert list(table.columns) == ["frame", "time", "state", "left", "top", "right", "bottom"]
    assert table["left"].isna().sum() == 2
    assert changes_of(track_table([])) == []
