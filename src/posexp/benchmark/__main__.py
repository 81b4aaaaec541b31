"""The command line of the benchmark: ``python -m posexp.benchmark``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from posexp.terminal.entry import command_line
from posexp.terminal.parser import Line
from posexp.terminal.program import Command, Program

_HELP = """\
How well does each variant see a person who rises from a chair? Rendered clips, exact joints.

  python -m posexp.benchmark render [clips=[...]] [folder=...] [seed=0]
  python -m posexp.benchmark run [models=[...]] [clips=[...]] [folder=...] [weights=...]
                                 [report=benchmark-report] [seed=0] [tracking.*=...]
  python -m posexp.benchmark list      the names of models and clips

  models    all that weights can be had for
  clips     names, embedded (those that come with the package, no drawing), or all
  folder    where clips are drawn, and kept for the next time; the user's cache
  weights   a folder with movenet_singlepose_lightning_int8_v4.tflite, for lightning_int8
  report    a folder for benchmark.md and its figures

Drawing needs numba (pip install numba) and takes minutes; what is there already is kept.
"""

PROGRAM = Program(
    name="python -m posexp.benchmark",
    help=lambda: _HELP,
    commands=(
        Command(
            "render", example="python -m posexp.benchmark render clips=[phone_side]",
            keys={"clips": "all", "folder": None, "seed": "0"}, hydra=None,
        ),
        Command(
            "run",
            example="python -m posexp.benchmark run models=[mlkit_full] clips=embedded",
            keys={"models": "all", "clips": "all", "folder": None, "weights": None,
                  "report": "benchmark-report", "seed": "0"},
            hydra="tracking",
        ),
        Command("list", hydra=None),
    ),
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    return command_line(arguments, PROGRAM, _do)


def _do(line: Line) -> int:
    from posexp.benchmark.commands import FUNCTIONS  # heavy: when it is known what to do

    return FUNCTIONS[line.name](line)


if __name__ == "__main__":
    sys.exit(main())
