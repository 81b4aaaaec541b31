"""How MLflow's UI shows our experiments."""

import json
import shutil
from urllib.parse import parse_qs, urlsplit

import pytest

from posexp.settings import TrackingSettings
from posexp.store.archive import Archive
from posexp.store.mlflow import Store
from posexp.store.record import RunRecord
from posexp.store.run import Run
from posexp.store.views import sweep_query

SHARED = "mlflow.sharedViewState."


@pytest.fixture
def store(empty_store, tmp_path) -> Store:
    shutil.copytree(empty_store, tmp_path / "mlruns")
    return Archive(TrackingSettings(folder=str(tmp_path / "mlruns"))).open()


def view(store: Store, address: str) -> dict:
    """The view that an address opens, as the UI looks it up."""
    query = parse_qs(urlsplit(urlsplit(address).fragment or address).query)
    assert query["workflowType"] == ["machine_learning"]
    known = store.client.get_experiment_by_name("posexp").tags
    return json.loads(known[SHARED + query["viewStateShareKey"][0]])


def test_the_table_of_runs_is_sorted_by_video_and_shows_results(store):
    shown = view(store, store.page("posexp", 5000))
    assert shown["orderByKey"] == "tags.`video`" and shown["orderByAsc"]
    assert {"metrics.`tracking/tracked_share`", "metrics.`error/mean_px`",
            "metrics.`jitter/residual_torso`", "metrics.`movement/repetitions`",
            "tags.`video.warnings`"} <= {*shown["selectedColumns"]}  # fmt: skip


@pytest.mark.parametrize("name", ["pilot", 'Anna\'s "study"', "x" * 500, "å"])
def test_a_sweeps_charts_begin_with_error_and_leave_confidence_out(store, name):
    store.prepare("posexp", name)
    shown = view(store, f"#/experiments/1/runs?{sweep_query(name)}")
    charts = [chart["metricKey"] for chart in shown["compareRunCharts"] if not chart["deleted"]]
    assert charts[0] == "error/mean_px" and "jitter/residual_torso" in charts
    assert not any(name.startswith("confidence") for name in charts)
    made = RunRecord("r", "posexp", {}, {"video": "a.mp4", "posexp.sweep": name},
                     {"name": "a.mp4", "digest": "0", "source": "a.mp4"})  # fmt: skip
    store.start(made)
    found = store.client.search_runs(["1"], shown["searchFilter"])
    assert [run.info.run_id for run in found] == [made.run_id]


def test_an_experiment_of_an_older_version_gets_its_views(store):
    store.client.create_experiment("posexp")
    store.prepare("posexp")
    assert view(store, store.page("posexp", 5000))


def test_the_address_that_a_run_prints_opens_the_view(store, tmp_path):
    made = RunRecord("r", "posexp", {}, {"video": "a.mp4"},
                     {"name": "a.mp4", "digest": "0", "source": "a.mp4"})  # fmt: skip
    store.start(made)
    run: Run = store.finish(made, tmp_path)
    assert view(store, run.table_page) == view(store, store.page("posexp", 5000))
