"""The MLflow server that shows a local store to people, and by which names they reach it."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Sequence

from posexp.store.address import Address

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


def ui_command(
    address: Address, port: int, host: str = "127.0.0.1", names: Sequence[str] = ()
) -> list[str]:
    """The command that serves the UI of a store; by default to this machine only.

    Parameters
    ----------
    names : sequence of str
        By which browsers on other machines may ask for it. MLflow refuses others, since a page
        from elsewhere could lead a browser here by a name of its own.
    """
    known = [f"{name}{end}" for name in (*_LOCAL, *names) for end in ("", f":{port}")]
    origins = [f"{scheme}://{name}" for name in known for scheme in ("http", "https")]
    others = ["--allowed-hosts", ",".join(known), "--cors-allowed-origins", ",".join(origins)]
    return [
        sys.executable, "-m", "mlflow", "server", "--backend-store-uri", address.uri,
        "--default-artifact-root", (address.folder.resolve() / "artifacts").as_uri(),
        "--host", host, "--port", str(port), "--workers", "1",
        "--uvicorn-opts", "--log-level warning --no-access-log", *(others if names else ()),
    ]  # fmt: skip
