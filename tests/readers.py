"""Programs that read exports and want other versions than ours: each in an environment of its own.

They are made once, below the folder for temporary files, and kept for the next session.
"""

from __future__ import annotations

import getpass
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import pytest
from filelock import FileLock


def python_with(package: str) -> Path:
    """The Python of an environment that has `package`; the test is skipped where it cannot be."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    place = Path(tempfile.gettempdir()) / f"posexp-readers-{getpass.getuser()}-{version}"
    place.mkdir(parents=True, exist_ok=True)
    folder, ready = place / package, place / f"{package}.ready"
    windows = sys.platform == "win32"
    python = folder / ("Scripts/python.exe" if windows else "bin/python")
    with FileLock(place / f"{package}.lock"):
        if not ready.is_file():
            venv.create(folder, with_pip=True, clear=True)
            try:
                done = subprocess.run(
                    [python, "-m", "pip", "install", "--quiet", "--only-binary=:all:", package],
                    capture_output=True, text=True, timeout=420, check=False,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                pytest.skip(f"needs {package}: pip took more than 420 s")
            if done.returncode:
                said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
                pytest.skip(f"needs {package}, which pip could not install: {said[:200]}")
            ready.touch()
    return python


def read_with(package: str, code: str, *arguments: Path | str) -> None:
    """Run `code` in that environment, with `arguments` in ``sys.argv[1:]``."""
    python = python_with(package)
    done = subprocess.run(
        [python, "-c", code, *map(str, arguments)],
        cwd=python.parent, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
