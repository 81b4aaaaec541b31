"""Making runs, logging and showing them: a function for each command; it returns the status."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable

from posexp.config import load_config
from posexp.errors import ConfigError
from posexp.runs import run as runs
from posexp.runs.recovery import log_waiting, recover
from posexp.spans import told
from posexp.store.archive import Archive
from posexp.store.server import own_names, serve
from posexp.sweeps import clips
from posexp.terminal.parser import Line
from posexp.terminal.summaries import (
    print_repetition,
    print_run,
    print_sweep,
)

log = logging.getLogger("posexp")


def run(line: Line) -> int:
    """One run, or a sweep; or show the configuration only."""
    if line.options.cfg and line.options.multirun:
        raise ConfigError("--cfg", "shows one configuration, got -m", "Leave out one of them")
    if line.options.cfg:
        print(json.dumps(load_config(line.overrides)[1], indent=2, ensure_ascii=False))
        return 0
    if line.options.multirun or clips.is_batch(line.overrides):
        from posexp.sweeps import batch  # with pandas, which one run needs at its end only

        sweep = batch.sweep(line.overrides, progress=True)
        print_sweep(sweep)
        return 0 if sweep.failed.empty else 1
    print_run(runs.run(line.overrides, progress=True))
    if line.options.verbose:
        print(f"\nSeconds\n{told()}")
    return 0


def rerun(line: Line) -> int:
    """Repeat a logged run."""
    settings = load_config(line.overrides)[0].tracking
    which, weights = str(line.keys["run"]), line.keys["weights"]
    again = runs.rerun(which, settings, weights=weights, progress=True)
    print_repetition(again)
    return 0 if again.identical else 1


def sync(line: Line) -> int:
    """Log what waits."""
    archive = Archive(load_config(line.overrides)[0].tracking)
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
    """Serve the MLflow UI until Ctrl-C."""
    host, port = line.options.host, line.options.port
    archive = Archive(load_config(line.overrides)[0].tracking)
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
    return serve(archive.address, page, port, host, names)


FUNCTIONS: dict[str, Callable[[Line], int]] = {
    "": run,
    "ui": ui,
    "rerun": rerun,
    "sync": sync,
}
