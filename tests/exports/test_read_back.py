"""Every format, read back by the library of the program that it is for, within 1e-4 px."""

import json
from dataclasses import replace
from datetime import datetime
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from readers import read_with
from sequences import HEIGHT, WIDTH, standing

import posexp
from posexp.errors import TableError
from posexp.exports.formats import FORMATS
from posexp.exports.recording import Recording
from posexp.exports.write import export_into
from posexp.movement.angles import angles
from posexp.pose.skeleton import BLAZEPOSE33, COCO17
from posexp.store.run import Run
from tests.movement.people import chair_stands

FRAMES, FPS, LOST, HIDDEN = 30, 50, 4, (9, 10)
VIDEO = "/films/min film å.mp4"


def noisy(frames=FRAMES, **about):
    """A person who stands, with noise; nobody in frame LOST, a joint missing in frame 9."""
    poses = standing(frames, fps=FPS, source=VIDEO, model="thunder", **about)
    chance = np.random.default_rng(7)
    image = poses.image + chance.normal(0, 20, poses.image.shape).astype(np.float32)
    confidence = chance.uniform(0.05, 1, poses.confidence.shape).astype(np.float32)
    if frames > 10:
        image[LOST], confidence[LOST] = np.nan, 0
        image[HIDDEN], confidence[HIDDEN] = np.nan, 0
    return replace(poses, image=image, confidence=confidence)


def in_space(frames=FRAMES):
    """The same of a 3D variant."""
    chance = np.random.default_rng(8)
    shape = (frames, len(BLAZEPOSE33))
    confidence = chance.uniform(0.1, 1, shape).astype(np.float32)
    image = chance.uniform(0, 480, (*shape, 2)).astype(np.float32)
    world = chance.normal(0, 0.5, (*shape, 3)).astype(np.float32)
    depth = chance.normal(0, 50, shape).astype(np.float32)
    if frames > 10:
        for array in (image, world, depth):
            array[LOST] = np.nan
        confidence[LOST] = 0
    return posexp.PoseSequence(
        BLAZEPOSE33, np.arange(frames), np.arange(frames) / FPS, image, confidence, WIDTH, HEIGHT,
        depth, world, np.full(shape, 0.5), source=VIDEO, model="mlkit",
    )  # fmt: skip


POSES, SPACE = noisy(), in_space()
UPRIGHT = np.stack(
    [POSES.image[..., 0], HEIGHT - POSES.image[..., 1], POSES.image[..., 0] * 0], axis=-1
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a space and a letter of Norwegian in its name, and an export of each format."""
    place = tmp_path_factory.mktemp("exports") / "mine filer å"
    place.mkdir()
    for each in FORMATS.values():
        posexp.export(POSES, place / f"px{each.suffix}", each.name)
        if "m" in each.units:
            posexp.export(SPACE, place / f"m{each.suffix}", each.name, unit="m")
    return place


def same(found, expected, within=1e-4):
    found = np.asarray(found, float)
    assert found.shape == expected.shape
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    assert np.nanmax(abs(found - expected)) <= within


def test_csv(folder):
    table = pd.read_csv(folder / "px.csv")
    assert list(table.columns) == ["frame", "time_s", "joint", "x_px", "y_px", "confidence"]
    assert tuple(table["joint"][:17]) == COCO17.joints
    same(table[["x_px", "y_px"]].to_numpy().reshape(POSES.image.shape), POSES.image)
    same(table["confidence"].to_numpy().reshape(FRAMES, -1), POSES.confidence, 1e-7)
    assert np.array_equal(table["time_s"].to_numpy()[::17], POSES.time)
    table = pd.read_csv(folder / "m.csv")
    same(table[["x_m", "y_m", "z_m"]].to_numpy().reshape(SPACE.world.shape), SPACE.world, 1e-7)


def test_xlsx(folder):
    import openpyxl

    book = openpyxl.load_workbook(folder / "px.xlsx", read_only=True)
    assert book.sheetnames == ["keypoints", "angles", "about"]
    tables = pd.read_excel(folder / "px.xlsx", sheet_name=None)
    keypoints = tables["keypoints"]
    columns = [f"{joint}_{axis}_px" for joint in COCO17.joints for axis in "xy"]
    same(keypoints[columns].to_numpy().reshape(POSES.image.shape), POSES.image)
    assert list(keypoints["frame"]) == list(POSES.frame)
    expected = angles(POSES)["left_knee_flexion"].to_numpy()
    same(tables["angles"]["left_knee_flexion_deg"], expected)
    about = dict(tables["about"].itertuples(index=False))
    assert about["video"] == VIDEO and about["unit"] == "px" and about["model"] == "thunder"
    space = pd.read_excel(folder / "m.xlsx", sheet_name="keypoints")
    same(space["left_hip_z_m"], SPACE.world[:, BLAZEPOSE33.index("left_hip"), 2], 1e-6)


def test_mat(folder):
    from scipy.io import loadmat

    read = loadmat(folder / "px.mat", simplify_cells=True)
    same(read["points"], POSES.image)
    same(read["confidence"], POSES.confidence, 1e-7)
    assert list(read["joints"]) == list(COCO17.joints) and read["video"] == VIDEO
    assert np.array_equal(read["time"], POSES.time)
    same(read["angles"]["trunk_lean"], angles(POSES)["trunk_lean"].to_numpy())
    read = loadmat(folder / "m.mat", simplify_cells=True)
    same(read["points"], SPACE.world, 1e-7)
    assert read["unit"] == "m" and "away from the camera" in read["axes"]


@pytest.mark.parametrize("unit", ["px", "m"])
def test_c3d(folder, unit):
    import ezc3d

    read = ezc3d.c3d(str(folder / f"{unit}.c3d"))
    points = read["data"]["points"]
    expected = UPRIGHT if unit == "px" else SPACE.world * (1, -1, -1)
    same(points[:3].transpose(2, 1, 0), expected)
    missing = np.isnan(expected).any(axis=-1)
    assert ((read["data"]["meta_points"]["residuals"][0].T < 0) == missing).all()
    parameters = read["parameters"]["POINT"]
    assert parameters["UNITS"]["value"] == [unit] and parameters["RATE"]["value"] == [FPS]
    assert parameters["Y_SCREEN"]["value"] == ["+Y"]
    joints = (POSES if unit == "px" else SPACE).skeleton.joints
    assert tuple(parameters["LABELS"]["value"]) == joints


def test_nwb(folder):
    import pynwb

    for name, expected, unit in (
        ("px", POSES.image, "pixels"), ("m", SPACE.world, "meters"),
    ):  # fmt: skip
        with pynwb.NWBHDF5IO(str(folder / f"{name}.nwb"), "r", load_namespaces=True) as file:
            pose = file.read().processing["behavior"]["PoseEstimation"]
            assert not pynwb.validate(io=file)
            joints = list(pose.skeleton.nodes[:])
            series = [pose.pose_estimation_series[joint] for joint in joints]
            same(np.stack([each.data[:] for each in series], axis=1), expected, 1e-6)
            assert {each.unit for each in series} == {unit}
            assert np.array_equal(series[0].timestamps[:], POSES.time)
            skeleton = COCO17 if name == "px" else BLAZEPOSE33
            edges = [tuple(joints[i] for i in edge) for edge in pose.skeleton.edges[:]]
            assert edges == list(skeleton.edges)


def test_deeplabcut(folder):
    truth = posexp.read_truth(folder / "px.deeplabcut.csv", WIDTH, HEIGHT)
    for frame in (0, FRAMES - 1):
        row = int(np.flatnonzero(truth.poses.frame == frame)[0])
        ours = POSES.skeleton.indices(truth.poses.skeleton.joints)
        same(truth.poses.image[row], POSES.image[frame, ours])
    table = pd.read_hdf(folder / "px.h5")
    assert table.columns.names == ["scorer", "bodyparts", "coords"]
    same(table.to_numpy().reshape(FRAMES, 17, 3)[..., :2], POSES.image)
    assert list(table.index) == list(POSES.frame)


def test_coco(folder):
    from pycocotools.coco import COCO

    coco = COCO(str(folder / "px.coco.json"))
    assert len(coco.getImgIds()) == FRAMES and len(coco.getAnnIds()) == FRAMES - 1
    assert coco.getAnnIds(imgIds=[LOST]) == []
    for frame in set(range(FRAMES)) - {LOST}:
        (label,) = coco.loadAnns(coco.getAnnIds(imgIds=[frame]))
        triples = np.reshape(label["keypoints"], (-1, 3))
        seen = np.isfinite(POSES.image[frame, :, 0])
        same(triples[seen, :2], POSES.image[frame, seen])
        flags = np.where(seen, np.where(POSES.confidence[frame] >= 0.3, 2, 1), 0)
        assert triples[:, 2].tolist() == flags.tolist()
        assert (triples[~seen] == 0).all() and label["num_keypoints"] == seen.sum()
    category = coco.loadCats([1])[0]
    assert category["keypoints"] == list(COCO17.joints)
    truth = posexp.read_truth(folder / "px.coco.json", WIDTH, HEIGHT)
    assert len(truth.poses) == FRAMES - 1


def test_kinovea(folder):
    """By its XML: Kinovea itself runs on Windows only."""
    root = ElementTree.parse(folder / "px.kva").getroot()
    ticks = float(root.findtext("AverageTimeStampsPerFrame")) * float(
        root.findtext("UserFramerate")
    )
    tracks = {track.get("name"): track for track in root.iter("Track")}
    assert set(tracks) == set(COCO17.joints)
    for joint, track in tracks.items():
        read = np.array([p.text.split(";") for p in track.iter("TrackPoint")], float)
        there = np.isfinite(POSES.joint(joint)).all(axis=1)
        same(read[:, :2], POSES.joint(joint)[there])
        assert read[:, 2] / ticks == pytest.approx(POSES.time[there], abs=1e-6)


_MOVEMENT = """
import sys, numpy as np, xarray, warnings
from movement.io import load_poses
from movement.validators.datasets import ValidPosesInputs
folder, out = sys.argv[1:]
read = {"nc": xarray.open_dataset(folder + "/px.nc"), "nc_m": xarray.open_dataset(folder + "/m.nc"),
        "nwb": load_poses.from_nwb_file(folder + "/px.nwb"),
        "dlc": load_poses.from_dlc_file(folder + "/px.deeplabcut.csv", fps=50),
        "h5": load_poses.from_dlc_file(folder + "/px.h5", fps=50),
        "lp": load_poses.from_lp_file(folder + "/px.lightningpose.csv", fps=50)}
for name, ds in read.items():
    ValidPosesInputs.validate(ds)
    assert ds.attrs["ds_type"] == "poses" and ds.attrs["time_unit"] == "seconds", (name, ds.attrs)
    assert ds.position.dims == ("time", "space", "keypoints", "individuals"), (name, ds)
ds = read["nc"]
made = load_poses.from_numpy(ds.position.values, ds.confidence.values, ["person"],
                             list(ds.keypoints.values), ds.fps, "posexp")
assert made.sizes == ds.sizes and set(made.attrs) <= set(ds.attrs), (made, ds)
assert np.allclose(made.time, ds.time)
order = dict(keypoints=ds.keypoints.values)  # NWB has the joints by the alphabet
read = {k: v if k == "nc_m" else v.sel(order) for k, v in read.items()}
np.savez(out, **{k: v.position.values[..., 0].transpose(0, 2, 1) for k, v in read.items()},
         confidence=ds.confidence.values[..., 0], joints=ds.keypoints.values.astype(str))
"""


def test_movement(folder, tmp_path):
    read_with("movement", _MOVEMENT, folder, tmp_path / "read.npz")
    read = np.load(tmp_path / "read.npz")
    for name in ("nc", "nwb", "dlc", "h5", "lp"):
        same(read[name], POSES.image)
    same(read["nc_m"], SPACE.world, 1e-7)
    same(read["confidence"], POSES.confidence, 1e-7)
    assert tuple(read["joints"]) == COCO17.joints


_OPENSIM = """
import sys, numpy as np, opensim
folder, out = sys.argv[1:]
read = {}
for unit in ("px", "m"):
    table = opensim.TimeSeriesTableVec3(f"{folder}/{unit}.trc")
    flat = table.flatten(["_x", "_y", "_z"])
    read[unit] = flat.getMatrix().to_numpy()
    read[unit + "_time"] = np.array(table.getIndependentColumn())
    read[unit + "_labels"] = np.array(table.getColumnLabels())
    assert table.getTableMetaDataString("Units") == unit
    assert float(table.getTableMetaDataString("DataRate")) == 50
table = opensim.TimeSeriesTable(folder + "/px.mot")
assert table.getTableMetaDataString("inDegrees") == "yes"
read["mot"] = table.getMatrix().to_numpy()
read["mot_time"] = np.array(table.getIndependentColumn())
read["mot_labels"] = np.array(table.getColumnLabels())
storage = opensim.Storage(folder + "/px.mot")  # as the GUI and the tools read it
assert storage.isInDegrees() and storage.getSize() == len(read["mot"]) == 30, storage.getSize()
for unit, label in (("px", "unknown"), ("m", "meters")):
    markers = opensim.MarkerData(f"{folder}/{unit}.trc")  # as the scale tool reads it
    assert markers.getNumFrames() == 30 and markers.getDataRate() == 50
    assert markers.getUnits().getLabel() == label
    read[unit + "_markers"] = np.array([
        [markers.getFrame(i).getMarker(j).to_numpy() for j in range(markers.getNumMarkers())]
        for i in range(30)])
np.savez(out, **read)
"""


def test_opensim(folder, tmp_path):
    read_with("opensim", _OPENSIM, folder, tmp_path / "read.npz")
    read = np.load(tmp_path / "read.npz")
    same(read["px"].reshape(UPRIGHT.shape), UPRIGHT)
    same(read["m"].reshape(SPACE.world.shape), SPACE.world * (1, -1, -1), 1e-6)
    same(read["px_markers"], UPRIGHT)
    same(read["m_markers"], SPACE.world * (1, -1, -1), 1e-6)
    assert tuple(read["px_labels"]) == COCO17.joints
    for name in ("px_time", "m_time", "mot_time"):
        assert read[name] == pytest.approx(POSES.time, abs=1e-8)
    expected = angles(POSES).drop(columns=["frame", "time"])
    assert list(read["mot_labels"]) == list(expected)
    same(read["mot"], expected.interpolate(limit_direction="both").to_numpy(), 1e-5)
    assert expected.isna().to_numpy().any()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("frames", [1, 12])
def test_nobody_at_all_and_a_single_frame(name, frames, tmp_path):
    nobody = replace(
        POSES.take(np.arange(frames)), image=np.full((frames, 17, 2), np.nan),
        confidence=np.zeros((frames, 17)),
    )  # fmt: skip
    path = tmp_path / f"x{FORMATS[name].suffix}"
    assert posexp.export(POSES.take(np.arange(frames)), path, name).stat().st_size > 100
    if name == "mot":
        with pytest.raises(TableError, match="no angle is seen in any frame"):
            posexp.export(nobody, path, name, overwrite=True)
    else:
        assert posexp.export(nobody, path, name, overwrite=True).stat().st_size > 100


def test_the_scale_of_a_run_makes_metres_of_pixels(tmp_path):
    with_scale = Recording(POSES, unit="m", m_per_px=0.002)
    same(with_scale.points, POSES.image.astype(float) * 0.002, 1e-9)
    same(with_scale.upright, UPRIGHT * 0.002, 1e-6)
    # Up is up, and the camera is where Z points: right-handed.
    upright = Recording(SPACE, unit="m").upright
    assert np.array_equal(upright, SPACE.world * np.array([1, -1, -1]), equal_nan=True)


def logged(folder, poses=POSES, **about):
    """A run whose files are in `folder`."""
    (folder / "keypoints").mkdir(parents=True)
    poses.to_parquet(folder / "keypoints/keypoints.parquet")
    about = {"metrics": {}, "id": "0123456789abcdef", **about}
    return Run(
        name="thunder min film å", status="FINISHED", params={"model": "thunder"},
        tags={"video": VIDEO}, artifacts=str(folder), experiment_id="1", uri=f"sqlite:///{folder}/x.db",
        start_ms=1_700_000_000_000, **about,
    )  # fmt: skip


def test_what_a_run_has_cleaned_is_taken_unless_raw_is_asked_for(tmp_path):
    run = logged(tmp_path / "run", metrics={"movement/m_per_px": 0.002})
    cleaned = replace(POSES, image=POSES.image + 3)
    cleaned.to_parquet(tmp_path / "run/keypoints/cleaned.parquet")
    for path, table in {
        "angles/angles.csv": pd.DataFrame(
            {"frame": POSES.frame, "time": POSES.time, "left_knee": np.arange(FRAMES) * 1.5}
        ),
        "movement/repetitions.csv": pd.DataFrame(
            {"repetition": [1, 2], "start_s": [0.1, 0.3], "rise_s": [0.5, np.nan]}
        ),
    }.items():
        (tmp_path / "run" / path).parent.mkdir()
        table.to_csv(tmp_path / "run" / path, index=False)
    out = tmp_path / "out"
    (book,) = export_into(run, out, ["xlsx"])
    assert book.name == "min film å_thunder_cleaned_px_01234567.xlsx"
    sheets = pd.read_excel(book, sheet_name=None)
    assert list(sheets) == ["keypoints", "angles", "repetitions", "about"]
    same(sheets["keypoints"]["nose_x_px"], cleaned.image[:, 0, 0])
    assert list(sheets["angles"]["left_knee_deg"]) == [i * 1.5 for i in range(FRAMES)]
    assert list(sheets["repetitions"]["start_s"]) == [0.1, 0.3]
    (mot,) = export_into(run, out, ["mot"], unit="m")
    assert mot.name == "min film å_thunder_cleaned_01234567.mot"
    rows = mot.read_text(encoding="utf-8").split("endheader\n")[1].splitlines()
    assert rows[0] == "time\tleft_knee" and rows[2].split("\t")[1] == "1.5"
    raw = run.export(out / "raw.csv", what="raw", unit="m")
    table = pd.read_csv(raw)
    same(table["x_m"].to_numpy().reshape(FRAMES, 17), POSES.image[..., 0] * 0.002, 1e-6)


def test_angles_are_of_one_convention_with_and_without_the_runs_own(tmp_path):
    """0 is straight, also in what is exported of raw poses."""
    stands = chair_stands((2,), stop=5)
    run = logged(tmp_path / "run", stands)
    made = pd.read_excel(run.export(tmp_path / "raw.xlsx"), sheet_name="angles")
    stands.to_parquet(tmp_path / "run/keypoints/cleaned.parquet")
    (tmp_path / "run/angles").mkdir()
    angles(stands).to_csv(tmp_path / "run/angles/angles.csv", index=False)
    own = pd.read_excel(run.export(tmp_path / "own.xlsx"), sheet_name="angles")
    pd.testing.assert_frame_equal(made, own, atol=1e-6)
    upright = made["left_knee_flexion_deg"][stands.time > 3.5]
    assert upright.min() >= 0 and upright.iloc[0] < 30


def test_nwb_says_when_the_run_began(tmp_path):
    import pynwb

    path = logged(tmp_path / "run").export(tmp_path / "x.nwb")
    with pynwb.NWBHDF5IO(str(path), "r", load_namespaces=True) as file:
        began = file.read().session_start_time
    assert began == datetime.fromisoformat("2023-11-14T22:13:20+00:00")


def test_coco_takes_the_threshold_of_the_run(tmp_path):
    run = logged(tmp_path / "run")
    run.params["keypoints.confidence_threshold"] = "0.9"
    content = json.loads(run.export(tmp_path / "x.json").read_text(encoding="utf-8"))
    flags = [flag for each in content["annotations"] for flag in each["keypoints"][2::3]]
    assert flags.count(2) == int((POSES.confidence >= 0.9).sum())
