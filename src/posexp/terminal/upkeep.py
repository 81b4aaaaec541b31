"""What is done with what lies on this machine, models and media; it needs little, and is quick."""

from __future__ import annotations

import sys
from collections.abc import Callable

from posexp.errors import ModelError, check_choice, printable
from posexp.models.weights.converted import NotConverted, for_litert
from posexp.models.weights.downloads import cache_folder
from posexp.models.weights.table import PUBLISHED, published
from posexp.terminal.parser import Line, names_in


def weights(line: Line) -> int:
    """List the published models, or fetch some."""
    names = names_in(line.keys["get"])
    for name in names:
        check_choice("get", name, tuple(PUBLISHED))
    failed = 0
    for name in names:
        try:
            found = published(name)
            print(f"{name:<12}{found.source}", flush=True)
            if found.path.suffix != ".task":  # for TensorFlow: a first run would convert it
                for_litert(found)
        except ModelError as error:
            print(f"posexp: {error}", file=sys.stderr)
            failed = error.exit_status
        except NotConverted as reason:
            print(f"posexp: {name} will run in TensorFlow: {reason}", file=sys.stderr)
    if names:
        return failed
    print(f"{'':<12}{'here':<6}{'size':>8}   {'licence':<13}from")
    for name, model in PUBLISHED.items():
        here = model.here()
        places = str(here) if here else ", else ".join(map(str, model.sources))
        print(
            f"{name:<12}{'yes' if here else 'no':<6}{model.size:>5.1f} MB   {model.licence:<13}"
            f"{places}"
        )
    print(f"\nKept in   {cache_folder()}\nFetch     python -m posexp weights get=thunder,heavy")
    return 0


def kept_media(line: Line) -> int:
    """List, or remove, what notebooks have linked or copied for the browser."""
    from posexp.notebook import media  # it brings PyAV, for which `weights` need not wait

    if "clear" in line.typed:
        removed = media.tidy(everything=True)
        print(f"Removed {len(removed)} links and copies from {media.FOLDER}")
        return 0
    found = media.kept()
    for each in found:
        said = "" if each.video and not each.gone else "   (its video has gone or changed)"
        size = each.path.stat().st_size / 1e6
        print(f"{size:8.1f} MB  {each.path.name}  {printable(each.video or '?')}{said}")
    print(f"{len(found)} links and copies in {media.FOLDER}; `python -m posexp media clear` "
          "removes them")  # fmt: skip
    return 0


FUNCTIONS: dict[str, Callable[[Line], int]] = {"weights": weights, "media": kept_media}
