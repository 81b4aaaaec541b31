"""``%load_ext posexp`` in a real IPython."""

import pytest
from clips import make_clip
from IPython.testing.globalipapp import start_ipython

from posexp.video.embedded import embedded_clip


@pytest.fixture(scope="module")
def shell():
    ipython = start_ipython()
    ipython.run_line_magic("load_ext", "posexp")
    return ipython


def test_the_magic_runs_and_returns_the_run(shell, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shell.user_ns["clip"] = str(embedded_clip())
    shell.run_cell("run = %posexp model=mlkit video='{clip}' video.stop=0.2 overlay=none")
    run = shell.user_ns["run"]
    assert run.status == "FINISHED" and run.metrics["tracking/frames"] == 10
    assert run.tags["video"] == str(embedded_clip())
    assert "W0000" not in capsys.readouterr().err


def test_the_magic_runs_a_sweep(shell, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    make_clip(tmp_path / "clip.mp4", frames=3)
    shell.run_cell("sweep = %posexp -m video=clip.mp4 overlay=none video.stop=0.05,1")
    table = shell.user_ns["sweep"].table
    assert table["status"].tolist() == ["finished"] * 2 and sorted(table["frames"]) == [2, 3]
    assert table["video.stop"].tolist() == ["0.05", "1"]
    assert "W0000" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "fragment"),
    [
        ("video=nowhere.mp4", "posexp: "),
        ("modle=mlkit", "Did you mean model?"),
        ("video='open", "cannot read this line"),
    ],
)
def test_errors_are_one_line(shell, line, fragment, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    result = shell.run_cell(f"found = %posexp {line}")
    out, err = capsys.readouterr()
    assert result.success and shell.user_ns["found"] is None
    assert len(err.strip().splitlines()) == 1 and fragment in err
    assert "Traceback" not in out + err


def test_help_is_helpful(shell, capsys):
    shell.run_cell("%posexp?")
    out = capsys.readouterr().out
    assert "%posexp model=lightning" in out and "video={path}" in out


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%posexp mod", "model="),
        ("%posexp model=li", "lightning"),
        ("%posexp overlay=n", "none"),
        ("%posexp video=a.mp4 model.mode=s", "single_image"),
        ("%posexp track", "tracking.folder="),
    ],
)
def test_completion(shell, line, expected):
    found = [completion.text for completion in shell.Completer.completions(line, len(line))]
    assert expected in found


def test_figures_are_shown(shell):
    from matplotlib.figure import Figure

    show = shell.display_formatter.formatters["image/png"]
    show.enabled = True  # as in a notebook
    figure = Figure(figsize=(1, 1))
    figure.subplots()
    assert show(figure)[:4] == b"\x89PNG"
