"""A constant rate: even frames are not touched, others lie on lines, and nothing is invented."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posexp.errors import TableError
from posexp.exports.even import Even


@given(
    st.integers(2, 200), st.floats(5, 240), st.floats(0, 100), st.sampled_from([None, 3, 6]),
)  # fmt: skip
def test_even_frames_stay_as_they_are_whatever_a_container_rounds(frames, fps, start, digits):
    time = start + np.arange(frames) / fps
    if digits is not None:
        time = np.round(time, digits)
    even = Even.of(time)
    values = np.random.default_rng(1).normal(size=(frames, 3))
    assert not even.resampled and even.sample(values) is values and even.remarks == []
    assert even.rate == pytest.approx(fps, rel=0.05 if frames < 20 else 0.01)


def test_dropped_frames_are_put_back_on_a_line():
    time = np.delete(np.arange(100) / 50, [3, 40, 41])
    line = np.stack([3 * time + 1, -time], axis=1)
    even = Even.of(time)
    assert even.rate == pytest.approx(50) and len(even.time) == 100
    assert even.sample(line) == pytest.approx(np.stack([3 * even.time + 1, -even.time], axis=1))
    assert "97 frames are not evenly spaced: resampled to 100 at 50 Hz" in even.remarks[0]


@given(st.lists(st.floats(0.01, 0.06), min_size=3, max_size=60))
def test_uneven_times_of_any_kind(gaps):
    time = np.cumsum(gaps)
    even = Even.of(time)
    assert even.time[0] == time[0] and even.time[-1] == pytest.approx(time[-1])
    assert np.diff(even.time) == pytest.approx(1 / even.rate)
    if even.resampled:
        assert even.sample(2 * time) == pytest.approx(2 * even.time)


def test_what_was_not_seen_is_not_invented():
    time = np.array([0, 0.02, 0.05, 0.06, 0.08, 1.0, 1.02, 1.04])
    values = np.array([0, 1, np.nan, 3, 4, 5, 6, 7.0])
    even = Even.of(time)
    found = even.sample(values)
    at = lambda seconds: found[int(np.argmin(abs(even.time - seconds)))]  # noqa: E731
    assert np.isnan(at(0.04))  # beside a joint that was lost
    assert np.isnan(at(0.5)) and np.isnan(at(0.2))  # nothing was filmed
    assert at(0.08) == pytest.approx(4, abs=0.2) and at(1.04) == pytest.approx(7)


def test_one_frame_has_no_rate():
    even = Even.of(np.array([2.5]))
    assert even.rate == 1 and "no rate" in even.remarks[0]
    assert even.sample(np.array([7.0])).tolist() == [7.0]


def test_frames_that_no_even_rate_can_hold_are_refused():
    time = np.cumsum([0, 1e-9, 1e-9, 1e-9, 5.0])
    with pytest.raises(TableError, match="at an even rate they would be 5"):
        Even.of(time)
