"""Count what the house is like: rooms, floors, late imports, and the way of one run.

``python benchmarks/house.py CHECKOUT [CHECKOUT]``: two stand side by side. It needs the packages
that posexp needs, and runs each checkout's own posexp on a few frames. ``--picture`` prints the
floors of this one as Mermaid, from the contracts in pyproject.toml: docs/architecture.md has it.
"""

from __future__ import annotations

import ast
import itertools
import os
import re
import runpy
import subprocess
import sys
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

# Where the modules of the flat package went.
ROOMS = {
    "pose": "skeleton poses truth", "video": "video containers",
    "models": "estimators weights crop",
    "measure": "statistics kinematics metrics evaluation comparison",
    "show": "overlay figures reports comparison_figures comparison_report",
    "store": "journal pending tracking", "runs": "extraction job replay app analysis",
    "sweeps": "study workers launchers batch", "notebook": "media widgets magics",
    "settings": "launcher_settings", "terminal": "__main__", "benchmark": "rendering",
}  # fmt: skip
ROOM_OF = {module: room for room, modules in ROOMS.items() for module in modules.split()}
# What names the models of each kind, and the classes of their options.
KINDS = ({"mlkit", "Mlkit", "MlkitOptions"}, {"movenet", "thunder", "lightning", "MoveNetOptions"})
OPTIONS = {"MlkitOptions", "MoveNetOptions"}
IMPORTS, FUNCTIONS = (ast.Import, ast.ImportFrom), (ast.FunctionDef, ast.AsyncFunctionDef)


def modules_of(checkout: Path) -> dict[str, Path]:
    """The files of the package by their dotted name, ``posexp`` itself and ``pose.skeleton``."""
    root = checkout / "src" / "posexp"
    parts = {path: path.relative_to(root).with_suffix("").parts for path in root.rglob("*.py")}
    return {".".join(parts[p]).removesuffix("__init__").rstrip(".") or "posexp": p for p in parts}


def nodes_of(tree: ast.AST, inside: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Every node that runs, and whether it stands in a function; not ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            yield node, inside
            yield from nodes_of(node, inside or isinstance(node, FUNCTIONS))


def imports_of(checkout: Path) -> dict[str, list[tuple[ast.Import | ast.ImportFrom, bool]]]:
    """The statements that import, and whether each stands in a function, by module."""
    return {
        name: [
            (node, inside)
            for node, inside in nodes_of(ast.parse(path.read_bytes()))
            if isinstance(node, IMPORTS)
        ]
        for name, path in modules_of(checkout).items()
    }


def imports_inside_functions(checkout: Path) -> int:
    return sum(inside for found in imports_of(checkout).values() for _, inside in found)


def floors_of(checkout: Path) -> int:
    """The longest chain of imports between modules; those of one circle share a floor."""
    imports = imports_of(checkout)
    reached = {name: {name} for name in imports}
    for name, found in imports.items():
        for node, _ in found:
            home = getattr(node, "module", None) or ""
            for each in node.names:
                whole = f"{home}.{each.name}".strip(".").removeprefix("posexp.")
                reached[name].add(whole if whole in imports else home.removeprefix("posexp."))
        reached[name] &= set(imports)
    for _ in imports:
        reached = {name: set().union(*map(reached.get, below)) for name, below in reached.items()}
    height: dict[str, int] = {}
    for name in sorted(imports, key=lambda name: len(reached[name])):
        lower = [height[other] for other in reached[name] if name not in reached[other]]
        height[name] = 1 + max(lower, default=0)
    return max(height.values())


def words_of(statement: ast.AST) -> set[str]:
    """The names and the words of strings in a statement; not those of docstrings."""
    nodes = [*ast.walk(statement)]
    docs = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    texts = [n.value for n in nodes if isinstance(n, ast.Constant) and id(n) not in docs]
    names = [getattr(n, part, None) for n in nodes for part in ("id", "attr", "name")]
    return set(re.findall(r"[A-Za-z]+", " ".join(map(str, texts + names))))


def places_of_a_model(checkout: Path) -> list[str]:
    """What one more model would touch beside its own module and YAML: where models are listed.

    The top-level statements that name models of both kinds (also in examples), or a class of their
    options, and the other files that name both.
    """
    places = []
    for module, path in modules_of(checkout).items():
        statements = ast.parse(path.read_bytes()).body
        for node in statements if not re.search(r"\b(mlkit|movenet)", module) else []:
            words = words_of(node) if not isinstance(node, IMPORTS) else set()
            if words & OPTIONS or all(words & kind for kind in KINDS):
                target = getattr(node, "target", getattr(node, "targets", [None])[0])
                places.append(f"{module}.{getattr(node, 'name', getattr(target, 'id', '?'))}")
    for path in [*checkout.glob("conf/**/*.yaml"), checkout / "pyproject.toml"]:
        words = set(re.findall(r"\w+", re.sub("#.*", "", path.read_text(encoding="utf-8"))))
        if all(words & kind for kind in KINDS) and path.parent.name != "model":
            places.append(path.name)
    return places


def trace(checkout: Path, out: Path) -> None:
    """Run posexp on a few frames in this process, and write down who called whom."""
    names = {str(path): name for name, path in modules_of(checkout).items()}
    pairs = set()

    def called(frame: FrameType, event: str, _: object) -> None:
        code, caller = frame.f_code, frame.f_back
        if event != "call" or code.co_filename not in names or code.co_name == "<module>":
            return
        while caller and caller.f_code.co_filename not in names:  # through a library
            caller = caller.f_back
        if caller and caller.f_code.co_name != "<module>":  # that is while modules are imported
            ends = [
                (names[end.co_filename], getattr(end, "co_qualname", end.co_name).split(".<")[0])
                for end in (caller.f_code, code)
            ]
            if ends[0][0] != ends[1][0]:
                pairs.add((*ends[0], *ends[1]))

    sys.argv = ["posexp", "video.stop=0.2"]
    threading.setprofile(called)
    sys.setprofile(called)
    try:
        runpy.run_module("posexp", run_name="__main__", alter_sys=True)
    finally:
        sys.setprofile(None)
        out.write_text("\n".join(map("\t".join, sorted(pairs))), encoding="utf-8")


def hops_of_one_run(checkout: Path) -> list[list[str]]:
    """Each way between two modules: module and function of the caller, and of the called."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "pairs")
        command = [sys.executable, __file__, "--trace", str(checkout), str(out)]
        environment = {**os.environ, "PYTHONPATH": str(checkout / "src")}
        subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)
        return [line.split("\t") for line in out.read_text(encoding="utf-8").splitlines()]


def picture(checkout: Path) -> str:
    """The floors of the first contract as Mermaid, each room with what its docstring says first."""
    text = (checkout / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.search(r"^layers = \[(.*?)^\]", text, re.M | re.S)
    assert listed is not None
    floors = [line.split(" | ") for line in re.findall(r'"(.+?)"', listed[1])]
    paths, lines = modules_of(checkout), ["flowchart TB"]
    for room in (room for floor in floors for room in floor):
        said = ast.get_docstring(ast.parse(paths[room].read_bytes())) or ""
        first = said.splitlines()[0].rstrip(".").replace("`", "").replace('"', "'")
        lines.append(f'  {room.strip("_")}["<b>{room}</b><br/>{first}"]')
    for above, below in itertools.pairwise(floors):
        names = (" & ".join(room.strip("_") for room in floor) for floor in (above, below))
        lines.append("  " + " --> ".join(names))
    return "\n".join(lines)


def room_of(module: str) -> str:
    return ROOM_OF.get(module.partition(".")[0], module.partition(".")[0])


def rows_of(checkout: Path) -> dict[str, object]:
    modules, places = modules_of(checkout), places_of_a_model(checkout)
    homes = [path.relative_to(checkout / "src" / "posexp").parts for path in modules.values()]
    rows: dict[str, object] = {
        "modules at the top": sum(len(parts) == 1 for parts in homes),
        "folders at the top": len({parts[0] for parts in homes if len(parts) > 1}),
        "modules": len(modules),
        "floors": floors_of(checkout),
        "imports inside functions": imports_inside_functions(checkout),
        "places that one more model touches": len(places),
    }
    rows |= {f"  place {number}": place for number, place in enumerate(places, 1)}
    hops, doors = hops_of_one_run(checkout), defaultdict(set)
    for _, _, module, function in hops:
        doors[module].add(function)
    between = [(room_of(one), room_of(other)) for one, _, other, _ in hops]
    entries = Counter(other for one, other in between if one != other)
    lines = Counter({name: len(path.read_bytes().splitlines()) for name, path in modules.items()})
    used = Counter({module: len(functions) for module, functions in doors.items()})
    for what, counter, most in (("lines", lines, 5), ("doors used", used, 10)):
        for number, (module, count) in enumerate(counter.most_common(most), 1):
            rows[f"{what}, module {number}"] = f"{count} {module}"
    rows |= {"hops of one run, modules": len(hops), "hops of one run, rooms": entries.total()}
    return rows | {f"ways into {room}": entries[room] for room in sorted(entries)}


def main() -> None:
    columns = [rows_of(Path(checkout).resolve()) for checkout in sys.argv[1:] or ["."]]
    for row in dict.fromkeys(row for column in columns for row in column):
        print(f"{row:36}", *(f"{column.get(row, '')!s:34}" for column in columns))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--trace"]:
        trace(Path(sys.argv[2]), Path(sys.argv[3]))
    elif sys.argv[1:] == ["--picture"]:
        print(picture(Path()))
    else:
        main()
