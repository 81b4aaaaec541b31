"""The MLflow server that shows a local store to people, and by which names they reach it."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points

from posexp.store.address import Address
from posexp.store.pages import PAGE

_APP = "posexp"
"""The entry point in pyproject.toml by which MLflow finds `posexp.store.pages.app`."""

_LOCAL = ("localhost", "127.0.0.1", "[::1]")


def own_names(host: str) -> list[str]:
    """Names and addresses by which others reach a server on `host`; none when it is local."""
    if host in _LOCAL:
        return []
    full = socket.getfqdn()
    names = [socket.gethostname(), f"{socket.gethostname().partition('.')[0]}.local", full]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # nothing is sent: it chooses the way out
        names.append(probe.getsockname()[0])
    names.append(host)
    return [n for n in dict.fromkeys(names) if n not in (*_LOCAL, "0.0.0.0", "::")]


def serve(
    address: Address, page: str, port: int, host: str = "127.0.0.1", names: Sequence[str] = ()
) -> int:
    """Serve the UI of a store until somebody ends it; by default to this machine only.

    Parameters
    ----------
    page : str
        Where a browser lands that asks for no page.
    names : sequence of str
        By which browsers on other machines may ask for it. MLflow refuses others, since a page
        from elsewhere could lead a browser here by a name of its own.

    Returns
    -------
    int
        The exit status. What MLflow says while it starts is shown only when it fails.
    """
    from mlflow.cli import cli

    # A light server: no job workers, no look-ups outside.
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ[PAGE] = "#" + page.partition("#")[2]  # whatever name the browser knows us by
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            cli(server_arguments(address, port, host, names))
    except SystemExit as end:
        if end.code:
            print(said.getvalue(), end="", file=sys.stderr)
            return 1
    return 0


def server_arguments(
    address: Address, port: int, host: str = "127.0.0.1", names: Sequence[str] = ()
) -> list[str]:
    """What stands after ``mlflow``."""
    known = [f"{name}{end}" for name in (*_LOCAL, *names) for end in ("", f":{port}")]
    origins = [f"{scheme}://{name}" for name in known for scheme in ("http", "https")]
    others = ["--allowed-hosts", ",".join(known), "--cors-allowed-origins", ",".join(origins)]
    # An installation that is older than the entry point has MLflow's own pages.
    ours = entry_points(group="mlflow.app", name=_APP)
    return [
        "server", "--backend-store-uri", address.uri,
        "--default-artifact-root", (address.folder.resolve() / "artifacts").as_uri(),
        "--host", host, "--port", str(port), "--workers", "1",
        "--uvicorn-opts", "--log-level warning --no-access-log",
        *(["--app-name", _APP] if ours else ()), *(others if names else ()),
    ]  # fmt: skip
