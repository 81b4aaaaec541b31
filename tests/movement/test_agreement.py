"""Runs that agree and runs that do not."""

import numpy as np
import pandas as pd
import pytest
from people import chair_stands, without

from posexp.movement.agreement import agreement, icc, matched, reliability
from posexp.movement.repetitions import repetitions


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    whole = chair_stands()
    rows = np.flatnonzero((whole.time > 9) & (whole.time < 13))
    later = chair_stands(starts=(2.1, 6.1, 10.1, 14.1, 18.1), noise=0.2)
    return {
        "one": repetitions(whole).table,
        "blind": repetitions(without(whole, rows=rows)).table,
        "later": repetitions(later).table,
    }


def test_repetitions_are_matched_by_when_they_are(tables):
    table = matched(tables)
    pair = table[(table["first"] == "one") & (table["second"] == "blind")]
    assert pair["repetition_first"].tolist() == [1, 2, 3, 4, 5]
    assert pair["repetition_second"].iloc[[0, 1, 3, 4]].tolist() == [1, 2, 3, 4]
    assert np.isnan(pair["repetition_second"].iloc[2])
    assert pair["rise_start"].iloc[0] == pytest.approx(0, abs=0.02)
    other = table[(table["first"] == "blind") & (table["second"] == "later")]
    assert other["repetition_second"].tolist()[-1] == 3  # which the first has not
    assert np.isnan(other["repetition_first"].iloc[-1])


def test_bias_and_limits_are_those_of_the_differences(tables):
    table = agreement(tables).set_index(["first", "second", "quantity"])
    row = table.loc[("one", "later", "rise_start")]
    differences = tables["one"]["rise_start"] - tables["later"]["rise_start"]
    assert (row["matched"], row["only_first"], row["only_second"]) == (5, 0, 0)
    assert row["bias"] == pytest.approx(differences.mean()) == pytest.approx(-0.1, abs=0.03)
    assert row["upper"] - row["lower"] == pytest.approx(2 * 1.96 * differences.std())
    assert table.loc[("one", "blind", "rise_s"), "only_first"] == 1


def test_without_repetitions_there_is_nothing_to_agree_on(tables):
    assert agreement({"one": tables["one"], "none": tables["one"].iloc[:0]}).empty
    assert agreement({}).empty


def test_icc_is_that_of_shrout_and_fleiss():
    """Their table 2, and what they print for it in table 4."""
    table = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    assert icc(table) == pytest.approx(0.29, abs=0.005)
    assert icc([[1, 1], [2, 2], [5, 5]]) == 1


def test_reliability_wants_enough_clips():
    clips = [{"a": {"rise_s": 0.7 + 0.1 * i}, "b": {"rise_s": 0.72 + 0.1 * i}} for i in range(6)]
    table = reliability(clips)
    assert table[["quantity", "clips", "runs"]].to_numpy().tolist() == [["rise_s", 6, 2]]
    assert 0.98 < table["icc"].iloc[0] < 1
    assert reliability(clips[:4]).empty
    assert reliability([]).empty
