"""``python -m posexp export`` over real runs, one of them in a sweep."""

import numpy as np
import pandas as pd
import pytest
from clips import ffmpeg
from conftest import posexp_command

import posexp
from posexp.video.embedded import embedded_clip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A project with a sweep of two clips, and a run of one of them after it."""
    folder = tmp_path_factory.mktemp("export å")
    for name, start in (("my clip", "0"), ("other", "1")):
        ffmpeg("-i", embedded_clip(), "-ss", start, "-frames:v", "20", folder / f"{name}.mp4")
    posexp.sweep(
        [f"video={folder}/*.mp4", f"tracking.folder={folder / 'mlruns'}", "overlay=none",
         "tracking.sweep=pilot"]
    )  # fmt: skip
    run = posexp.run(
        [f"video={folder / 'my clip.mp4'}", f"tracking.folder={folder / 'mlruns'}", "overlay=none"]
    )
    return folder, run


def exported(place, *arguments):
    done = posexp_command("export", *arguments, cwd=place[0])
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


def test_the_last_run_in_two_formats(place):
    folder, run = place
    status, out, err = exported(place, "to=mine filer", "format=csv,trc", "unit=m", "what=raw")
    assert status == 0 and err == []
    names = [f"my clip_mlkit_raw_m_{run.id[:8]}{suffix}" for suffix in (".csv", ".trc")]
    assert out == [f"mine filer/{name}" for name in names]
    table = pd.read_csv(folder / "mine filer" / names[0])
    poses = run.poses()
    read = table[["x_m", "y_m", "z_m"]].to_numpy().reshape(poses.world.shape)
    assert np.allclose(read, poses.world, atol=1e-7, equal_nan=True)
    status, out, err = exported(
        place, f"run={run.id[:10]}", "to=mine filer", "format=csv", "unit=m", "what=raw"
    )
    assert status == 2 and out == [] and "is there already. overwrite=true" in err[0]
    arguments = "to=mine filer", "format=csv", "unit=m", "what=raw", "overwrite=true"
    assert exported(place, *arguments)[0] == 0


def test_a_sweep_goes_to_one_folder(place):
    folder, _ = place
    status, out, err = exported(place, "sweep=pilot", "to=all", "format=deeplabcut", "what=raw")
    assert status == 0 and err == [] and len(out) == 2
    assert sorted(name.partition("_")[0] for name in out) == ["all/my clip", "all/other"]
    # One that is there: the other is written, and the status says so.
    (folder / out[0]).unlink()
    status, again, err = exported(place, "sweep=pilot", "to=all", "format=deeplabcut", "what=raw")
    assert status == 1 and again == out[:1]
    assert "is there already" in err[0] and "1 of 2 runs were not exported" in err[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["to=x"], "format: expected some of xlsx, csv"),
        (["format=trc"], "to: expected a folder"),
        (["to=x", "format=trc,excel"], "got 'excel'"),
        (["to=x", "format=trc", "sweep=none"], "expected finished runs"),
        (["to=x", "format=trc", "sweep=pilot", "run=last"], "run= or sweep=, got both"),
        (["to=x", "format=trc", "overwrite=yes"], "overwrite: expected one of true, false"),
        (["to=x", "format=coco", "unit=m"], "coco holds px only"),
        (["to=x", "format=trc", "run=zzz"], "expected one run"),
    ],
)
def test_mistakes_are_one_line(place, arguments, said):
    status, out, err = exported(place, *arguments)
    assert status in (1, 2) and out == [] and len(err) == 1 and said in err[0]
    assert not (place[0] / "x").exists()
