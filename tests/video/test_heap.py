"""Memory goes back to the system, and decoders take no more of it on large machines."""

import subprocess
import sys
from pathlib import Path

import av
import pytest
from clips import make_clip

from posexp.video import decoding


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and is about glibc")
def test_what_is_free_goes_back_although_something_lies_above_it():
    code = """
from pathlib import Path
from posexp.video.heap import tidy_heap

def size():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

blocks = [b"x" * 100_000 for _ in range(2000)]
last = b"x" * 100_000
full = size()
del blocks
print(full - size())
tidy_heap()
print(full - size())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    before, after = map(int, done.stdout.split())
    assert before < 100e6 < after


def test_a_decoder_has_two_threads_on_any_machine(tmp_path: Path):
    with av.open(str(make_clip(tmp_path / "clip.mp4", frames=3))) as container:
        track = container.streams.video[0]
        assert len(list(decoding.decode(container, track, []))) == 3
        assert track.codec_context.thread_count == 2
