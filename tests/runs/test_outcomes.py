"""A table of what was done in many runs."""

import numpy as np

from posexp.runs.outcomes import FIGURES, outcomes
from posexp.store.run import Run


def logged(number: int, tags: dict[str, str], **figures: float) -> Run:
    metrics = {f"movement/{name}": value for name, value in figures.items()}
    return Run(
        f"{number}" * 32, "run", "FINISHED", {"model": "thunder"}, {"video": "a.mp4", **tags},
        metrics, "", "1", "",
    )  # fmt: skip


def test_a_row_for_each_run_with_what_it_knows():
    stands = logged(
        1, {"movement": "5 stands", "movement.view": "off"}, repetitions=5, rise_s=0.8,
        rise_s_bootstrap_sd=0.02, view_yaw_deg=40,
    )  # fmt: skip
    table = outcomes([stands, logged(2, {})])
    assert list(table["run"]) == [stands.id, "2" * 32]
    first, second = table.to_dict("records")
    assert (first["rise_s"], first["rise_s_bootstrap_sd"], first["view"]) == (0.8, 0.02, "off")
    assert first["movement"] == "5 stands" and np.isnan(first["five_times_standing_s"])
    assert second["movement"] == second["view"] == ""
    assert all(np.isnan(second[name]) for name in FIGURES)


def test_no_run_is_an_empty_table_with_the_same_columns():
    assert list(outcomes([])) == list(outcomes([logged(1, {})])) and outcomes([]).empty
