"""``%load_ext posexp``: the ``%posexp`` magic."""

from __future__ import annotations

import re
import shlex
import sys
from typing import Any

from IPython.core.completer import SimpleCompletion, context_matcher
from IPython.core.pylabtools import print_figure

from posexp.config import choices
from posexp.errors import PosexpError
from posexp.models import native
from posexp.runs.run import run
from posexp.store.run import Run
from posexp.sweeps import clips
from posexp.sweeps.batch import Sweep, sweep


def posexp(line: str) -> Run | Sweep | None:
    """Extract the poses of a video, log an MLflow run, and return it; or a sweep of many.

    ``%posexp model=mlkit video=clip.mp4`` takes what ``python -m posexp`` takes::

        %posexp                                        the embedded clip and model, offline
        %posexp model=lightning video="my clip.mp4"    MoveNet Lightning
        %posexp model=thunder video={path}             a Python variable
        run = %posexp model=mlkit video=clip.mp4       keep the run
        sweep = %posexp -m model=lightning,mlkit video=clips/    every variant on every video

    Tab completes keys and their values; ``!python -m posexp --help`` explains them.
    """
    try:
        arguments = shlex.split(line)
    except ValueError as error:  # an open quote
        print(f"posexp: cannot read this line: {error}", file=sys.stderr)
        return None
    try:
        with native.messages_off():
            if clips.is_batch(arguments):
                return sweep(clips.sweep_arguments(arguments), progress=True)
            return run(arguments, progress=True)
    except PosexpError as error:
        print(f"posexp: {error}", file=sys.stderr)
    return None


def complete(context: Any) -> dict[str, Any]:
    """An IPython matcher: keys, and the choices of groups, for the word that is typed."""
    line = context.text_until_cursor
    if not re.match(r"\s*(\w+\s*=\s*)?%posexp\s", line):
        return {"completions": []}
    key, equals, start = re.split(r"\s", line)[-1].partition("=")
    if equals:
        words = [choice for choice in choices().get(key, ()) if choice.startswith(start)]
    else:
        words = [f"{name}=" for name in choices() if name.startswith(key)]
    return {
        "completions": [SimpleCompletion(text=word, type="param") for word in words],
        "matched_fragment": start if equals else key,
        "suppress": bool(words),
    }


def _png(figure: Any) -> Any:
    return print_figure(figure, fmt="png", bbox_inches=None)  # type: ignore[no-untyped-call]


def load_ipython_extension(ipython: Any) -> None:
    """Register ``%posexp`` and its completion, and show matplotlib figures that are results."""
    pictures = ipython.display_formatter.formatters["image/png"]
    pictures.for_type_by_name("matplotlib.figure", "Figure", _png)
    ipython.register_magic_function(posexp, "line", "posexp")
    ipython.Completer.custom_matchers.append(context_matcher(identifier="posexp")(complete))
