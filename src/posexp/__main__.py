"""The command line: ``python -m posexp``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from posexp.terminal.entry import command_line
from posexp.terminal.parser import Line
from posexp.terminal.usage import PROGRAM


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status: 0, 2 for usage, 130 for Ctrl-C, else 1."""
    return command_line(arguments, PROGRAM, _do)


def _do(line: Line) -> int:
    """What is heavy is loaded when it is known what to do."""
    if line.name in ("weights", "media"):
        from posexp.terminal import upkeep

        return upkeep.do(line)
    from posexp.terminal import commands

    return commands.do(line)


if __name__ == "__main__":
    sys.exit(main())
