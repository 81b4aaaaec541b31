"""What is done for each command: a function that takes what was typed and returns the status.

Everything heavy is imported here, once it is known that there is something to do.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from collections.abc import Callable

from posexp.config import load_config
from posexp.errors import ConfigError, ModelError, check_choice, printable
from posexp.models.weights import PUBLISHED, cache_folder, published
from posexp.notebook import media
from posexp.runs import run as runs
from posexp.runs.logged import compare_runs, evaluate_run
from posexp.runs.recovery import log_waiting, recover
from posexp.store.archive import Archive
from posexp.store.server import own_names, ui_command
from posexp.sweeps import batch, clips
from posexp.terminal.parser import Line, names_in
from posexp.terminal.summaries import (
    print_comparison,
    print_evaluation,
    print_repetition,
    print_run,
    print_sweep,
)

log = logging.getLogger("posexp")


def do(line: Line) -> int:
    """Do what was typed; the exit status."""
    assert line.command is not None
    return _FUNCTIONS[line.command.name](line)


def run(line: Line) -> int:
    """One run, or a sweep; or show the configuration only."""
    if line.options.cfg and line.options.multirun:
        raise ConfigError("--cfg", "shows one configuration, got -m", "Leave out one of them")
    if line.options.cfg:
        print(json.dumps(load_config(line.overrides)[1], indent=2, ensure_ascii=False))
        return 0
    if line.options.multirun or clips.is_batch(line.overrides):
        sweep = batch.sweep(line.overrides, progress=True)
        print_sweep(sweep)
        return 0 if sweep.failed.empty else 1
    print_run(runs.run(line.overrides, progress=True))
    return 0


def rerun(line: Line) -> int:
    """Repeat a logged run."""
    settings = load_config(line.overrides)[0].tracking
    again = runs.rerun(
        str(line.keys["run"]), settings, weights=line.keys["weights"], progress=True
    )  # fmt: skip
    print_repetition(again)
    return 0 if again.identical else 1


def evaluate(line: Line) -> int:
    """Measure a logged run against ground truth."""
    run, evaluation = evaluate_run(str(line.keys["run"]), line.keys["truth"], _archive(line))
    for note in evaluation.notes:
        log.warning("%s", note)
    labelled = f"{len(evaluation.truth)} labelled frames"
    print(f"\n{run.name}   {labelled}, {len(evaluation.body)} joints")
    print_evaluation(evaluation.metrics())
    print(f"\nRun page  {run.page}")
    return 0


def compare(line: Line) -> int:
    """Compare logged runs."""
    ids, video, sweep = names_in(line.keys["runs"]), line.keys["video"], line.keys["sweep"]
    for run, comparison in compare_runs(ids, video, sweep, _archive(line)):
        print_comparison(run, comparison)
    return 0


def sync(line: Line) -> int:
    """Log what waits."""
    archive = _archive(line)
    if not archive.outbox.base.is_dir():
        print("Nothing is waiting to be logged")
        return 0
    store = archive.open()
    recovered = recover(archive)
    logged = log_waiting(archive, store, every=True)
    for run in filter(None, logged):
        print(f"Logged {run.name} ({run.status}): {run.page}", flush=True)
    if not (logged or recovered):
        print("Nothing is waiting to be logged")
    return int(None in logged)


def ui(line: Line) -> int:
    """Serve the MLflow UI, in place of this process."""
    host, port, archive = line.options.host, line.options.port, _archive(line)
    store = archive.open()
    if store.is_server:
        print(f"The runs are on a server; open {store.uri}")
        return 0
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise ConfigError(
                "--port", f"port {port} is in use", f"Choose another: --port {port + 1}"
            )
    page = store.page(archive.settings.experiment, port)
    names = [*own_names(host), *line.options.allowed_hosts]
    if names:
        log.warning(
            "there is no password: who reaches port %d of this machine can read and delete all runs"
            "; from there it is %s (for other names: --allowed-hosts NAME,NAME)",
            port, " or ".join(f"http://{name}:{port}" for name in names),
        )  # fmt: skip
    print(f"Open {page}\n(it answers in about ten seconds; Ctrl-C ends it)", flush=True)
    # A light server: no job workers, no look-ups outside.
    environment = {
        **os.environ,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    command = ui_command(archive.address, port, host, names)
    os.execve(command[0], command, environment)


def weights(line: Line) -> int:
    """List the published models, or fetch some."""
    names = names_in(line.keys["get"])
    for name in names:
        check_choice("get", name, tuple(PUBLISHED))
    failed = 0
    for name in names:
        try:
            print(f"{name:<12}{published(name).source}", flush=True)
        except ModelError as error:
            print(f"posexp: {error}", file=sys.stderr)
            failed = error.exit_status
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


def _archive(line: Line) -> Archive:
    """Where the runs are."""
    return Archive(load_config(line.overrides)[0].tracking)


_FUNCTIONS: dict[str, Callable[[Line], int]] = {
    "": run,
    "ui": ui,
    "evaluate": evaluate,
    "compare": compare,
    "rerun": rerun,
    "sync": sync,
    "weights": weights,
    "media": kept_media,
}
