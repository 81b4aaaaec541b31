"""Events that somebody sets: which can be, what they are worth, and how marks become a table."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from people import RISE, chair_stands, squats

from posexp.errors import TableError
from posexp.movement.events import EVENTS
from posexp.movement.given import activity_of_events, checked, grouped
from posexp.movement.repetitions import repetitions

NAN = float("nan")


def table(*rows):
    return pd.DataFrame(rows, columns=list(EVENTS))


STAND = (0.5, 1.0, 2.0, 3.0, 4.0)
NEXT = (4.5, 5.0, 6.0, 7.0, 8.0)


def said(events, first=0.0, last=10.0):
    with pytest.raises(TableError) as caught:
        checked(events, first, last)
    return str(caught.value)


@pytest.fixture(scope="module")
def stands():
    poses = chair_stands(starts=(2, 6), stop=10)
    return poses, repetitions(poses)


def test_the_events_that_were_found_give_what_was_found(stands):
    poses, found = stands
    again = repetitions(poses, events=found.table)
    ours = [name for name in found.table if not name.endswith("_bootstrap_sd")]
    for name in ours:
        assert np.allclose(again.table[name], found.table[name], rtol=0.01, equal_nan=True), name
    assert again.figures["rise_s"] == found.figures["rise_s"]
    assert again.sentence == found.sentence
    assert again.activity == "sit_to_stand"


def test_squats_are_told_by_the_order_of_their_events():
    poses = squats(starts=(2, 5), stop=8)
    found = repetitions(poses)
    assert found.activity == "squat"
    again = repetitions(poses, "sit_to_stand", events=found.table)
    assert again.activity == "squat" and again.sentence == found.sentence


def test_what_follows_from_events_follows_from_those_that_are_given(stands):
    poses, found = stands
    events = found.table[list(EVENTS)].copy()
    events.loc[0, "standing"] += 0.4
    events.loc[1, ["lean_start", "sit_start", "seated"]] = NAN
    again = repetitions(poses, events=events)
    assert list(again.table["rise_s"]) == pytest.approx(
        [found.table["rise_s"][0] + 0.4, found.table["rise_s"][1]]
    )
    for name in ("descent_s", "flexion_s"):
        assert np.isfinite(again.table[name][0]) and np.isnan(again.table[name][1])
    # Of times that somebody has set nothing says how sure they are; of what is measured it does.
    for name in ("lean_start", "rise_start", "standing", "rise_s", "descent_s"):
        assert again.table[f"{name}_bootstrap_sd"].isna().all(), name
    assert (again.table["peak_lean_deg_bootstrap_sd"] > 0).all()
    assert "rise_s_bootstrap_sd" not in again.figures
    assert again.figures["peak_lean_deg_bootstrap_sd"] > 0
    assert "the events are as somebody has set them" in again.notes


def test_a_repetition_can_be_added_and_all_can_be_removed(stands):
    poses, found = stands
    one = found.table.iloc[[1]]
    again = repetitions(poses, events=one)
    assert len(again.table) == 1 and again.figures["repetitions"] == 1
    assert again.table["repetition"].tolist() == [1]
    none = repetitions(poses, events=one.iloc[:0])
    assert none.table.empty and none.figures == {"repetitions": 0}
    assert "all were removed" in none.notes


def test_a_rise_where_nothing_is_seen_has_times_and_no_heights(stands):
    poses, _ = stands
    image, confidence = poses.image.copy(), poses.confidence.copy()
    image[poses.time < 5], confidence[poses.time < 5] = NAN, 0
    poses = replace(poses, image=image, confidence=confidence)
    found = repetitions(poses, events=table((NAN, 2, 2 + RISE, NAN, NAN)))
    row = found.table.iloc[0]
    assert row["rise_s"] == pytest.approx(RISE)
    assert (
        found.table[["rise_px", "peak_rise_velocity_px_s", "peak_lean_deg"]].isna().all(axis=None)
    )


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (table(STAND).drop(columns="seated"), "events: expected the columns lean_start, "
         "rise_start, standing, sit_start, seated; missing: seated"),
        (table((0.5, 1.0, NAN, 3.0, 4.0)), "repetition 1: expected a time for standing, got none"),
        (table((0.5, 2.5, 2.0, 3.0, 4.0)),
         "repetition 1: expected rise_start before standing, got 2.50 and 2.00 s"),
        (table((0.5, 2.0, 2.0, 3.0, 4.0)), "expected rise_start before standing"),
        (table((1.5, 1.0, 2.0, 3.0, 4.0)), "expected lean_start before rise_start"),
        (table((0.5, 1.0, 2.0, 4.5, 4.0)), "expected sit_start before seated"),
        (table((0.5, 1.0, 2.0, 1.5, 4.0)), "expected standing before sit_start"),
        (table((0.5, 1.0, 12.0, NAN, NAN)),
         "repetition 1: expected standing in the clip, 0.00 to 10.00 s, got 12.00 s"),
        (table((-0.5, 1.0, 2.0, NAN, NAN)), "expected lean_start in the clip"),
        (table(STAND, (3.5, 3.6, 6.0, NAN, NAN)), "repetition 2 overlaps the one before: it begins "
         "at 3.50 s, that one ends at 4.00 s"),
        (table((NAN, 1.0, 5.0, NAN, NAN), (NAN, 3.0, 6.0, NAN, NAN)), "repetition 2 overlaps"),
        (table((0.5, 3.0, 4.0, 1.0, 2.0)), "a squat goes down first and has no lean_start"),
        (table(("soon", 1.0, 2.0, 3.0, 4.0)), "expected times in s, got"),
    ],
)  # fmt: skip
def test_events_that_cannot_be(events, message):
    assert message in said(events)


def test_events_come_in_any_order_of_rows_and_columns():
    shuffled = table(NEXT, STAND)[["seated", "standing", "lean_start", "sit_start", "rise_start"]]
    assert checked(shuffled.assign(note="x"), 0, 10).equals(table(STAND, NEXT))
    assert activity_of_events(table((NAN, 1, 2, NAN, NAN))) is None


steps = st.lists(st.floats(0.2, 3.0), min_size=5, max_size=40).map(lambda gaps: np.cumsum(gaps))
unknown = st.sets(st.sampled_from(("lean_start", "sit_start", "seated")))


@settings(deadline=None)
@given(steps, unknown, st.booleans(), st.randoms())
def test_marks_on_a_time_axis_become_the_table_again(times, left_out, squat, random):
    order = ("sit_start", "seated", "rise_start", "standing") if squat else EVENTS
    rows = []
    for first in range(0, len(times) - len(order) + 1, len(order)):
        row = dict(zip(order, times[first:], strict=False))
        rows.append({name: NAN if name in left_out else row.get(name, NAN) for name in EVENTS})
    events = pd.DataFrame(rows, columns=list(EVENTS))
    marks = [(name, row[name]) for row in rows for name in EVENTS if np.isfinite(row[name])]
    random.shuffle(marks)
    assert grouped(marks, squat).equals(events)
    assert checked(events, 0, float(times[-1])).equals(events)


@settings(deadline=None)
@given(st.permutations(EVENTS))
def test_of_all_orders_one_is_a_chair_stand_and_one_a_squat(order):
    row = dict(zip(order, STAND, strict=True))
    squat = [name for name in order if name != "lean_start"]
    if tuple(order) == EVENTS:
        assert len(checked(pd.DataFrame([row]), 0, 10)) == 1
    else:
        assert "repetition 1" in said(pd.DataFrame([row]))
    if squat == ["sit_start", "seated", "rise_start", "standing"]:
        assert len(checked(pd.DataFrame([{**row, "lean_start": NAN}]), 0, 10)) == 1


def test_marks_that_belong_nowhere():
    with pytest.raises(TableError, match=r"the standing at 1\.00 s belongs to no rise"):
        grouped([("standing", 1.0), ("rise_start", 2.0)])
    with pytest.raises(TableError, match=r"repetition 1 has two of seated, at 4\.00 and 5\.00 s"):
        grouped([("rise_start", 1.0), ("standing", 2.0), ("seated", 4.0), ("seated", 5.0)])


def test_what_is_found_beside_each_other_may_overlap_by_a_tenth_of_a_second():
    close = table((0.5, 1.0, 2.0, 1.95, 4.05), (3.7, 4.0, 6.0, NAN, NAN))
    assert checked(close, 0, 10).equals(close)
    marks = [(n, v) for row in close.to_dict("records") for n, v in row.items() if np.isfinite(v)]
    assert grouped(marks).equals(close)
