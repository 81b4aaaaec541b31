"""The C++ libraries' log lines go nowhere, and Python's own messages stay, in terminals and out."""

import io
import os
import subprocess
import sys

import pytest

from posexp.models import native

NOISY = """
import os, sys
from posexp.models import native
def say():
    os.write(2, b"W0000 native\\n")
    print("python å", file=sys.stderr)
say()
for _ in range(2):
    with native.messages_off():
        say()
say()
"""


def said(command, **environment):
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **environment}
    ).stderr.splitlines()


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_in_a_terminal_python_is_heard_and_the_libraries_are_not(encoding):
    python = "python å" if encoding == "utf-8" else "python \\xe5"
    lines = said([sys.executable, "-c", NOISY], PYTHONIOENCODING=encoding)
    assert lines == ["W0000 native", python, python, python, "W0000 native", python]


def test_a_stream_that_is_no_descriptor_stays_as_it_is(monkeypatch, capfd):
    """A notebook's, say."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with native.messages_off():
        assert sys.stderr is stream
        os.write(2, b"W0000 native\n")
        print("python", file=sys.stderr)
    os.write(2, b"after\n")
    assert stream.getvalue() == "python\n"
    assert capfd.readouterr().err == "after\n"


def test_what_is_put_around_the_copy_is_used_and_all_descriptors_are_given_back():
    code = (
        "import os, sys\n"
        "from posexp.models import native\n"
        "class Shout:\n"
        "    def __init__(self, stream): self.stream = stream\n"
        "    def write(self, text): return self.stream.write(text.upper())\n"
        "    def flush(self): self.stream.flush()\n"
        "before, open_ = sys.stderr, sorted(os.listdir('/dev/fd'))\n"
        "try:\n"
        "    with native.messages_off(Shout):\n"
        "        print('loud', file=sys.stderr)\n"
        "        raise RuntimeError\n"
        "except RuntimeError: pass\n"
        "assert sys.stderr is before and sorted(os.listdir('/dev/fd')) == open_\n"
        "print('plain', file=sys.stderr)\n"
    )
    assert said([sys.executable, "-c", code]) == ["LOUD", "plain"]


def test_without_any_stderr(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with native.messages_off():
        assert sys.stderr is None
