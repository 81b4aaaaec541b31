"""Output that may be closed or full, warnings as lines, and the signal that ends a run."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO


class Output:
    """A stream whose end does no harm: what nobody takes any more is dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.problem: OSError | None = None

    def write(self, text: str) -> int:
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._try(self._stream.flush)

    def _try(self, action: Callable[[], object]) -> None:
        if self.problem is None:
            try:
                action()
            except OSError as error:
                self.problem = error
                # What is left in its buffer goes there when Python ends.
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, self._stream.fileno())
                os.close(null)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def streams() -> Iterator[Output]:
    """Output that takes any letter, and may be closed or full, before or meanwhile.

    Yields
    ------
    Output
        stdout.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # else the next file that is opened, the database, say, becomes stderr
            os.open(os.devnull, os.O_RDWR)
    before = sys.stdout, sys.stderr
    outputs = [
        Output(stream or open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        for stream in before
    ]
    for output in outputs:
        if hasattr(output, "reconfigure"):
            output.reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = outputs  # type: ignore[assignment]
    try:
        yield outputs[0]
    finally:
        outputs[1].flush()
        sys.stdout, sys.stderr = before


class Lines(logging.Handler):
    """Warnings as lines like the errors', on whatever stderr is at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"posexp: {record.getMessage()}", file=sys.stderr)


@contextlib.contextmanager
def stop_on_sigterm() -> Iterator[None]:
    """Let `kill` and a cluster's time limit end a run as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
