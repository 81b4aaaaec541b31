"""Real weights against reference results, and against an independent naive loop."""

import json
import math

import numpy as np
import pytest
from clips import ffmpeg
from conftest import errors_px

from posexp import extract
from posexp.errors import ConfigError, ModelError
from posexp.measure.evaluation import evaluate
from posexp.measure.kinematics import angle_difference, angles
from posexp.models import registry
from posexp.models.crop import whole_image
from posexp.pose.sequence import PoseSequence
from posexp.pose.skeleton import BLAZEPOSE33, BODY, COCO17
from posexp.video.embedded import embedded_clip
from posexp.video.source import VideoSource


def reference_body(shared) -> np.ndarray:
    frames = json.loads((shared / "clips" / "pose_1.json").read_text())
    return np.array([[[frame[j]["x"], frame[j]["y"]] for j in BODY] for frame in frames])


@pytest.mark.parametrize(
    ("model", "median", "largest"), [("lightning", 5, 60), ("thunder", 4.2, 40)]
)
def test_movenet_agrees_with_the_reference_implementation(model, median, largest, shared, movenet):
    poses = extract(shared / "clips" / "pose_1.mp4", model)
    errors = errors_px(poses.select(BODY).image, reference_body(shared))
    assert np.median(errors) <= median
    assert errors.max() <= largest


@pytest.mark.parametrize(
    ("model", "options", "error", "pck"),
    [
        ("lightning", {}, 5.5, 0.88),
        ("thunder", {}, 4.9, 0.87),
        ("mlkit", {"complexity": "lite"}, 6.2, 0.83),
        ("mlkit", {"complexity": "full"}, 4.7, 0.92),
        ("mlkit", {"complexity": "heavy"}, 3.9, 0.98),
    ],
)
def test_every_variant_on_the_embedded_clip(model, options, error, pck, published):
    """Exact joints and real weights, with nothing but the package and a registry."""
    published(options.get("complexity", model))
    clip = embedded_clip()
    truth = PoseSequence.read(clip.with_suffix(".truth.parquet"))
    metrics = evaluate(extract(clip, model, **options), truth).metrics()
    assert metrics["error/mean_px"] <= error
    assert metrics["pck/0.10"] >= pck


def test_lightning_tflite_runs_through_litert(shared):
    weights = shared / "models" / "movenet_singlepose_lightning_int8_v4.tflite"
    poses = extract(shared / "clips" / "pose_1.mp4", "lightning", weights=str(weights), stop=1.0)
    assert len(poses) == 30
    assert np.median(errors_px(poses.select(BODY).image, reference_body(shared)[:30])) <= 6.0


def test_mlkit_agrees_with_the_reference_implementation(shared):
    poses = extract(shared / "clips" / "pose_squats.mp4", "mlkit")
    clips = shared / "clips"
    truth = np.array(json.loads((clips / "pose_squats.full.json").read_text()))
    world = np.array(json.loads((clips / "pose_squats_3d.full.json").read_text()))
    errors = errors_px(poses.image, truth[..., :2])
    assert np.median(errors) <= 5.0
    assert errors.max() <= 60
    assert np.median(errors_px(poses.world, world)) <= 0.05
    # z is in px on the scale of x: the same sign and size as the reference's.
    slope = np.polyfit(truth[..., 2].ravel(), poses.depth.ravel(), 1)[0]
    assert 0.7 < slope < 1.3


def test_mlkit_lite_single_image(shared, published):
    published("lite")
    clip = shared / "clips" / "pose_squats.mp4"
    poses = extract(clip, "mlkit", complexity="lite", mode="single_image", stop=2.0,
                    person="off")  # fmt: skip
    truth = np.array(json.loads((shared / "clips" / "pose_squats.full.json").read_text()))
    assert poses.skeleton == BLAZEPOSE33
    assert np.median(errors_px(poses.image, truth[:10, :, :2])) <= 10


def test_mlkit_starts_afresh_with_every_video(shared):
    model = registry.load(registry.options_for("mlkit"))
    clip = shared / "clips" / "pose_squats.mp4"
    first, second = (list(model.estimate(VideoSource(clip, stop=1.0).frames())) for _ in range(2))
    assert len(first) >= 5
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.image, other.image)


@pytest.mark.parametrize(("model", "size"), [("lightning", 192), ("thunder", 256)])
def test_movenet_runs_at_its_own_input_size(model, size, movenet):
    assert registry.load(registry.options_for(model)).input_size == size


def test_another_input_size_than_the_models_own_is_refused(movenet):
    with pytest.raises(ConfigError, match="takes 256 px and no other, got 192"):
        registry.load(registry.options_for("thunder", input_size=192))


def test_a_model_of_any_size_takes_the_one_that_is_asked_for(tmp_path):
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((1, None, None, 3), tf.int32)])
    def anywhere(image):
        return {"output_0": tf.fill((1, 1, 17, 3), tf.cast(tf.shape(image)[1], tf.float32) / 1e3)}

    module = tf.Module()
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": anywhere})
    options = registry.options_for("thunder", weights=str(tmp_path), input_size=320)
    assert registry.load(options).input_size == 320
    with pytest.raises(ConfigError, match="any size, and none was given"):
        registry.load(registry.options_for("thunder", weights=str(tmp_path)))


@pytest.mark.parametrize(
    ("shape", "kind", "result", "name", "words"),
    [
        ((1, 192, 192, 3), "float32", (1, 1, 17, 3), "serving_default", "type float32"),
        ((1, 192, 192, 1), "int32", (1, 1, 17, 3), "serving_default", "192, 192, 1"),
        ((1, 192, 192, 3), "int32", (1, 6, 56), "serving_default", "6, 56"),
        ((1, 192, 192, 3), "int32", (1, 1, 17, 3), "predict", "predict"),
    ],
)
def test_a_saved_model_with_another_signature_is_refused(
    tmp_path, shape, kind, result, name, words
):
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec(shape, kind)])
    def serve(image):
        return {"output_0": tf.zeros(result) + 0 * tf.reduce_sum(tf.cast(image, tf.float32))}

    tf.saved_model.save(tf.Module(), str(tmp_path), signatures={name: serve})
    with pytest.raises(ModelError, match="expected MoveNet's signature") as caught:
        registry.load(
            registry.options_for("lightning", weights=str(tmp_path), runtime="tensorflow")
        )
    assert words in str(caught.value)


def test_threads_do_not_change_the_keypoints_of_a_tflite_file(shared, movenet):
    weights = str(shared / "models" / "movenet_singlepose_lightning_int8_v4.tflite")
    clip = shared / "clips" / "pose_1.mp4"
    one, two = (
        extract(clip, "lightning", weights=weights, threads=count, stop=0.3) for count in (1, 2)
    )
    assert np.median(errors_px(one.image, two.image)) <= 1


def test_a_tflite_of_another_kind_is_refused(tmp_path, published):
    import zipfile

    (tmp_path / "text.tflite").write_text("no model")
    with pytest.raises(ModelError, match="LiteRT cannot read"):
        registry.load(registry.options_for("lightning", weights=str(tmp_path / "text.tflite")))
    with zipfile.ZipFile(published("full").path) as bundle:
        (tmp_path / "other.tflite").write_bytes(bundle.read("pose_detector.tflite"))
    with pytest.raises(ModelError, match="expected MoveNet's signature"):
        registry.load(registry.options_for("lightning", weights=str(tmp_path / "other.tflite")))


def test_options_that_do_not_apply_are_refused():
    with pytest.raises(ConfigError, match="no such option for mlkit"):
        registry.options_for("mlkit", input_size=192)
    with pytest.raises(ConfigError, match="lightning, mlkit, thunder, got 'yolo'"):
        registry.options_for("yolo")
    options = registry.options_for("thunder", crop={"body_expansion": 1.5})
    assert options.crop.body_expansion == 1.5


class NaiveMoveNet:
    """The notebook's loop, written again from its description: whole frames through TensorFlow,
    boxes as shares of the image, joints in dictionaries. It shares no code with posexp."""

    def __init__(self, folder):
        import tensorflow as tf

        self.tf = tf
        self.model = tf.saved_model.load(str(folder))

    def predict(self, image, box, size=192):
        """(17, 3) y, x, score as shares of the image."""
        tf = self.tf
        y0, x0, y1, x1 = box
        crop = tf.image.crop_and_resize(image[None], [[y0, x0, y1, x1]], [0], [size, size])
        inputs = tf.cast(crop, tf.int32)
        out = (
            self.model.signatures["serving_default"](inputs)["output_0"].numpy()[0, 0].astype(float)
        )
        out[:, 0] = y0 + (y1 - y0) * out[:, 0]
        out[:, 1] = x0 + (x1 - x0) * out[:, 1]
        return out

    @staticmethod
    def first_box(height, width):
        if width > height:
            return (0.5 - width / height / 2, 0.0, 0.5 + width / height / 2, 1.0)
        return (0.0, 0.5 - height / width / 2, 1.0, 0.5 + height / width / 2)

    def next_box(self, keypoints, height, width):
        joints = {
            name: (y * height, x * width, score)
            for name, (y, x, score) in zip(COCO17.joints, keypoints, strict=True)
        }
        torso = ["left_shoulder", "right_shoulder", "left_hip", "right_hip"]
        shoulder = max(joints[name][2] for name in torso[:2])
        hip = max(joints[name][2] for name in torso[2:])
        if not (shoulder > 0.2 and hip > 0.2):
            return self.first_box(height, width)
        cy = (joints["left_hip"][0] + joints["right_hip"][0]) / 2
        cx = (joints["left_hip"][1] + joints["right_hip"][1]) / 2
        half = max(
            max(1.9 * max(abs(joints[n][0] - cy), abs(joints[n][1] - cx)) for n in torso),
            max(1.2 * max(abs(y - cy), abs(x - cx)) for y, x, s in joints.values() if s >= 0.2),
        )
        half = min(half, max(cx, width - cx, cy, height - cy))
        if half > max(width, height) / 2:
            return self.first_box(height, width)
        top, left = math.floor(cy - half), math.floor(cx - half)  # on whole px, unlike the notebook
        side = math.ceil(max(cy + half - top, cx + half - left))
        return (top / height, left / width, (top + side) / height, (left + side) / width)


@pytest.mark.parametrize("clip", ["pose_1.mp4", "pose_squats.mp4"])
def test_the_pipeline_is_the_naive_loop(shared, movenet, clip):
    """At the same crop within half a pixel; over the clip as close as the model allows.

    Lightning answers one level more or less in its input with keypoints up to 2 px apart once
    the crop follows them, so two loops that convert colours differently do not stay identical.
    """
    folder = shared / "models" / "tfhub_cache" / "29fb93a7b6cbd61f33bf8c76777682f0a9b06839"
    naive = NaiveMoveNet(folder)
    source = VideoSource(shared / "clips" / clip)
    size = np.array([source.info.width, source.info.height])
    width, height = size
    # Decoded twice: the estimator takes its frames ahead, in a thread.
    poses = registry.load(registry.options_for("lightning")).estimate(source.frames())
    same_box = own_box = naive.first_box(height, width)
    same_crop, apart = [], []
    for frame, pose in zip(source.frames(), poses, strict=True):
        image = frame.rgb().astype(np.float32)
        same = naive.predict(image, same_box)
        same_crop.append(errors_px(same[:, 1::-1] * size, pose.image))
        own = naive.predict(image, own_box)
        apart.append(errors_px(own[:, 1::-1] * size, pose.image))
        scored = np.column_stack([pose.image[:, ::-1] / size[::-1], pose.confidence])
        same_box = naive.next_box(scored, height, width)
        own_box = naive.next_box(own, height, width)
    assert np.median(same_crop) <= 0.5
    assert np.percentile(same_crop, 95) <= 2
    assert np.median(apart) <= 2.5


def test_the_first_frame_uses_the_padded_whole_image():
    assert whole_image(640, 480).top == -80
    assert NaiveMoveNet.first_box(480, 640)[0] == pytest.approx(-80 / 480)


@pytest.mark.parametrize("turn", [0, 90])
@pytest.mark.parametrize("model", ["lightning", "mlkit"])
def test_keypoints_do_not_depend_on_the_shape_of_the_stored_pixels(model, turn, request, tmp_path):
    """Real people and models: px and angles of a squeezed clip are those of the clip."""
    clip = embedded_clip()
    if model == "lightning":
        request.getfixturevalue("movenet")
        clip = request.getfixturevalue("shared") / "clips" / "pose_1.mp4"
    encoding = ("-frames:v", 20, "-an", "-c:v", "libx264", "-crf", "12", "-pix_fmt", "yuv420p")
    found = []
    for name, filters in (("square", "null"), ("squeezed", "scale=iw*3/4:ih,setsar=4/3")):
        # Turned back by the container what is stored lying on its side.
        lying = "transpose=clock," if turn else ""
        ffmpeg("-i", clip, "-vf", f"{lying}{filters}", *encoding, tmp_path / "stored.mp4")
        made = tmp_path / f"{name}.mp4"
        ffmpeg("-display_rotation:v:0", turn, "-i", tmp_path / "stored.mp4", "-c", "copy", made)
        found.append(extract(made, model))
    square, squeezed = found
    assert (square.width, square.height) == (squeezed.width, squeezed.height)
    body = [poses.select(BODY).image for poses in found]
    away = errors_px(*body)
    assert np.median(away) < 0.003 * square.height and away.max() < 0.03 * square.height
    apart = angle_difference(angles(square), angles(squeezed)).abs()
    assert (apart.median() < 2).all()
