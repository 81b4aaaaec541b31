"""Poses written down as they come."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posexp.pose.sequence import FramePose
from posexp.store.journal import Journal, read_journal


def poses(count: int, joints: int, three_d: bool, seed: int) -> list[FramePose]:
    random = np.random.default_rng(seed)
    made = []
    for index in range(count):
        image = random.normal(size=(joints, 2)).astype(np.float32)
        image[random.random(joints) < 0.2] = np.nan
        rest = {}
        if three_d:
            rest = {"depth": random.random(joints, np.float32),
                    "world": random.random((joints, 3), np.float32),
                    "visibility": random.random(joints, np.float32)}  # fmt: skip
        made.append(FramePose(3 * index, index / 29.97, image, random.random(joints, np.float32),
                              **rest))  # fmt: skip
    return made


def same(first: FramePose, second: FramePose) -> bool:
    names = ("frame", "time", "image", "confidence", "depth", "world", "visibility")
    pairs = [(getattr(first, name), getattr(second, name)) for name in names]
    return all(a is b is None or np.array_equal(a, b, equal_nan=np.ndim(a) > 0) for a, b in pairs)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.sampled_from([17, 33]), st.booleans(), st.integers(0, 99),
       st.floats(0, 1))  # fmt: skip
def test_what_was_whole_comes_back_bit_for_bit(
    tmp_path_factory, count, joints, three_d, seed, share
):
    path = tmp_path_factory.mktemp("journal") / "poses.journal"
    written = poses(count, joints, three_d, seed)
    journal = Journal(path, joints)
    for pose in written:
        journal.add(None, pose)  # it only looks at the pose
    whole = path.read_bytes()
    assert len(read_journal(path, joints)) == count
    path.write_bytes(whole[: round(share * len(whole))])  # killed in the middle of a record
    read = read_journal(path, joints)
    head = whole.index(b"\n") + 1
    size = (len(whole) - head) // count
    assert len(read) == max(0, (round(share * len(whole)) - head) // size)
    assert all(same(*pair) for pair in zip(read, written, strict=False))


def test_nothing_is_read_from_what_is_no_journal(tmp_path):
    path = tmp_path / "poses.journal"
    assert read_journal(path, 17) == []
    path.write_bytes(b"\x80\x04 a pickle, say\n" + bytes(5000))
    assert read_journal(path, 17) == []


def test_a_full_disk_ends_the_journal_and_not_the_run():
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    journal = Journal(full, 17)
    for pose in poses(3, 17, False, 0):
        journal.add(None, pose)
    assert journal._file is not None and journal._file.closed  # it has stopped trying
    journal.close()
