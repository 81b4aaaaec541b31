"""Where the seconds went: they add up, and a run says their names."""

import re
import threading
import time

import pytest
from clips import make_clip
from conftest import posexp_command

from posexp.spans import REST, awaited, beside, recorded, span, told


def test_every_second_belongs_to_the_innermost_span():
    began = time.perf_counter()
    with recorded() as spans:
        with span("outer"):
            time.sleep(0.02)
            with span("inner"):
                time.sleep(0.03)
            with span("inner"):
                pass
        spans.lines()
    passed = time.perf_counter() - began
    assert set(spans.seconds) == {"outer", "inner", REST}
    assert spans.seconds["outer"] >= 0.02 and spans.seconds["inner"] >= 0.03
    assert 0.05 <= sum(spans.seconds.values()) <= passed


def test_a_span_that_fails_is_closed():
    with recorded() as spans:
        with pytest.raises(ValueError), span("a"):
            raise ValueError
        with span("b"):
            time.sleep(0.01)
        assert spans.seconds["a"] < 0.01 <= spans.seconds["b"]


def test_what_is_awaited_is_counted_until_it_is_there():
    def items():
        for number in range(3):
            time.sleep(0.01)
            yield number

    with recorded() as spans:
        assert list(awaited("items", items())) == [0, 1, 2]
    assert spans.seconds["items"] >= 0.03


def test_other_threads_are_told_beside_and_are_no_part_of_the_sum():
    def work() -> str:
        with span("in a thread"):
            time.sleep(0.01)
        return "done"

    found = []
    with recorded() as spans:
        timed = beside("work", work)
        thread = threading.Thread(target=lambda: found.append(timed()))
        thread.start()
        thread.join()
        shown = told()
    assert found == ["done"] and "in a thread" not in spans.seconds
    assert spans.beside["work"] >= 0.01
    assert shown.splitlines()[-1].split() == ["beside:", "work", f"{spans.beside['work']:.2f}", "s"]


def test_nothing_is_recorded_where_nobody_asked():
    with span("a"):
        assert told() == ""
    assert beside("work", lambda: 1)() == 1


def test_a_run_says_where_its_seconds_went(tmp_path):
    make_clip(tmp_path / "clip.mp4", frames=12)
    began = time.perf_counter()
    done = posexp_command("video=clip.mp4", "-v", cwd=tmp_path)
    passed = time.perf_counter() - began
    assert done.returncode == 0, done.stderr
    seconds = {
        name: float(number)
        for name, number in re.findall(
            r"^  (\S.*?) +([\d.]+) s$", done.stdout.partition("\nSeconds\n")[2], re.M
        )
    }
    for name in (
        "start: imports", "start: video", "start: model", "extraction: wait for decoder",
        "extraction: inference", "extraction: wait for overlay", "writing tables",
        "writing figures", "writing pictures", "logging to MLflow",
    ):  # fmt: skip
        assert name in seconds
    others = {n: s for n, s in seconds.items() if n != "in all" and not n.startswith("beside")}
    assert sum(others.values()) == pytest.approx(seconds["in all"], abs=0.005 * len(seconds))
    assert seconds["in all"] <= passed
    assert seconds[REST] <= 0.25 * seconds["in all"]
    assert seconds["beside: MLflow and the run in it"] > 0
    plain = posexp_command("video=clip.mp4", "overlay=none", cwd=tmp_path)
    assert "Seconds" not in plain.stdout
