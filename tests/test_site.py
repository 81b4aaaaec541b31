"""The docs as a site: built strictly, and read without a network."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import posexp
from posexp.config import conf_folder
from posexp.terminal.usage import PROGRAM

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = re.compile(
    r"""(?:\bsrc=|<link\b[^>]*\bhref=|\burl\(|@import)\s*["']?\s*((?:https?:)?//[^"'\s>)]+)""", re.I
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_no_asset_is_fetched_from_elsewhere(site):
    pages = [path for path in site.rglob("*") if path.suffix in (".html", ".css")]
    assert len(pages) > 15
    found = {
        (path.name, url)
        for path in pages
        for url in ELSEWHERE.findall(path.read_text(encoding="utf-8"))
    }
    assert found == set()


def test_what_would_be_fetched_is_noticed():
    for asset in ('<script src="https://a.b/c.js">', '<link rel=x href="//a.b/c.css">',
                  "url(https://a.b/c.woff)", '@import "http://a.b/c.css"'):  # fmt: skip
        assert ELSEWHERE.search(asset), asset
    assert not ELSEWHERE.search('<a href="https://a.b/">')


def test_every_command_key_and_public_name_has_its_place(site):
    commands = (site / "commands.html").read_text(encoding="utf-8")
    for command in PROGRAM.commands:
        assert f"<code>{PROGRAM.name} {command.name}</code>" in commands
    keys = (site / "keys.html").read_text(encoding="utf-8")
    for path in conf_folder().rglob("*.yaml"):
        for key in re.findall(r"^ *(\w+): ", path.read_text(encoding="utf-8"), re.M):
            assert re.search(rf"<code>(\w+\.)*{key}</code>", keys), f"{path.name}: {key}"
    python = (site / "python.html").read_text(encoding="utf-8")
    for name in posexp.__all__:
        assert f"posexp.{name}\n" in re.sub(r"<[^>]+>", "\n", python), name


def test_the_floors_are_drawn_without_a_script(site):
    page = (site / "architecture.html").read_text(encoding="utf-8")
    assert page.count('class="room"') >= 15 and "flowchart" not in page
