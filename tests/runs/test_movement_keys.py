"""Keys of the movement: they change results, and leave finished runs of before finished."""

from pathlib import Path

from posexp.config import load_config
from posexp.runs.fingerprint import Content, fingerprint_of

CONTENT = Content("0" * 64, (1, 1), None)


def fingerprint(*overrides: str, without: tuple[str, ...] = ()) -> str:
    plain = load_config([f"video={Path('clip.mp4')}", *overrides])[1]
    plain = {key: value for key, value in plain.items() if key not in without}
    return fingerprint_of(plain, CONTENT, "keypoints", {})


def test_runs_from_before_there_were_these_keys_are_not_done_again():
    assert fingerprint() == fingerprint(without=("activity", "scale", "cleaning"))


def test_what_is_typed_is_another_result():
    typed = [(), ("activity=squat",), ("scale.height_m=1.7",), ("scale.height_m=1.8",)]
    assert len({fingerprint(*each) for each in typed}) == len(typed)
