"""The scripts under benchmarks/ still fit the code: what they import is there."""

import ast
import importlib
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).resolve().parents[1] / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_what_a_script_uses_of_posexp_is_there(script):
    """Names that are imported, and attributes of modules that are."""
    nodes = [*ast.walk(ast.parse(script.read_text(encoding="utf-8")))]
    modules = {}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("posexp"):
            home = importlib.import_module(node.module)
            for each in node.names:
                if not hasattr(home, each.name):
                    importlib.import_module(f"{node.module}.{each.name}")
                value = getattr(home, each.name)
                if isinstance(value, type(ast)):
                    modules[each.asname or each.name] = value
    for node in nodes:
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) in modules:
            assert hasattr(modules[node.value.id], node.attr), ast.unparse(node)
