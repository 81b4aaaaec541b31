"""What keeps the house in order: its floors, late imports, doors with names, and light starts."""

import ast
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "posexp"
HOUSE = runpy.run_path(str(ROOT / "benchmarks" / "house.py"), run_name="house")
MODULES = HOUSE["modules_of"](ROOT)
LATE = ["tensorflow", "mediapipe", "mlflow", "matplotlib", "tensorflow_hub", "ipywidgets"]
AT_THE_END = ["pandas", "pyarrow", "scipy"]  # of a run
FILMS = ["av", "cv2"]


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("__init__.py")), ids=lambda p: p.parent.name)
def test_every_folder_says_what_lives_there(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    if path.parent.parent == SOURCE:  # a room has no door of its own: what is in it has
        assert len(tree.body) == 1


@pytest.mark.parametrize(
    ("code", "late"),
    [
        ("import posexp; posexp.PoseSequence", [*LATE, *FILMS, *AT_THE_END]),
        ("import posexp; posexp.extract; posexp.run", [*LATE, *AT_THE_END]),
        ("import posexp.terminal.commands", [*LATE, *AT_THE_END]),
        ("import posexp; posexp.sweep; posexp.compare", LATE),
        ("from posexp.__main__ import main; main(['--help'])",
         [*LATE, *FILMS, "numpy", "pandas", "hydra", "omegaconf"]),
        ("from posexp.config import choices; choices()", LATE),
    ],
    ids=["import", "names", "command", "other names", "help", "completion"],
)  # fmt: skip
def test_what_is_not_used_is_not_loaded(code, late):
    code += "\nimport sys; print({name.partition('.')[0] for name in sys.modules} & {*sys.argv})"
    shown = subprocess.run(
        [sys.executable, "-c", code, *late], capture_output=True, text=True, check=True
    ).stdout
    assert shown.splitlines()[-1] == "set()"


def test_no_module_uses_private_names_of_another():
    """Neither ``from x import _y`` nor ``x._y``."""
    used = []
    for module, path in MODULES.items():
        nodes = [*ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
        others = set()
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("posexp"):
                names = {each.name: each.asname or each.name for each in node.names}
                used += [(module, f"{node.module}.{name}") for name in names if is_private(name)]
                home = f"{node.module}.".removeprefix("posexp.")
                others |= {local for name, local in names.items() if home + name in MODULES}
        used += [
            (module, ast.unparse(node))
            for node in nodes
            if isinstance(node, ast.Attribute)
            and is_private(node.attr)
            and getattr(node.value, "id", None) in others
        ]
    assert used == []


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def test_the_picture_of_the_house_is_that_of_the_contracts():
    """`python benchmarks/house.py --picture` prints it."""
    assert HOUSE["picture"](ROOT) in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_few_imports_stand_inside_functions():
    """Those of heavy libraries, and of the modules that are made of them."""
    assert HOUSE["imports_inside_functions"](ROOT) <= 41


def contracts(folder: Path) -> tuple[dict[str, bool], str]:
    """Which contracts are kept by the sources below `folder`, and what was said of the others."""
    program = Path(sys.executable).with_name("lint-imports")
    environment = {"PYTHONPATH": str(folder / "src"), "COLUMNS": "200"}
    said = subprocess.run(
        [program, "--no-cache", "--config", ROOT / "pyproject.toml"],
        cwd=folder, env=environment, capture_output=True, text=True,
    ).stdout  # fmt: skip
    lines = [line.rpartition(" ") for line in said.splitlines()]
    return {name: how == "KEPT" for name, _, how in lines if how in ("KEPT", "BROKEN")}, said


@pytest.fixture(scope="module")
def kept() -> dict[str, bool]:
    found, said = contracts(ROOT)
    assert found and all(found.values()), said
    return found


FAULTS = [
    ("Each floor", "errors.py", "from posexp import files"),
    ("Each floor", "pose/skeleton.py", "import posexp.video.frame"),
    ("Each floor", "settings.py", "def late():\n    from posexp.progress import Report"),
    ("Each floor", "runs/extraction.py", "from posexp.sweeps import clips"),
    ("Each floor", "a_new_room.py", ""),
    ("No circles", "pose/skeleton.py", "from posexp.pose.sequence import PoseSequence"),
    ("Nothing imports the benchmark", "__init__.py", "from posexp.benchmark import grid"),
    ("Only the store", "runs/extraction.py", "def late():\n    import mlflow.entities"),
    ("Only the models", "sweeps/worker.py", "import tensorflow as tf"),
    ("Only video", "notebook/media.py", "def late():\n    import av"),
    ("Only config", "runs/extraction.py", "from omegaconf import OmegaConf"),
    ("Only the notebook", "show/figures.py", "from IPython.display import display"),
]


@pytest.mark.parametrize(("name", "module", "line"), FAULTS, ids=[line for *_, line in FAULTS])
def test_every_contract_can_be_broken(name, module, line, kept, tmp_path):
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("data"))
    with (tmp_path / "src" / "posexp" / module).open("a", encoding="utf-8") as file:
        file.write(f"\n\n{line}\n")
    found, said = contracts(tmp_path)
    assert [contract for contract in found if not found[contract]] == [
        contract for contract in kept if contract.startswith(name)
    ], said


def test_every_contract_has_a_fault(kept):
    assert all(any(name.startswith(fault) for fault, *_ in FAULTS) for name in kept)
