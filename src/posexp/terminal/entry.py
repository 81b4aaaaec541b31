"""Running one command line: help, errors as one line, exit statuses."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence

from posexp.errors import PosexpError
from posexp.spans import recorded
from posexp.terminal.parser import Line, parse
from posexp.terminal.program import Program
from posexp.terminal.streams import Lines, Output, stop_on_sigterm, streams


def command_line(
    arguments: Sequence[str] | None, program: Program, do: Callable[[Line], int]
) -> int:
    """Run a command with help, one-line errors and quiet C++ libraries.

    Parameters
    ----------
    arguments : sequence of str, optional
        After the name of the program; those of this process by default.
    program : Program
        What can be typed.
    do : callable
        Does what was typed; its exit status.

    Returns
    -------
    int
        The exit status: 0, 2 for usage, 130 for Ctrl-C, else 1.
    """
    # What is imported is no garbage: to look for some in it takes a sixth of the time of importing.
    gc.set_threshold(*gc.get_threshold()[:2], 1000)
    with streams() as output, recorded(time.process_time()):
        status = _run(sys.argv[1:] if arguments is None else arguments, program, do)
        output.flush()
        gc.freeze()  # to take all apart that was loaded, for the end, takes most of a second
        problem = output.problem
        if problem is None or isinstance(problem, BrokenPipeError):  # nobody wants to hear more
            return status
        print(f"posexp: stdout: could not be written ({problem.strerror})", file=sys.stderr)
        return status or 1


def _run(arguments: Sequence[str], program: Program, do: Callable[[Line], int]) -> int:
    logger = logging.getLogger("posexp")
    logger.handlers, logger.propagate = [Lines()], False
    verbose = "HYDRA_FULL_ERROR" in os.environ
    try:
        line = parse(arguments, program)
        verbose = verbose or line.options.verbose
        if line.options.help:
            print(program.help_of(line.command), end="")
            return 0
        if line.options.version:
            from importlib.metadata import version  # 20 ms

            print(f"posexp {version('posexp')}")
            return 0
        from posexp.models import native  # it brings importlib.metadata too

        shown = verbose or (line.command is not None and line.command.shows_stderr)
        quiet = contextlib.nullcontext() if shown else native.messages_off(Output)
        with stop_on_sigterm(), quiet:
            return do(line)
    except PosexpError as error:
        if verbose:
            raise
        print(f"posexp: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("posexp: interrupted; what had been computed is kept", file=sys.stderr)
        return 130
    except Exception as error:
        if verbose:
            raise
        text = " ".join(str(error).split())[:300]
        print(
            f"posexp: unexpected {type(error).__name__}: {text}. "
            "This is a mistake in posexp; -v shows where it happened",
            file=sys.stderr,
        )
        return 1
