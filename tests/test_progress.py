"""Progress bars: how far it is, and what is done after the last frame."""

import io

import pytest
import tqdm
import tqdm.notebook

from posexp import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_in_a_terminal_says_what_is_done_at_its_end(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(progress, "tqdm", tqdm.tqdm)
    with progress.progress_bar("mlkit: clip.mp4") as report:
        report(1, 2)
        report(2, 2)
        report(2, 2, "writing tables")
        assert "mlkit: clip.mp4: writing tables (2 frames" in terminal.getvalue().split("\r")[-1]
        assert "100%" not in terminal.getvalue().split("\r")[-1]  # it is not done
        report(2, 2, "logging to MLflow")
        assert "tables" not in terminal.getvalue().split("\r")[-1]
    last = terminal.getvalue().split("\r")[-1]
    assert "100%" in last and "MLflow" not in last


def test_a_bar_in_a_notebook_fills_and_says_what_is_done_at_its_end(monkeypatch):
    bars = []

    class Bar(tqdm.notebook.tqdm):
        def __init__(self, **options):
            super().__init__(**options, mininterval=0)  # shown at once
            bars.append(self)

    monkeypatch.setattr(progress, "tqdm", Bar)
    monkeypatch.setattr(progress, "watched", lambda: True)
    with progress.progress_bar("mlkit: clip.mp4") as report:
        _, bar, text = bars[0].container.children
        report(1, 4)
        assert (bar.value, bar.max) == (1, 4)
        report(4, 4)
        report(4, 4, "writing tables")
        assert (bar.value, bar.max) == (4, 4)
        assert "writing tables" in text.value.replace("\u2007", " ")
    assert bar.bar_style == "success" and "writing" not in text.value


@pytest.mark.parametrize("expected", [None, 0])
def test_a_bar_whose_end_is_not_known_counts(monkeypatch, expected):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(progress, "tqdm", tqdm.tqdm)
    with progress.progress_bar("clip.mp4") as report:
        report(7, expected)
        report(7, expected, "writing tables")
        assert "7 frames" in terminal.getvalue().split("\r")[-1]
        assert "writing tables" in terminal.getvalue().split("\r")[-1]


@pytest.mark.parametrize(("done", "estimate"), [(4, False), (60, True)])
def test_the_estimate_needs_time_and_frames(monkeypatch, done, estimate):
    monkeypatch.setattr(progress, "_SOON", -1.0)
    with tqdm.tqdm(total=100, file=io.StringIO()) as bar:
        assert ("remaining" in progress._format(bar, done, 100)) == estimate
        monkeypatch.setattr(progress, "_SOON", 60.0)
        assert "remaining" not in progress._format(bar, done, 100)
