"""What `make docs` makes of the code and the README, so that no page of the site can go stale."""

from __future__ import annotations

import ast
import html
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.utils import get_relative_url

from posexp.terminal.usage import PROGRAM

ROOT = Path(__file__).resolve().parents[2]
_ANYWHERE = re.compile(r"\]\((?:\.\./)*(notebooks/|CONTRIBUTING\.md|CHANGELOG\.md|example_model)\)")
_SHIM = "https://unpkg.com/iframe-worker/shim"
_NODE = re.compile(r'^\s*(\w+)\["<b>(.*?)</b><br/>(.*?)"\]\s*$', re.M)
_EDGE = re.compile(r"^\s*([\w &]+) --> ([\w &]+)\s*$", re.M)
_CSS = """\
.md-grid { max-width: 76rem; }
.md-typeset td:first-child code { white-space: nowrap; }
.floors { display: grid; gap: 0.3rem; }
.floor { display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; gap: 0.3rem; }
.room { border: 1px solid var(--md-default-fg-color--lighter); border-radius: 0.2rem;
  border-left: 0.2rem solid var(--md-primary-fg-color); padding: 0.3rem 0.6rem; font-size: 0.7rem;
  overflow-wrap: anywhere; }
.room b { font-family: var(--md-code-font-family); margin-right: 0.5rem; }
@media (max-width: 45em) { .floor { grid-auto-flow: row; } }
"""


def on_files(files: Files, *, config: Any) -> Files:
    """Add the pages that are made."""
    made = {
        "index.md": _home(),
        "commands.md": _commands(),
        "keys.md": _keys(),
        "python.md": _python(),
        "site.css": _CSS,
        "assets/iframe-worker.js": Path(__file__).with_name("iframe-worker.js").read_text("utf-8"),
    }
    for uri, content in made.items():
        files.append(File.generated(config, uri, content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Draw the floors, as mermaid is a script from elsewhere; no links to what is in no page."""
    markdown = re.sub(r"```mermaid\n(.*?)```", lambda found: floors(found[1]), markdown, flags=re.S)
    return re.sub(r"\[([^\]]*)" + _ANYWHERE.pattern, r"\1 (`\2`)", markdown)


def on_post_page(output: str, *, page: Any, config: Any) -> str:
    """The search of a page that is opened as a file needs a script, which Material would fetch."""
    return output.replace(_SHIM, get_relative_url("assets/iframe-worker.js", page.url))


def on_post_template(output: str, **_: Any) -> str:
    """The same in 404.html."""
    return output.replace(_SHIM, "assets/iframe-worker.js")


def floors(mermaid: str) -> str:
    """The rows of a flowchart whose edges go from one whole row to the next, as HTML."""
    rooms = {key: (name, text) for key, name, text in _NODE.findall(mermaid)}
    edges = [(above.split(" & "), below.split(" & ")) for above, below in _EDGE.findall(mermaid)]
    rows = [edges[0][0], *(below for _, below in edges)]
    drawn = [
        "".join(f'<div class="room"><b>{rooms[key][0]}</b>{rooms[key][1]}</div>' for key in row)
        for row in rows
    ]
    return f'<div class="floors">{"".join(f"<div class=floor>{row}</div>" for row in drawn)}</div>'


def _home() -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.replace("](docs/", "](")


def _commands() -> str:
    parts = ["# Commands\n\nWhat `--help` prints.\n"]
    for command in PROGRAM.all():
        title = f"{PROGRAM.name} {command.name}".strip()
        parts.append(f"## `{title}`\n\n```text\n{PROGRAM.help_of(command).rstrip()}\n```\n")
    return "\n".join(parts)


def _keys() -> str:
    parts = [
        "# Keys\n\nThe files in `conf/`, as they are: each key with its default, unit and range. "
        "`model.crop.torso_expansion=2` on the command line is `torso_expansion` below `crop` in "
        "the model's file.\n"
    ]
    first = ROOT / "conf" / "config.yaml"
    for path in [first, *sorted(set((ROOT / "conf").rglob("*.yaml")) - {first})]:
        folder = path.parent.name
        title = "every run" if path == first else f"{folder}={path.stem}"
        parts.append(f"## `{title}`\n\n{_key_table(path, '' if path == first else folder)}\n")
    return "\n".join(parts)


def _key_table(path: Path, prefix: str) -> str:
    """The keys of one YAML file of conf/, which has two levels at most, with their comments."""
    rows, above, group, skips = [], [], "", False
    intro: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if text.startswith("- ") and skips:
            continue
        if text.startswith("#"):
            (above if rows or group or skips else intro).append(text.lstrip("# "))
            continue
        found = re.match(r"( *)([\w]+):(?: +(\"[^\"]*\"|[^#\s]\S*))?(?: *# *(.*))?$", line)
        if found is None:
            continue
        indent, key, value, comment = found.groups()
        skips = key == "defaults"
        if skips:
            continue
        said = " ".join([*above, comment or ""]).strip()
        above = []
        group = group if indent else ("" if value else key)
        name = ".".join(filter(None, (prefix, group if indent else "", key)))
        if value or said:
            shown = f"<code>{html.escape(value)}</code>" if value else ""
            said = html.escape(said).replace("|", "&#124;")
            rows.append(f"| `{name}` | {shown} | {said} |")
    head = "| key | default | what, unit, range |\n|---|---|---|"
    return "\n".join([" ".join(intro), "", head, *rows])


def _python() -> str:
    tree = ast.parse((ROOT / "src" / "posexp" / "__init__.py").read_text(encoding="utf-8"))
    homes = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_HOMES"
    )
    parts = [f"# Python\n\n{(ast.get_docstring(tree) or '').replace('``', '`')}\n"]
    for name, (module, attribute) in homes.items():
        parts.append(
            f"::: {module}.{attribute}\n    options:\n      heading: posexp.{name}\n"
            f"      toc_label: {name}\n"
        )
    return "\n".join(parts)
