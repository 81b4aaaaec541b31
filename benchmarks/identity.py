"""Say whether two versions of posexp do the same, value by value.

``python benchmarks/identity.py print [only=CASE,...] > before.json`` runs the cases with the posexp
that is importable, each in a folder of its own, and prints what came out: status and text of every
command; of every run its parameters, tags, metrics, series, tables, and the pixels of its pictures.
``python benchmarks/identity.py compare before.json after.json`` says what differs, a line each, and
ends with status 1 if anything does.

It knows commands, public names and MLflow only, so the modules may lie wherever they like. Both
must be run on one machine: models round in other ways on others. Lightning's int8 file is looked
for in ``../shared``.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import ViewType
from PIL import Image

import posexp

SHARED = Path(__file__).resolve().parents[2] / "shared"
INT8 = SHARED / "models" / "movenet_singlepose_lightning_int8_v4.tflite"
PACKAGE = Path(posexp.__file__).resolve().parent

# In each case's folder: clips/ with the embedded clips and their truth, bare.mp4 without truth,
# truth.parquet of that, and study.csv. Short stretches where a key is tried, whole clips where a
# model is.
CASES = {
    "default": ["posexp"],
    "models": [
        "posexp -m model=mlkit,lightning,thunder video=clips/ tracking.sweep=models",
        "posexp compare sweep=models",
    ],
    "int8": [f"posexp -m model=lightning model.weights={INT8} video=clips/"],
    "sizes": ["posexp -m model=mlkit model.complexity=lite,heavy video=clips/phone_side.mp4"],
    "single_image": ["posexp -m model=mlkit model.mode=single_image 'video=clips/phone_[os]*.mp4'"],
    "keys": [
        "posexp video=bare.mp4 video.start=0.5 video.stop=1.5 keypoints.joints=all overlay=none",
        "posexp rerun run=last",
        "posexp model=lightning video=clips/drone_oblique.mp4 video.stop=1 overlay.height=240"
        " overlay.trail=10 overlay.start_frame=5 overlay.stop_frame=20"
        " model.crop.min_keypoint_score=0.3 keypoints.confidence_threshold=0.5",
        "posexp model=thunder video=clips/phone_front.mp4 video.start=1 video.stop=2"
        " model.crop.torso_expansion=2.5 overlay.height=null overlay.confidence_threshold=0.6"
        " tracking.experiment='två ord' tracking.run_name='ett namn'",
        "posexp model.min_tracking_confidence=0.9 model.min_detection_confidence=0.6"
        " video=clips/phone_oblique_passer_by.mp4 video.stop=1 overlay.height=64",
    ],
    "compare": [
        "posexp video=bare.mp4 overlay=none",
        "posexp model=lightning video=bare.mp4 overlay=none",
        "posexp evaluate run=last truth=truth.parquet",
        "posexp video=bare.mp4 model.mode=single_image keypoints.confidence_threshold=0.9"
        " overlay=none",
        "posexp compare video=bare.mp4",
        "posexp evaluate run=last truth=half.csv",
    ],
    "sweep": [
        "posexp -m model.mode=stream,single_image video=study.csv video.stop=0.4",
        "posexp video=study.csv video.stop=0.4 overlay.height=48",
        "posexp 'video=clips/phone_*.mp4' launcher=joblib launcher.jobs=2 video.stop=0.2"
        " overlay=none",
    ],
    "waiting": [
        "posexp video=bare.mp4 video.stop=0.3 tracking.uri=http://127.0.0.1:9",
        "posexp sync",
        "posexp sync",
    ],
    "said": [
        "posexp --help", "posexp --version", "posexp --cfg model=thunder", "posexp media",
        "posexp --cfg model=mlkit video=a=b,c.mp4", "posexp weights", "posexp video=no.mp4",
        "posexp modle=mlkit", "posexp model=mlkit model.crop.torso_expansion=2",
        "posexp bare.mp4", "posexp video.start=3 video.stop=2", "posexp video=truth.parquet",
        "posexp keypoints.confidence_threshold=2", "posexp compare", "posexp evaluate runn=x",
        "posexp ui --port x", "posexp.benchmark --help", "posexp.benchmark list",
        "posexp -m video=nothing/",
    ],
}  # fmt: skip

# Of when, where and by whom; all else must be the same.
LEFT_OUT = {"mlflow.user", "mlflow.source.name", "mlflow.source.type", "mlflow.source.git.commit",
            "posexp.key"}  # fmt: skip


def digest(data: Any) -> str:
    data = np.ascontiguousarray(data) if isinstance(data, np.ndarray) else data
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


class Place:
    """A case's folder, and what in its texts is of this time and place."""

    def __init__(self, path: Path) -> None:
        self.path, self.names = path, {}  # run's id to a name that does not change
        clips, truth = path / "clips", "sit_to_stand.truth.parquet"
        clips.mkdir(parents=True)
        for file in PACKAGE.rglob("*.mp4"):
            for each in file.parent.glob(f"{file.stem}.*"):
                shutil.copy(each, clips)
        shutil.copy(clips / "phone_side.mp4", path / "bare.mp4")
        shutil.copy(clips / "phone_side.truth.parquet", path / "truth.parquet")
        labels = posexp.read_truth(clips / truth, 640, 480).poses.to_table()
        (path / "half.csv").write_text(labels.iloc[:50].to_csv(index=False))
        (path / "study.csv").write_text(
            "video,participant,session\nclips/phone_front.mp4,P01,first\n"
            "clips/phone_side.mp4,P02,å\nstudy.csv,P03,no video\n", encoding="utf-8",
        )  # fmt: skip

    def plain(self, text: str) -> str:
        """A text without ids, times and folders."""
        for number, name in self.names.items():
            text = text.replace(number, name).replace(number[:8], name)
        text = text.replace(str(self.path), "HERE").replace(str(SHARED), "SHARED")
        text = re.sub(rf"{re.escape(str(PACKAGE))}/(?:[\w.-]+/)*", "PACKAGE/", text)
        text = re.sub(r"timestamp\+\d+\+[0-9a-f-]{36}", "timestamp", text)
        return re.sub(r"\b\d{8}-\d{6}-", "TIME-", text)

    def run(self, command: str) -> tuple[int, str, str]:
        module, *arguments = shlex.split(command)
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments], cwd=self.path, capture_output=True,
            text=True, check=False, stdin=subprocess.DEVNULL,
            env={k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"},
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    def runs(self) -> dict[str, Any]:
        """All runs of the store, deleted ones too, in the order in which they began."""
        database = self.path / "mlruns" / "mlflow.db"
        if not database.is_file():
            return {}
        client = MlflowClient(f"sqlite:///{database}")
        experiments = [e.experiment_id for e in client.search_experiments()]
        runs = client.search_runs(experiments, "", ViewType.ALL, 1000, ["start_time ASC"])
        # Workers side by side begin in any order; what decides a run is in its fingerprint.
        runs = sorted(runs, key=lambda r: (r.info.run_name, r.data.tags.get("posexp.fingerprint")
                                           or "", r.info.start_time))  # fmt: skip
        self.names = {run.info.run_id: f"RUN{n}" for n, run in enumerate(runs)}
        return {
            f"{n} {self.plain(run.info.run_name)}": self.content(client, run)
            for n, run in enumerate(runs)
        }

    def content(self, client: MlflowClient, run: Any) -> dict[str, Any]:
        info, data = run.info, run.data
        tags = {k: self.plain(v) for k, v in data.tags.items() if k not in LEFT_OUT}
        series = {}
        for name in data.metrics:  # none of them is a speed or a time of ours; lag is the model's
            history = client.get_metric_history(info.run_id, name)
            if len(history) > 1:
                series[name] = sorted([m.step, m.value] for m in history)
        folder = Path(info.artifact_uri.removeprefix("file://"))
        if "%" in folder.name or not folder.is_dir():
            folder = Path(posexp.load(info.run_id, client.tracking_uri).artifacts)
        paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.*")}
        return {
            "status": [info.status, info.lifecycle_stage], "tags": tags, "metrics": data.metrics,
            "params": {k: self.plain(v) for k, v in data.params.items()}, "series": series,
            "inputs": [self.plain(f"{i.dataset.name} {i.dataset.digest} {i.dataset.source}")
                       for i in run.inputs.dataset_inputs],
            "paths": sorted(map(self.plain, paths)),
            "files": {self.plain(k): self.file(path) for k, path in sorted(paths.items())},
        }  # fmt: skip

    def file(self, path: Path) -> Any:
        """What a file holds, however it is packed."""
        if path.suffix == ".parquet":
            table = pyarrow.parquet.read_table(path)
            about = {k.decode(): self.plain(v.decode()) for k, v in table.schema.metadata.items()}
            return {n: digest(table[n].to_numpy()) for n in table.column_names} | about
        if path.suffix in (".png", ".webp"):
            return digest(np.asarray(Image.open(path)))
        if path.suffix == ".mp4":
            with av.open(str(path)) as video:
                return [[str(frame.time), digest(frame.to_ndarray(format="rgb24"))[:16]]
                        for frame in video.decode(video=0)]  # fmt: skip
        return digest(self.plain(path.read_text(encoding="utf-8")))  # tables, pages, configuration


def python(place: Place) -> dict[str, Any]:
    """The public names, in this process."""
    found: dict[str, Any] = {"names": sorted(posexp.__all__)}
    bare, poses = place.path / "bare.mp4", {}
    for model, options in (("mlkit", {"mode": "stream"}), ("lightning", {}), ("thunder", {})):
        poses[model] = seen = posexp.extract(bare, model, start=0.4, stop=1.6, **options)
        found[model] = {
            name: digest(value) for name, value in vars(seen).items()
            if isinstance(value, np.ndarray)
        }  # fmt: skip
        evaluation = posexp.evaluate(seen, place.path / "truth.parquet", part=True)
        found[model] |= {"metrics": evaluation.metrics(), "pose": repr(seen.skeleton)}
        for name in ("joint_table", "pck_curve", "calibration", "angles"):
            found[model][name] = digest(getattr(evaluation, name)().to_csv())
    comparison = posexp.compare(poses)
    for name in ("run_table", "pairwise", "agreement_curve", "bland_altman", "overlap", "timing",
                 "confidence", "angles"):  # fmt: skip
        found[name] = digest(getattr(comparison, name)().to_csv())
    found["worst"] = [int(row) for row in comparison.worst_frames()]
    found["disagreement"] = digest(comparison.disagreement)
    return found


def results(name: str) -> dict[str, Any]:
    """All that a case gives."""
    # Always the same folder: the default name of a sweep has a digest of it. One for each case:
    # this process's MLflow keeps a database open.
    root = Path(tempfile.gettempdir()).resolve() / "posexp-identity"
    root.mkdir(exist_ok=True)
    with FileLock(root / ".lock"):
        shutil.rmtree(root / name, ignore_errors=True)
        try:
            place = Place(root / name)
            return python(place) if name == "python" else command_line(place, CASES[name])
        finally:
            shutil.rmtree(root / name, ignore_errors=True)


def command_line(place: Place, commands: list[str]) -> dict[str, Any]:
    """What commands say, and what they leave."""
    done = [(command, *place.run(command)) for command in commands]
    runs = place.runs()  # first, for the names of the runs that the texts have
    sheets = sorted((place.path / "mlruns").glob("sweeps/*.csv"))
    return {
        "commands": {
            f"{n} {place.plain(command)}": [status, place.plain(out), place.plain(err)]
            for n, (command, status, out, err) in enumerate(done)
        },
        "runs": runs,
        "sweeps": {sheet.name: place.plain(sheet.read_text()) for sheet in sheets},
        "left waiting": len([*place.path.glob("mlruns/pending/*")]),
    }


def flat(found: Any, prefix: str = "") -> dict[str, Any]:
    """Leaves by their path; texts in lines and lists stay whole."""
    if not isinstance(found, dict):
        return {prefix: found}
    leaves = [flat(value, f"{prefix} > {key}") for key, value in found.items()]
    return {key: value for part in leaves for key, value in part.items()}


def count(value: Any) -> int:
    return sum(map(count, value)) if isinstance(value, list) else 1


def difference(one: Any, other: Any) -> str:
    if not (isinstance(one, list) and isinstance(other, list)):
        return f"{str(one)[:150]!r} is {str(other)[:150]!r}"
    if len(one) != len(other):
        return f"{len(one)} items are {len(other)}"
    apart = [n for n in range(len(one)) if repr(one[n]) != repr(other[n])]
    inside = difference(one[apart[0]], other[apart[0]])
    return f"{len(apart)} of {len(one)} items, the first {apart[0]}: {inside}"


def compare(before: dict[str, Any], after: dict[str, Any]) -> int:
    shared = before.keys() & after.keys()
    old, new = (
        flat({k: v if k in shared else "the case" for k, v in found.items()})
        for found in (before, after)
    )
    same = differ = 0
    for key in dict.fromkeys([*old, *new]):
        if key in old and key in new and repr(old[key]) == repr(new[key]):  # NaN is the same as NaN
            same += count(old[key])
            continue
        differ += 1
        only = "only before" if key in old else "only after"
        what = difference(old[key], new[key]) if key in old and key in new else only
        print(f"{key[3:]}: {what}")
    print(f"{same} values identical in {len(shared)} cases, {differ} differ")
    return int(differ > 0)


def main() -> int:
    command, *arguments = sys.argv[1:] or [""]
    if command == "compare" and len(arguments) == 2:
        return compare(*(json.loads(Path(file).read_text()) for file in arguments))
    if command != "print":
        raise SystemExit(__doc__)
    asked = dict(argument.split("=", 1) for argument in arguments).get("only")
    found = {}
    print(f"posexp in {PACKAGE}", file=sys.stderr)
    for name in asked.split(",") if asked else [*CASES, "python"]:
        if name == "int8" and not INT8.is_file():
            print("int8 is left out: ../shared is not here", file=sys.stderr)
            continue
        began = time.perf_counter()
        found[name] = results(name)
        said = f"{name:<14}{sum(map(count, flat(found[name]).values())):8} values"
        print(f"{said}{time.perf_counter() - began:7.0f} s", file=sys.stderr, flush=True)
    print(json.dumps(found, indent=1, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
