"""Where jobs run."""

import os

import pytest

from posexp.errors import ConfigError
from posexp.settings import JoblibLauncher, SubmititLauncher
from posexp.sweeps import launchers


@pytest.mark.parametrize("count", [1, 2, 3, 5, 64])
def test_processors_are_dealt_out_whole_and_once_while_they_last(monkeypatch, count):
    mine = {0, 2, 3, 5, 7, 8, 9, 11}
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: mine, raising=False)
    dealt = launchers.shares(count)
    assert len(dealt) == count and all(dealt) and set().union(*dealt) == mine
    if count <= len(mine):
        assert sum(len(share) for share in dealt) == len(mine)
        assert max(map(len, dealt)) - min(map(len, dealt)) <= 1
    else:
        assert all(len(share) == 1 for share in dealt)


def test_a_launcher_whose_package_is_missing_says_what_to_install(monkeypatch, tmp_path):
    import sys

    for settings in (JoblibLauncher(), SubmititLauncher()):
        monkeypatch.setitem(sys.modules, settings.name, None)
        with pytest.raises(ConfigError, match=rf'pip install "posexp\[{settings.name}\]"'):
            next(launchers.launch(["a job"], settings, tmp_path, None))
