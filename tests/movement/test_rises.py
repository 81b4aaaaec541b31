"""Rises in heights whose rises are known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from posexp.errors import TableError
from posexp.movement.rises import find_rises

SHARED = Path(__file__).resolve().parents[3] / "shared" / "clips"
LENGTH = 1.2  # s of one movement of `chair_stands`


def minimum_jerk(share):
    share = np.clip(share, 0, 1)
    return share**3 * (10 - 15 * share + 6 * share**2)


def chair_stands(rate=50.0, count=5, first=1.0, every=4.0, until=None):
    """Heights 0 to 1: `count` rises of `LENGTH` s at `first`, and back down after 2 s."""
    time = np.arange(0, until or first + count * every, 1 / rate)
    height = np.zeros_like(time)
    for up in first + every * np.arange(count):
        height += minimum_jerk((time - up) / LENGTH) - minimum_jerk((time - up - 2) / LENGTH)
    return time, height


def tenth():
    """S from the start of a minimum jerk to a tenth of its peak velocity."""
    share = np.linspace(0, 0.5, 100_001)
    velocity = 30 * share**2 * (1 - share) ** 2 / 1.875
    return LENGTH * float(share[np.searchsorted(velocity, 0.1)])


@pytest.mark.parametrize("rate", [25, 29.97, 60, 120, 240])
@pytest.mark.parametrize("unit", [0.4, 400, 4e5])
def test_all_of_them_are_found_where_they_are_at_any_rate_and_in_any_unit(rate, unit):
    time, height = chair_stands(rate)
    found = find_rises(time, unit * height)
    assert len(found) == 5
    assert found.attrs["notes"] == []
    up = 1 + 4 * np.arange(5)
    assert np.abs(found["start"] - (up + tenth())).max() < 0.015
    assert np.abs(found["end"] - (up + LENGTH - tenth())).max() < 0.015
    assert found["rise"].to_numpy() == pytest.approx(unit, rel=0.03)
    assert found["peak_velocity"].to_numpy() == pytest.approx(unit * 1.875 / LENGTH, rel=0.02)


@pytest.mark.parametrize("rate", [12, 25, 60, 240])
def test_noise_and_drift_hide_none_and_make_none(rate):
    time, height = chair_stands(rate)
    random = np.random.default_rng(1)
    shaken = height + 0.02 * random.standard_normal(len(time)) + 0.02 * time
    found = find_rises(time, shaken)
    assert len(found) == 5
    assert np.abs(found["start"] - (1 + 4 * np.arange(5) + tenth())).max() < 0.15


def test_times_need_not_be_even():
    time, height = chair_stands(50)
    keep = np.random.default_rng(2).random(len(time)) > 0.3
    even, found = find_rises(time, height), find_rises(time[keep], height[keep])
    assert found["start"].to_numpy() == pytest.approx(even["start"].to_numpy(), abs=0.01)


def test_a_short_gap_is_bridged_and_a_long_one_cuts():
    time, height = chair_stands(50)
    whole = find_rises(time, height)
    height[(time > 1.5) & (time < 1.68)] = np.nan
    bridged = find_rises(time, height)
    assert bridged["end"].to_numpy() == pytest.approx(whole["end"].to_numpy(), abs=0.05)
    height[(time > 5.2) & (time < 5.6)] = np.nan
    cut = find_rises(time, height)
    assert len(cut) == 4
    assert not ((cut["start"] > 4) & (cut["start"] < 6)).any()


def test_a_jump_where_one_is_found_again_hides_no_rise():
    time = np.arange(0, 8, 0.02)
    height = 30 * np.clip((time - 1.0) / 1.2, 0, 1)
    before = find_rises(time, height)
    height[(time > 4) & (time < 5)] = np.nan
    height[np.flatnonzero(time >= 5)[:3]] -= 25 * np.array([1, 0.7, 0.3])  # a model settles
    after = find_rises(time, height)
    assert len(before) == len(after) == 1
    assert after["start"].iloc[0] == pytest.approx(before["start"].iloc[0], abs=0.01)


def test_with_half_of_it_missing_the_other_half_is_told():
    time, height = chair_stands(50)
    height[time > 10.5] = np.nan
    assert len(find_rises(time, height)) == 3
    height[:] = np.nan
    assert find_rises(time, height).empty


@pytest.mark.parametrize(("begin", "stop", "word"), [(1.5, 14.5, "begins"), (0.2, 13.6, "ends")])
def test_half_a_rise_at_either_end_is_not_counted_and_that_is_said(begin, stop, word):
    time, height = chair_stands(50)
    rows = (time >= begin) & (time <= stop)
    found = find_rises(time[rows], height[rows])
    assert len(found) == 3
    (note,) = found.attrs["notes"]
    assert f"not counted: the recording {word} in it" in note


def test_nothing_that_moves_has_no_rise():
    time = np.arange(0, 10, 0.02)
    assert find_rises(time, np.full_like(time, 3.0)).empty
    assert list(find_rises([], []).columns) == ["start", "end", "peak_velocity", "rise"]
    shaking = np.random.default_rng(3).standard_normal(len(time))
    assert find_rises(time, shaking).empty


def test_one_that_slows_down_on_the_way_is_one():
    time = np.arange(0, 6, 0.02)
    height = 0.5 * minimum_jerk((time - 1) / 1.0) + 0.5 * minimum_jerk((time - 1.9) / 1.0)
    height += 0.2 * minimum_jerk((time - 1) / 1.9)
    assert len(find_rises(time, height)) == 1


def test_small_ones_are_fidgets():
    time, height = chair_stands(50, count=2)
    found = find_rises(time, height + 0.25 * minimum_jerk((time - 7.5) / 0.4))
    assert len(found) == 2


def test_heights_that_fit_no_times_are_refused():
    with pytest.raises(TableError, match="a height for each time"):
        find_rises([0, 1], [0])
    with pytest.raises(TableError, match="increase"):
        find_rises([0, 1, 1], [0, 1, 2])
    with pytest.raises(TableError, match="expected numbers"):
        find_rises([0, 1], ["low", "high"])
    time, height = chair_stands(50, count=2)
    with pytest.raises(TableError, match=r"got one in 20 s; are the times in s\?"):
        find_rises(1000 * time, height)  # ms


@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/clips")
def test_markers_of_five_squats_give_the_times_that_were_read_from_them():
    markers = pd.read_csv(SHARED / "squat.markers.csv")
    found = find_rises(markers["time"], markers["mid_hip_y"])
    known = pd.read_csv(SHARED / "squat.rises.csv")
    assert np.abs(found[["start", "end"]].to_numpy() - known.to_numpy()).max() < 0.02
