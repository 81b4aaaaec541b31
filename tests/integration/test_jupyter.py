"""The widgets in a real JupyterLab and Chromium, and the notebooks from top to bottom."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from clips import ffmpeg
from conftest import free_port
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Browser, Locator, Page, expect

import posexp
from posexp.settings import TrackingSettings
from posexp.store.archive import Archive
from posexp.video.embedded import embedded_clip
from posexp.video.source import VideoSource

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
WIDTH, HEIGHT, FRAMES = 320, 240, 60
READY = '.posexp-player[data-ready="1"]'
IDLE = '.jp-Notebook-ExecutionIndicator[data-status="idle"]'

# A clip whose frames carry their number in eight squares along the lower border, and poses on it.
SETUP = f"""
import numpy as np, posexp
from pathlib import Path
from dataclasses import replace
from posexp.pose.sequence import PoseSequence
from posexp.pose.skeleton import COCO17

def poses(frames={FRAMES}, shift=0.0, source="numbers.mp4", fps=25):
    x = np.linspace(100, 220, 17)[None] + shift + 20 * np.sin(np.arange(frames) / 9)[:, None]
    y = np.linspace(20, 170, 17)[None] + 0 * x
    return PoseSequence(
        COCO17, np.arange(frames), np.arange(frames) / fps, np.stack([x, y], -1),
        np.ones((frames, 17)), {WIDTH}, {HEIGHT}, source=str(Path(source).resolve()), model="one")
"""


def write_numbers(path: Path) -> None:
    frames = np.full((FRAMES, HEIGHT, WIDTH, 3), 60, np.uint8)
    for number, frame in enumerate(frames):
        for bit in range(8):
            frame[-40:, 40 * bit : 40 * bit + 40] = 255 if number >> bit & 1 else 0
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "12", "g": "250"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        container.mux(stream.encode(None))


class Lab:
    """A running JupyterLab."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    def notebook(self, name: str, *cells: str) -> str:
        """Write a notebook; its address in JupyterLab."""
        book = new_notebook(cells=[new_code_cell(cell) for cell in cells])
        book.metadata["kernelspec"] = {
            "name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python",
        }  # fmt: skip
        nbformat.write(book, self.folder / f"{name}.ipynb")
        return f"{self.url}/lab/tree/{name}.ipynb?reset"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("jupyter å")
    write_numbers(folder / "numbers.mp4")
    settings = folder / ".settings" / "@jupyterlab"
    for plugin, values in (
        ("apputils-extension/notification", {"fetchNews": "false", "checkForUpdates": False}),
        ("docmanager-extension/plugin", {"autosave": False}),
    ):
        file = settings / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    port = free_port()
    environment = {
        **os.environ,
        "JUPYTERLAB_SETTINGS_DIR": str(folder / ".settings"),
        "JUPYTER_RUNTIME_DIR": str(folder / ".runtime"),
        "JUPYTER_CONFIG_DIR": str(folder / ".config"),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}",
         "--allow-root", "--ServerApp.token=", "--ServerApp.password="],
        cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{url}/api", timeout=1)
                break
            except OSError:
                assert process.poll() is None, "JupyterLab ended"
                time.sleep(0.5)
        yield Lab(folder, url)
    finally:
        process.send_signal(signal.SIGINT)
        process.terminate()
        process.wait(20)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test for any error on its console that is ours."""
    context = browser.new_context(viewport={"width": 1400, "height": 1500})
    page = context.new_page()
    page.set_default_timeout(60_000)
    problems: list[str] = []

    def ours(text: str) -> None:
        # A widget's module is loaded from a blob; JupyterLab has errors of its own.
        if "blob:" in text or "posexp" in text:
            problems.append(text)

    page.on("pageerror", lambda error: ours(f"{error.message} {error.stack}"))
    page.on("console", lambda m: ours(f"{m.text} {m.location}") if m.type == "error" else None)
    yield page
    context.close()
    assert problems == []


def run_all(page: Page, url: str, players: int = 1) -> list[Locator]:
    """Open a notebook, run its cells, and wait for its players."""
    with page.expect_websocket(lambda socket: "/channels" in socket.url) as channels:
        page.goto(url)
    channels.value.wait_for_event("framereceived")  # what is sent to a kernel earlier is lost
    page.wait_for_load_state("networkidle")  # widgets run only when their extension is loaded
    page.wait_for_selector(IDLE)
    page.locator(".jp-Cell .cm-content").first.click()
    for _ in range(page.locator(".jp-Cell").count()):
        page.keyboard.press("Shift+Enter")
    return wait_for_players(page, players)


def command(page: Page, menu: str, name: str) -> None:
    """Choose from the menus, as soon as the kernel waits."""
    page.wait_for_selector(IDLE)
    page.locator(".lm-MenuBar-itemLabel", has_text=re.compile(f"^{menu}$")).click()
    page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{name}")).first.click()


def wait_for_players(page: Page, players: int = 1) -> list[Locator]:
    expect(page.locator(READY)).to_have_count(players, timeout=120_000)
    found = page.locator(READY)
    return [found.nth(index) for index in range(players)]


def number_in_picture(player: Locator) -> int:
    """The frame number that the picture itself carries."""
    return int(
        player.locator(".posexp-stage canvas").first.evaluate("""canvas => {
      const g = canvas.getContext('2d'), w = canvas.width / 8, y = canvas.height * (1 - 20 / 240);
      let number = 0;
      for (let bit = 0; bit < 8; bit++)
        if (g.getImageData((bit + .5) * w, y, 1, 1).data[0] > 128) number |= 1 << bit;
      return number; }""")
    )


def shows(player: Locator, frame: int) -> None:
    """The player says this frame, and its picture is that frame."""
    expect(player).to_have_attribute("data-frame", str(frame))
    assert number_in_picture(player) == frame


def test_steps_land_on_the_exact_frame(lab: Lab, page: Page) -> None:
    (player,) = run_all(page, lab.notebook("steps", SETUP, "posexp.RunView(poses())"))
    shows(player, 0)
    player.focus()
    for count, key in enumerate(["ArrowRight"] * 3 + ["Shift+ArrowRight"], start=1):
        page.keyboard.press(key)
        shows(player, count if count < 4 else 13)
    page.keyboard.press("ArrowLeft")
    shows(player, 12)
    page.keyboard.press("End")
    shows(player, FRAMES - 1)
    page.keyboard.press("Home")
    shows(player, 0)
    for frame in (41, 7, 58, 23):
        player.get_by_role("slider", name="Frame").fill(str(frame))
        shows(player, frame)


def test_playing_the_cursor_a_click_and_a_range(lab: Lab, page: Page) -> None:
    (player,) = run_all(page, lab.notebook("play", SETUP, "posexp.RunView(poses())"))
    plot = player.locator(".posexp-plot").first
    begin = float(plot.get_attribute("data-cursor") or 0)
    player.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function("e => +e.dataset.frame > 8", arg=player.element_handle())
    player.get_by_role("button", name="Pause", exact=True).click()
    page.wait_for_timeout(400)
    frame = int(player.get_attribute("data-frame") or -1)
    assert 8 < frame < FRAMES
    shows(player, frame)
    box = plot.bounding_box()
    assert box is not None
    inner = box["width"] - 44 - 8
    cursor = float(plot.get_attribute("data-cursor") or 0)
    assert cursor - begin == pytest.approx(frame / (FRAMES - 1) * inner, abs=1)
    plot.click(position={"x": 44 + inner * 20 / (FRAMES - 1), "y": 40})
    shows(player, 20)
    player.get_by_role("button", name="Begin of the range is here").click()
    player.get_by_role("slider", name="Frame").fill("24")
    shows(player, 24)
    player.get_by_role("button", name="End of the range is here").click()
    expect(player.locator(".posexp-range")).to_have_text("20 to 24")
    player.locator("label", has_text="loop").click()
    player.focus()
    page.keyboard.press("Space")
    for _ in range(6):
        page.wait_for_timeout(200)
        assert 19 <= int(player.get_attribute("data-frame") or -1) <= 25
    page.keyboard.press("Space")


def test_two_players_do_not_disturb_each_other(lab: Lab, page: Page) -> None:
    url = lab.notebook(
        "two", SETUP, "posexp.RunView(poses())", "posexp.RunView(poses(shift=30))",
    )  # fmt: skip
    first, second = run_all(page, url, 2)
    first.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    shows(first, 4)
    shows(second, 0)
    second.get_by_role("slider", name="Frame").fill("30")
    shows(second, 30)
    shows(first, 4)


def test_a_restarted_kernel_runs_again(lab: Lab, page: Page) -> None:
    (player,) = run_all(page, lab.notebook("restart", SETUP, "posexp.RunView(poses())"))
    player.focus()
    page.keyboard.press("ArrowRight")
    shows(player, 1)
    command(page, "Kernel", "Restart Kernel and Run All Cells")
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    page.wait_for_timeout(1500)
    (player,) = wait_for_players(page)
    expect(player).to_have_attribute("data-frame", "0", timeout=60_000)
    player.focus()
    page.keyboard.press("ArrowRight")
    shows(player, 1)


def test_python_hears_of_the_frame_and_can_set_it(lab: Lab, page: Page) -> None:
    url = lab.notebook(
        "hear", SETUP, "view = posexp.RunView(poses())\nview", "view.player.frame = 33"
    )
    (player,) = run_all(page, url)
    shows(player, 33)


def test_a_video_that_has_gone(lab: Lab, page: Page) -> None:
    url = lab.notebook("gone", SETUP, "posexp.RunView(poses(source='nowhere.mp4'))")
    (player,) = run_all(page, url)
    expect(player.locator(".posexp-note")).to_contain_text("not where it was")
    player.focus()
    page.keyboard.press("ArrowRight")
    expect(player).to_have_attribute("data-frame", "1")
    colors = player.locator(".posexp-stage canvas").evaluate("""canvas => {
      const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
      let count = 0;
      for (let i = 0; i < data.length; i += 4) if (data[i + 2] > 150) count++;
      return count; }""")
    assert colors > 100  # the skeleton is there


def test_half_an_hour_of_three_runs_stays_responsive(lab: Lab, page: Page) -> None:
    frames = 30 * 60 * 50
    url = lab.notebook(
        "long", SETUP,
        f"runs = {{n: poses({frames}, s, 'nowhere.mp4', 50) for n, s in zip('abc', (0, 5, 9))}}\n"
        "from posexp.notebook.player import player_of\n"
        "comparison = posexp.compare(runs)\n"
        "player_of(comparison.sequences, None, comparison)",
    )  # fmt: skip
    (player,) = run_all(page, url)
    player.focus()
    for expected in (1, 2, 3):
        page.keyboard.press("ArrowRight")
        expect(player).to_have_attribute("data-frame", str(expected), timeout=2_000)
    player.get_by_role("slider", name="Frame").fill(str(frames // 2))
    expect(player).to_have_attribute("data-frame", str(frames // 2), timeout=2_000)


def test_dark_theme_and_notebook_7(lab: Lab, page: Page) -> None:
    url = lab.notebook("theme", SETUP, "posexp.RunView(poses())")
    theme = lab.folder / ".settings/@jupyterlab/apputils-extension/themes.jupyterlab-settings"
    theme.write_text(json.dumps({"theme": "JupyterLab Dark"}))
    try:
        (player,) = run_all(page, url)
        color = player.evaluate("e => getComputedStyle(e).backgroundColor")
        assert max(map(int, re.findall(r"\d+", color)[:3])) < 80
    finally:
        theme.unlink()
    page.goto(url.replace("/lab/tree/", "/notebooks/").replace("?reset", ""))
    page.wait_for_selector(".jp-Notebook")
    command(page, "Run", "Run All Cells")
    (player,) = wait_for_players(page)
    player.focus()
    page.keyboard.press("ArrowRight")
    shows(player, 1)


def test_runs_are_chosen_added_and_removed(lab: Lab, page: Page) -> None:
    folder = lab.folder
    ffmpeg("-i", embedded_clip(), "-frames:v", "25", folder / "clip.mp4")
    common = [f"video={folder / 'clip.mp4'}", f"tracking.folder={folder / 'mlruns'}",
              "overlay=none"]  # fmt: skip
    posexp.run(common)
    posexp.run([*common, "model.mode=single_image"])
    url = lab.notebook("choose", "import posexp\nposexp.CompareRuns()")
    (player,) = run_all(page, url)
    legend = player.locator(".posexp-legend label")
    expect(legend).to_have_count(2)
    expect(player.locator(".posexp-worst button").first).to_be_visible()
    rows = page.locator(".posexp-runs tbody tr")
    expect(rows).to_have_count(2)
    rows.first.locator("td").nth(1).click()  # this one alone
    expect(page.locator(READY).locator(".posexp-legend label")).to_have_count(1)
    chosen = page.locator(".posexp-chosen")
    number = chosen.get_attribute("data-run")
    for way in ("ascending", "descending"):  # sorted and filtered, it stays what is marked
        page.get_by_role("button", name=re.compile("^date")).click()
        expect(page.locator(f'.posexp-runs th[aria-sort="{way}"]')).to_have_count(1)
        expect(chosen).to_have_attribute("data-run", number or "")
    field = page.get_by_placeholder("words of the name")
    field.fill("nothing tracked>0.5")
    field.press("Enter")
    expect(page.get_by_role("status").filter(has_text="left out: tracked>0.5")).to_be_visible()
    expect(chosen).to_have_attribute("data-run", number or "")
    field.fill("")
    field.press("Enter")
    expect(rows).to_have_count(2)
    page.locator(".posexp-runs tbody tr:not(.posexp-chosen) input").click()
    expect(page.locator(READY).locator(".posexp-legend label")).to_have_count(2)
    player = page.locator(READY).first
    player.locator(".posexp-worst button").nth(1).click()
    expect(player).not_to_have_attribute("data-frame", "0")
    player.locator("label", has_text="side by side").click()
    expect(player.locator(".posexp-stage canvas")).to_have_count(2)


def test_a_person_is_followed_after_a_click_and_a_small_screen_shows_all(
    lab: Lab, page: Page
) -> None:
    """Plots beside the picture, confidence from 0 to 1, bands where the person is lost."""
    folder = lab.folder
    ffmpeg("-i", embedded_clip(), "-frames:v", "25", folder / "person.mp4")
    run = posexp.run([f"video={folder / 'person.mp4'}", f"tracking.folder={folder / 'mlruns'}",
                      "overlay=none", "person=auto"])  # fmt: skip
    track = run.file("person/track.csv")
    table = pd.read_csv(track)
    table.loc[5:9, "state"] = "lost"
    table.to_csv(track, index=False)
    page.set_viewport_size({"width": 1280, "height": 720})
    url = lab.notebook("person", f"import posexp\nposexp.RunView(posexp.load('{run.id}'))")
    (player,) = run_all(page, url)
    player.evaluate("e => e.scrollIntoView({block: 'start'})")
    for part in (".posexp-stage canvas", ".posexp-plot", ".posexp-legend"):
        expect(player.locator(part).last).to_be_in_viewport(ratio=1)
    expect(player.locator(".posexp-band")).to_have_text("person lost")
    confidence = player.locator(".posexp-plot").last
    for name, value in (("data-low", "0"), ("data-high", "1"), ("data-kinds", "lost")):
        expect(confidence).to_have_attribute(name, value)
    player.get_by_role("slider", name="Frame").fill("10")
    expect(player).to_have_attribute("data-frame", "10")
    picture = player.locator(".posexp-stage canvas")
    box = picture.bounding_box()
    assert box is not None
    left, top, right, bottom = table.loc[10, ["left", "top", "right", "bottom"]]
    x, y = (left + right) / 2, (top + bottom) / 2
    size = VideoSource(folder / "person.mp4").info
    picture.click(
        position={"x": x / size.width * box["width"], "y": y / size.height * box["height"]}
    )
    line = player.locator(".posexp-line").text_content() or ""
    found = re.fullmatch(r'"person=(\d+),(\d+)" person.time=([\d.]+)', line)
    assert found, line
    near = size.width / box["width"] + 1  # px of the picture for one of the screen
    assert abs(int(found[1]) - x) <= near and abs(int(found[2]) - y) <= near
    assert float(found[3]) == pytest.approx(table.loc[10, "time"], abs=0.001)
    player.get_by_role("button", name="A new run of this video").click()
    page.get_by_role("button", name="Show the new run").click(timeout=120_000)
    expect(page.locator(READY)).to_have_count(1, timeout=60_000)
    new = Archive(TrackingSettings(folder=str(folder / "mlruns"))).open().run("last")
    assert new.id != run.id and new.params["person.who"] == f"{found[1]},{found[2]}"
    assert new.video_sha256 == run.video_sha256 and new.model == run.model


@pytest.fixture(scope="module")
def stand(lab: Lab) -> posexp.Run:
    """A run of somebody who stands up once and sits down again."""
    ffmpeg("-i", embedded_clip(), "-frames:v", "190", lab.folder / "stand.mp4")
    return posexp.run([f"video={lab.folder / 'stand.mp4'}",
                       f"tracking.folder={lab.folder / 'mlruns'}", "overlay=none"])  # fmt: skip


def dragged(page: Page, what: Locator, x: float, y: float, by: tuple[float, float]) -> None:
    """Take hold at x, y in what is there, px of the screen, and move by some."""
    box = what.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + x, box["y"] + y)
    page.mouse.down()
    page.mouse.move(box["x"] + x + by[0], box["y"] + y + by[1], steps=4)
    page.mouse.up()


def test_events_and_joints_are_edited_undone_and_saved(
    lab: Lab, page: Page, stand: posexp.Run
) -> None:
    """With the mouse and with the keyboard, beside the picture on a small screen."""
    page.set_viewport_size({"width": 1280, "height": 720})
    url = lab.notebook("editing", f"import posexp\nposexp.RunView(posexp.load('{stand.id}'))")
    (player,) = run_all(page, url)
    before = pd.read_csv(stand.file("movement/repetitions.csv"))
    player.get_by_role("button", name="Edit", exact=True).click()
    player.evaluate("e => e.scrollIntoView({block: 'start'})")
    canvas, count = player.locator(".posexp-stage canvas"), player.locator(".posexp-count")
    save = player.get_by_role("button", name="A new run with these changes")
    for part in (canvas, player.locator(".posexp-lanes"), save, player.locator(".posexp-said")):
        expect(part).to_be_in_viewport(ratio=1)
    expect(save).to_be_disabled()

    standing = player.get_by_role("button", name=re.compile("^1 standing"))
    axis = player.locator(".posexp-axis").first.bounding_box()
    assert axis is not None
    frames = len(stand.poses())
    dragged(page, standing, 6, 8, (axis["width"] * 9 / (frames - 1), 0))  # on by nine frames
    expect(count).to_have_text("1 unsaved change")
    landed = round(before["standing"][0] * 50) + 9
    near = re.compile(f"^({landed - 1}|{landed}|{landed + 1})$")
    expect(player).to_have_attribute("data-frame", near)  # the picture follows the mark
    standing.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    time = float((standing.get_attribute("title") or "").split(", ")[1].removesuffix(" s"))
    assert time == pytest.approx(before["standing"][0] + 20 / 50, abs=0.031)
    expect(count).to_have_text("1 unsaved change")  # however often it is moved

    player.get_by_role("button", name=re.compile("^1 seated")).focus()
    page.keyboard.press("Delete")
    expect(player.locator(".posexp-event")).to_have_count(4)
    expect(count).to_have_text("2 unsaved changes")
    page.keyboard.press("Control+z")
    expect(player.locator(".posexp-event")).to_have_count(5)
    page.keyboard.press("Control+Shift+z")
    expect(player.locator(".posexp-event")).to_have_count(4)
    player.get_by_role("slider", name="Frame").fill("180")
    expect(player).to_have_attribute("data-frame", "180")
    player.get_by_role("button", name="Add seated at this frame").click()
    expect(count).to_have_text("3 unsaved changes")
    expect(player.locator(".posexp-event")).to_have_count(5)

    player.get_by_role("slider", name="Frame").fill("75")
    expect(player).to_have_attribute("data-frame", "75")
    box, knee = canvas.bounding_box(), stand.poses().joint("left_knee")[75]
    assert box is not None
    scale = box["width"] / 640
    dragged(page, canvas, *(scale * knee), by=(20 * scale, -6 * scale))
    expect(count).to_have_text("4 unsaved changes")
    expect(player.get_by_role("combobox", name="Joint that is edited")).to_have_value(
        str(stand.poses().skeleton.index("left_knee"))
    )
    canvas.focus()
    page.keyboard.press("Shift+ArrowDown")
    player.focus()
    page.keyboard.press("ArrowRight")  # other frames and back: the change stays
    expect(player).to_have_attribute("data-frame", "76")
    page.keyboard.press("ArrowLeft")
    expect(player).to_have_attribute("data-frame", "75")
    player.get_by_role("combobox", name="Joint that is edited").select_option("left ankle")
    player.get_by_role("button", name="Take this joint away").click()
    expect(count).to_have_text("5 unsaved changes")
    expect(player.locator(".posexp-picks")).to_be_hidden()  # a click is for joints now

    save.click()
    show = player.get_by_role("button", name="Show the new run")
    expect(show).to_be_visible(timeout=120_000)
    expect(count).to_have_text("no unsaved changes")
    new = Archive(TrackingSettings(folder=str(lab.folder / "mlruns"))).open().run("last")
    assert new.tags["posexp.edited_from"] == stand.id
    after = pd.read_csv(new.file("movement/repetitions.csv"))
    assert after["standing"][0] == pytest.approx(time, abs=0.006)
    assert after["seated"][0] == pytest.approx(180 / 50, abs=0.001)
    assert after["rise_start"][0] == pytest.approx(before["rise_start"][0])
    poses = new.poses()
    assert poses.joint("left_knee")[75] == pytest.approx(np.add(knee, (20, 4)), abs=1 / scale)
    assert np.isnan(poses.joint("left_ankle")[75]).all()
    assert pd.read_csv(stand.file("movement/repetitions.csv")).equals(before)
    show.click()
    expect(page.locator(f"{READY} .posexp-edit")).to_be_hidden(timeout=60_000)
    (player,) = wait_for_players(page)
    player.get_by_role("button", name="Edit", exact=True).click()
    expect(
        player.get_by_role("button", name=re.compile(f"^1 standing, {time:.2f} s"))
    ).to_be_visible()


def test_what_cannot_be_saved_is_said_and_discarded(
    lab: Lab, page: Page, stand: posexp.Run
) -> None:
    url = lab.notebook("refused", f"import posexp\nposexp.RunView(posexp.load('{stand.id}'))")
    (player,) = run_all(page, url)
    player.get_by_role("button", name="Edit", exact=True).click()
    player.get_by_role("button", name="Add standing at this frame").click()
    player.get_by_role("button", name="A new run with these changes").click()
    said = player.locator(".posexp-said")
    expect(said).to_contain_text("the standing at 0.00 s belongs to no rise")
    expect(player.locator(".posexp-count")).to_have_text("1 unsaved change")
    player.get_by_role("button", name="Back to what was found").click()
    expect(player.locator(".posexp-event")).to_have_count(5)
    expect(player.locator(".posexp-count")).to_have_text("no unsaved changes")
    player.get_by_role("button", name=re.compile("^Undo")).click()
    expect(player.locator(".posexp-event")).to_have_count(6)
    # Angles are those of the run's file; in the picture's plane they are marked, in space not.
    chooser = player.get_by_role("combobox", name="Angle that is plotted")
    expect(chooser).to_have_value("left_knee_flexion_world")
    warning = player.locator(".posexp-warn")
    expect(warning).to_be_hidden()
    chooser.select_option("trunk lean")
    expect(warning).to_have_text("not to be trusted")
    lean = pd.read_csv(stand.file("angles/angles.csv"))["trunk_lean"]
    plot = player.locator(".posexp-plot").nth(1)
    assert float(plot.get_attribute("data-high") or 0) == pytest.approx(lean.max(), abs=0.01)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebooks_run_from_top_to_bottom(path: Path, tmp_path: Path, movenet: None) -> None:
    book = nbformat.read(path, as_version=4)
    for cell in book.cells:
        assert not cell.get("outputs") and not cell.get("execution_count"), "strip the outputs"
    NotebookClient(book, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in book.cells for output in cell.get("outputs", ())]
    kinds = {kind for output in outputs for kind in output.get("data", ())}
    assert "application/vnd.jupyter.widget-view+json" in kinds
    errors = [o["text"] for o in outputs if o.output_type == "stream" and o["name"] == "stderr"]
    assert not [text for text in errors if "posexp:" in text or "W0000" in text]


def test_there_are_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "01_extract", "02_compare_variants", "03_your_own_video", "04_outcomes",
    ]  # fmt: skip
