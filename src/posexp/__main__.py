"""The command line: ``python -m posexp``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from posexp.spans import span
from posexp.terminal.entry import command_line
from posexp.terminal.parser import Line
from posexp.terminal.usage import PROGRAM


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status: 0, 2 for usage, 130 for Ctrl-C, else 1."""
    return command_line(arguments, PROGRAM, _do)


def _do(line: Line) -> int:
    """Do what was typed; of what is heavy, each command loads what it needs."""
    with span("start: imports"):
        if line.name in ("weights", "media"):
            from posexp.terminal.upkeep import FUNCTIONS
        elif line.name == "export":
            from posexp.terminal.exporting import FUNCTIONS
        elif line.name in ("evaluate", "compare", "edit"):
            from posexp.terminal.logged import FUNCTIONS
        elif line.name == "store":
            from posexp.terminal.kept import FUNCTIONS
        else:
            from posexp.terminal.commands import FUNCTIONS
    return FUNCTIONS[line.name](line)


if __name__ == "__main__":
    sys.exit(main())
