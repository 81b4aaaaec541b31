"""Filters against sines, whose answer is known."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posexp.movement.filters import fill_gaps, low_pass, outliers
from posexp.movement.signals import stretches


def gain_and_lag(time, values, hz):
    """Of a sine of 1 that was filtered: what is left of it, and the phase, degrees."""
    inside = (time > time[0] + 1) & (time < time[-1] - 1)
    waves = np.stack([np.sin(2 * np.pi * hz * time), np.cos(2 * np.pi * hz * time)], axis=1)
    sine, cosine = np.linalg.lstsq(waves[inside], values[inside], rcond=None)[0]
    return float(np.hypot(sine, cosine)), float(np.rad2deg(np.arctan2(cosine, sine)))


@pytest.mark.parametrize("rate", [30, 50, 60, 100, 240])
@pytest.mark.parametrize(("hz", "left", "within"), [(1, 1.0, 0.002), (6, 2**-0.5, 0.01)])
def test_six_hz_come_out_at_three_db_and_one_hz_as_it_went_in(rate, hz, left, within):
    time = np.arange(0, 12, 1 / rate)
    gain, lag = gain_and_lag(time, low_pass(time, np.sin(2 * np.pi * hz * time)), hz)
    assert gain == pytest.approx(left, abs=within)
    assert abs(lag) < 0.1


def test_times_that_are_not_even_are_the_true_ones():
    random = np.random.default_rng(1)
    time = np.arange(0, 12, 0.02) + random.uniform(-0.004, 0.004, 600)
    for hz, left in ((1, 1.0), (6, 2**-0.5)):
        gain, lag = gain_and_lag(time, low_pass(time, np.sin(2 * np.pi * hz * time)), hz)
        assert gain == pytest.approx(left, abs=0.01)
        assert abs(lag) < 0.5


def test_what_a_slow_camera_can_show_is_kept():
    time = np.arange(0, 12, 1 / 12)
    gain, lag = gain_and_lag(time, low_pass(time, np.sin(2 * np.pi * time)), 1)
    assert gain == pytest.approx(1, abs=0.002)
    assert abs(lag) < 0.1


@pytest.mark.parametrize("rate", [25, 50, 240])
def test_a_gap_of_a_fifth_of_a_second_is_filled_wherever_it_is(rate):
    time = np.arange(0, 6, 1 / rate)
    sine = np.sin(2 * np.pi * time)
    for begin in np.arange(2, 3, 0.05):
        known = sine.copy()
        lost = (time > begin) & (time < begin + 0.2 - 1 / rate)
        known[lost] = np.nan
        filled = fill_gaps(time, known)
        assert np.abs(filled - sine).max() < 0.02
        assert np.array_equal(filled[~lost], sine[~lost])


def test_longer_gaps_and_the_ends_stay_open_and_stop_the_filter():
    time = np.arange(0, 4, 0.02)
    values = np.where(time < 2, 0.0, 100.0)
    values[(time > 1.8) & (time < 2.2)] = np.nan
    values[:5] = np.nan
    assert np.array_equal(np.isnan(fill_gaps(time, values)), np.isnan(values))
    smooth = low_pass(time, values)
    assert np.array_equal(np.isnan(smooth), np.isnan(values))
    assert np.nanmax(np.abs(smooth - values)) < 1e-9  # nothing of the step comes across


@pytest.mark.parametrize("frames", [0, 1, 2, 3, 4, 7])
def test_few_frames_are_no_error(frames):
    time = np.arange(frames) / 25
    values = np.arange(frames, dtype=float)[:, None]
    for answer in (low_pass(time, values), fill_gaps(time, values)):
        assert answer == pytest.approx(values, abs=0.5)
    assert not outliers(time, values, 0.3, 4.0).any()


def test_a_spike_stands_out_and_a_movement_does_not():
    random = np.random.default_rng(2)
    time = np.arange(0, 8, 0.02)
    path = 100 * np.sin(2 * np.pi * 0.2 * time)
    values = (path + random.normal(0, 1, time.size))[:, None]
    values[[100, 101, 250], 0] += 40
    found = np.flatnonzero(outliers(time, values, 0.3, 4.0, least=1.0)[:, 0])
    assert set(found) >= {100, 101, 250}
    assert len(found) <= 5
    assert not outliers(time, path[:, None], 0.3, 4.0, least=3.0).any()


@settings(deadline=None, max_examples=60)
@given(
    steps=st.lists(st.floats(0.004, 0.2), min_size=2, max_size=60),
    lost=st.lists(st.booleans(), min_size=61, max_size=61),
    level=st.floats(-1e4, 1e4),
)
def test_what_stands_still_stays_where_it_is_and_gaps_stay_gaps(steps, lost, level):
    time = np.concatenate([[0.0], np.cumsum(steps)])
    values = np.where(lost[: len(time)], np.nan, level)
    smooth = low_pass(time, values)
    assert np.array_equal(np.isnan(smooth), np.isnan(values))
    assert np.nan_to_num(smooth) == pytest.approx(np.nan_to_num(values), abs=1e-6)


@pytest.mark.parametrize("gaps", [[1e-9] * 60, [1e-9, 1e-9, 0.15] * 20])
def test_frames_a_nanosecond_apart_cost_no_more_than_others(gaps):
    """Damaged headers say so; a window in frames, or a grid at their rate, would be millions."""
    time = np.concatenate([[0.0], np.cumsum(gaps)])
    values = np.sin(np.arange(len(time)))[:, None]
    tracemalloc.start()
    assert np.isfinite(low_pass(time, values)).all()
    assert not outliers(time, values, 0.3, 4.0).any()
    assert all(np.isfinite(part.value).all() for part in stretches(time, values[:, 0]))
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
