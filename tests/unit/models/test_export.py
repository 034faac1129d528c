import io
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from forked import run_fork
from model_doubles import TINY_MODEL, draw_pixels, to_raw
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from configs.spec import ExportConfig, ModelConfig
from fer_tfx.contract import DEFAULT_CLASS_NAMES, SERVE_EXAMPLES, SERVE_IMAGES, SERVE_PIXELS
from fer_tfx.versions.model_digest import compute_digest
from fer_tfx.views import average_views, make_views
from models.calibration import Calibration, Calibrations
from models.export import ServingNetwork, export_model
from models.networks import build_network
from models.networks.layers import fold_batch_norm
from models.transform_graph import TransformGraph

SIGNATURES = (SERVE_EXAMPLES, SERVE_IMAGES, SERVE_PIXELS)
WHOLE_PRECISION = ExportConfig(half_precision=False)
RECORD = '{"parameters": 3}'
NUMBERS = ("class_index", "confidence", "probabilities")
Answers = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def exported(transform: TransformGraph, tmp_path_factory) -> Path:
    """A tiny network of random weights, exported."""
    keras.utils.set_random_seed(8)
    network = build_network(TINY_MODEL, 7)
    for weight in network.weights:  # fresh batch-norm scales and statistics, 0 and 1, would hide faults
        if len(weight.shape) == 1:
            weight.assign(keras.random.uniform(weight.shape, 0.5, 1.5))
    return write_export(network, transform, tmp_path_factory.mktemp("export") / "model")


def write_export(
    network: keras.Model,
    transform: TransformGraph,
    folder: Path,
    config: ExportConfig = WHOLE_PRECISION,
    temperature: float = 1.0,
) -> Path:
    calibrations = Calibrations(config.views, {config.views: Calibration(temperature, 0.6, 0.8, 0.5, 100)})
    export_model(
        ServingNetwork(fold_batch_norm(network), config),
        transform,
        calibrations,
        DEFAULT_CLASS_NAMES,
        RECORD,
        str(folder),
    )
    return folder


def to_example(raw: bytes) -> bytes:
    """A serialised example without a label."""
    example = tf.train.Example()
    example.features.feature["pixels"].bytes_list.value.append(raw)
    return bytes(example.SerializeToString())


def build_inputs(pixels: np.ndarray) -> dict[str, Any]:
    """The same pictures as the input of each signature."""
    return {
        SERVE_EXAMPLES: np.array([to_example(raw) for raw in to_raw(pixels)], dtype=object),
        SERVE_IMAGES: np.array([tf.io.encode_png(picture).numpy() for picture in pixels], dtype=object),
        SERVE_PIXELS: pixels,
    }


def ask_tf2_loader(folder: Path, signature: str, value: Any) -> Answers:
    function = tf.saved_model.load(str(folder)).signatures[signature]
    (name,) = function.structured_input_signature[1]
    dtype = function.structured_input_signature[1][name].dtype
    return {key: tensor.numpy() for key, tensor in function(**{name: tf.constant(value, dtype)}).items()}


def ask_tf1_loader(folder: Path, signature: str, value: Any) -> Answers:
    """Load as TensorFlow Serving and BulkInferrer do; the TF2 loader hides variables that aren't restored."""
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        model = tf.compat.v1.saved_model.loader.load(session, ["serve"], str(folder))
        (feed,) = model.signature_def[signature].inputs.values()
        fetches = {key: tensor.name for key, tensor in model.signature_def[signature].outputs.items()}
        return dict(session.run(fetches, {feed.name: value}))


def assert_same_answers(answers: Answers, expected: Answers) -> None:
    for key in NUMBERS:
        np.testing.assert_allclose(answers[key], expected[key], atol=1e-6, err_msg=key)
    for key in ("class_name", "abstain"):
        assert answers[key].tolist() == expected[key].tolist()


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(8)
    return build_network(TINY_MODEL, 7)


@pytest.fixture(scope="module")
def plain(network: keras.Model, transform: TransformGraph, tmp_path_factory) -> Path:
    """The network exported with one view and a temperature of 1."""
    return write_export(network, transform, tmp_path_factory.mktemp("plain") / "model")


@pytest.mark.parametrize("signature", SIGNATURES)
@pytest.mark.parametrize("ask", [ask_tf1_loader, ask_tf2_loader])
def test_export_model_each_signature_and_loader_answers_as_the_network(exported, transform, signature, ask):
    pixels = draw_pixels(5, seed=3)
    answers = ask(exported, signature, build_inputs(pixels)[signature])
    expected = ask_tf2_loader(exported, SERVE_PIXELS, pixels)
    assert_same_answers(answers, expected)
    assert np.ptp(answers["probabilities"], axis=0).max() > 1e-4  # the pictures are told apart
    assert answers["probabilities"].shape == (5, 7)
    assert answers["class_name"].shape == (5, 1)


def test_export_model_probabilities_are_the_softmax_of_the_networks_logits(network, transform, plain):
    pixels = draw_pixels(3)
    logits = network(transform(tf.constant(to_raw(pixels)))).numpy()
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    answers = ask_tf1_loader(plain, SERVE_PIXELS, pixels)
    np.testing.assert_allclose(answers["probabilities"], expected, atol=1e-6)
    assert answers["class_index"].tolist() == logits.argmax(axis=1).tolist()


@pytest.mark.parametrize("signature", SIGNATURES)
def test_export_model_batch_without_rows_returns_no_rows(exported, signature):
    answers = ask_tf1_loader(exported, signature, build_inputs(draw_pixels(1))[signature][:0])
    assert {key: value.shape for key, value in answers.items()} == {
        "probabilities": (0, 7),
        "class_names": (0, 7),
        "class_index": (0,),
        "class_name": (0, 1),
        "confidence": (0,),
        "abstain": (0,),
    }


def test_export_model_jpeg_and_png_of_one_colour_get_the_same_answer(exported):
    picture = np.full((60, 80, 3), 90, np.uint8)
    files = np.array([tf.io.encode_jpeg(picture).numpy(), tf.io.encode_png(picture).numpy()], dtype=object)
    from_files = ask_tf1_loader(exported, SERVE_IMAGES, files)
    from_pixels = ask_tf1_loader(exported, SERVE_PIXELS, np.full((2, 48, 48, 1), 90, np.uint8))
    assert_same_answers(from_files, from_pixels)


@pytest.mark.parametrize("ask", [ask_tf1_loader, ask_tf2_loader])
def test_export_model_picture_of_too_many_pixels_is_refused_with_the_bound(exported, ask):
    file = io.BytesIO()
    Image.new("1", (8_000, 8_000)).save(file, "PNG")
    sound = tf.io.encode_png(draw_pixels(1)[0]).numpy()
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"may have 25,000,000 pixels; scale it down, it has\] \[64000"
    ):
        ask(exported, SERVE_IMAGES, np.array([sound, file.getvalue()], dtype=object))


def test_export_model_network_that_knows_all_classes_is_served_in_their_order(transform, tmp_path):
    folder = write_export(build_stub_that_reads_the_class(), transform, tmp_path / "model")
    pixels = np.zeros((7, 48, 48, 1), np.uint8)
    pixels[range(7), 0, range(7)] = 255
    for signature in SIGNATURES:
        answers = ask_tf1_loader(folder, signature, build_inputs(pixels)[signature])
        assert answers["class_name"].ravel().tolist() == [name.encode() for name in DEFAULT_CLASS_NAMES]
        assert answers["class_index"].tolist() == list(range(7))


def build_stub_that_reads_the_class() -> keras.Model:
    """Stands in for a network that knows the class: logit k is the value of pixel k of the first row."""
    images = keras.Input((48, 48, 1))
    kernel = keras.initializers.Constant(np.eye(48 * 48, 7, dtype=np.float32))
    return keras.Model(images, keras.layers.Dense(7, kernel_initializer=kernel)(keras.layers.Flatten()(images)))


def test_export_model_temperature_divides_the_logits(network, transform, plain, tmp_path):
    cold = ask_tf1_loader(plain, SERVE_PIXELS, draw_pixels(3))
    folder = write_export(network, transform, tmp_path / "hot", temperature=2.5)
    expected = cold["probabilities"] ** (1 / 2.5)
    expected /= expected.sum(axis=1, keepdims=True)
    hot = ask_tf1_loader(folder, SERVE_PIXELS, draw_pixels(3))
    np.testing.assert_allclose(hot["probabilities"], expected, atol=1e-6)
    np.testing.assert_allclose(hot["confidence"], expected.max(axis=1), atol=1e-6)


def test_export_model_half_precision_halves_the_weights_and_answers_alike_in_the_tf1_loader(transform, tmp_path):
    keras.utils.set_random_seed(8)
    network = build_network(ModelConfig(stage_filters=(16, 32)), 7)
    pixels = draw_pixels(5)
    whole = write_export(network, transform, tmp_path / "whole")
    half = write_export(network, transform, tmp_path / "half", ExportConfig(half_precision=True))
    answers, expected = (ask_tf1_loader(folder, SERVE_PIXELS, pixels)["probabilities"] for folder in (half, whole))
    np.testing.assert_allclose(answers, expected, atol=2e-3)
    assert not np.array_equal(answers, expected)
    sizes = [(folder / "variables" / "variables.data-00000-of-00001").stat().st_size for folder in (half, whole)]
    weights_bytes = 4 * sum(weight.size for weight in fold_batch_norm(network).get_weights())
    assert sizes[1] - sizes[0] == pytest.approx(weights_bytes / 2, rel=0.1)


def test_export_model_weights_that_float16_does_not_hold_stay_as_they_are(transform, tmp_path):
    network = build_stub_that_reads_the_class()
    kernel, bias = network.get_weights()
    kernel[0] = 1e5 * np.arange(7)
    network.set_weights([kernel, bias])
    pixels = draw_pixels(5)
    half, whole = (
        ask_tf1_loader(
            write_export(network, transform, tmp_path / str(is_half), ExportConfig(half_precision=is_half)),
            SERVE_PIXELS, pixels,
        )
        for is_half in (True, False)
    )  # fmt: skip
    assert np.isfinite(half["probabilities"]).all()
    np.testing.assert_array_equal(half["probabilities"], whole["probabilities"])


def test_export_model_two_models_of_half_precision_answer_side_by_side(transform, tmp_path):
    folders = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        half = ExportConfig(half_precision=True)
        folders.append(write_export(build_network(TINY_MODEL, 7), transform, tmp_path / str(seed), half))
    pixels = draw_pixels(3)
    alone = [ask_tf1_loader(folder, SERVE_PIXELS, pixels)["probabilities"] for folder in folders]
    models = [tf.saved_model.load(str(folder)) for folder in folders]  # both are alive
    together = [model.signatures[SERVE_PIXELS](pixels=tf.constant(pixels))["probabilities"] for model in models]
    assert np.abs(alone[0] - alone[1]).max() > 1e-3
    for answers, expected in zip(together, alone, strict=True):
        np.testing.assert_allclose(answers, expected, atol=1e-6)


@pytest.fixture(scope="module", params=[2, 4])
def averaged(request, network: keras.Model, transform: TransformGraph, tmp_path_factory) -> tuple[Path, int]:
    """The network exported so that it averages some views, and how many."""
    config = ExportConfig(half_precision=False, views=request.param)
    folder = tmp_path_factory.mktemp("averaged") / "model"
    return write_export(network, transform, folder, config, temperature=1.4), request.param


@pytest.mark.parametrize("signature", SIGNATURES)
def test_export_model_views_are_averaged_as_by_the_library(plain, averaged, signature):
    folder, views = averaged
    pixels = draw_pixels(4) // np.linspace(1, 4, 48).astype(np.uint8)[None, None, :, None]
    single = ask_tf1_loader(plain, SERVE_PIXELS, make_views(pixels, views))["probabilities"].reshape(views, 4, 7)
    assert np.ptp(single, axis=0).max() > 1e-3  # the views are told apart
    answers = ask_tf1_loader(folder, signature, build_inputs(pixels)[signature])
    np.testing.assert_allclose(answers["probabilities"], average_views(single, 1.0, 1.4), atol=1e-6)
    mirror = ask_tf1_loader(folder, signature, build_inputs(pixels[:, :, ::-1])[signature])
    np.testing.assert_allclose(mirror["probabilities"], answers["probabilities"], atol=1e-6)


@pytest.mark.parametrize("lengths", [[2303], [1152, 1152], [4608], [2304, 2305]])
def test_export_model_example_of_another_length_is_refused(exported, lengths):
    with pytest.raises(tf.errors.InvalidArgumentError):
        ask_tf1_loader(exported, SERVE_EXAMPLES, [to_example(bytes(length)) for length in lengths])


def test_export_model_lists_class_names_in_order_beside_the_graph(exported):
    text = (exported / "assets.extra" / "class_names.txt").read_text()
    assert text == "angry\ndisgust\nfear\nhappy\nsad\nsurprise\nneutral\n"


def test_export_model_lists_calibration_and_training_record_beside_the_graph(exported):
    extra = exported / "assets.extra"
    assert json.loads((extra / "calibration.json").read_text()) == {
        "temperature": 1.0,
        "abstain_threshold": 0.6,
        "abstain_accuracy": 0.8,
        "coverage": 0.5,
        "n": 100,
        "views": 1,
        "by_views": {"1": {"temperature": 1.0, "abstain_threshold": 0.6, "abstain_accuracy": 0.8, "coverage": 0.5,
                           "n": 100}},
    }  # fmt: skip
    assert (extra / "training_record.json").read_text() == RECORD


def test_export_model_warm_up_replays_through_the_tf1_loader(exported):
    requests = read_warm_up(exported / "assets.extra" / "tf_serving_warmup_requests")
    assert len(requests) == 2 * len(SIGNATURES)
    for request in requests:
        (value,) = (tf.make_ndarray(proto) for proto in request.inputs.values())
        answers = ask_tf1_loader(exported, request.model_spec.signature_name, value)
        assert answers["probabilities"].shape == (len(value), 7)
        np.testing.assert_allclose(answers["probabilities"].sum(axis=1), 1.0, rtol=1e-5)


def read_warm_up(path: Path) -> list[Any]:
    records = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    return [prediction_log_pb2.PredictionLog.FromString(record).predict_log.request for record in records]


def test_export_model_answers_in_saved_model_cli(exported, tmp_path):
    np.save(tmp_path / "pixels.npy", draw_pixels(2))
    options = ["--dir", exported, "--tag_set", "serve", "--signature_def", SERVE_PIXELS, "--outdir", tmp_path]
    words = ["run", *options, "--inputs", f"pixels={tmp_path / 'pixels.npy'}"]
    done = run_fork("tensorflow.python.tools.saved_model_cli", words)
    assert done.returncode == 0, done.stderr
    expected = ask_tf2_loader(exported, SERVE_PIXELS, draw_pixels(2))
    np.testing.assert_allclose(np.load(tmp_path / "probabilities.npy"), expected["probabilities"], atol=1e-6)


def test_export_model_uses_ops_of_tensorflow_itself_alone(exported):
    model = saved_model_pb2.SavedModel.FromString((exported / "saved_model.pb").read_bytes())
    graph = model.meta_graphs[0].graph_def
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    functions = {function.signature.name for function in graph.library.function}
    ops = {node.op for node in nodes} - functions
    assert "Conv2D" in ops
    assert {op for op in ops if not hasattr(tf.raw_ops, op)} == set()


def compute_export_digest(folder: Path) -> str:
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    return compute_digest((name, (folder / name).read_bytes()) for name in names)


def export_seeded(transform: TransformGraph, folder: Path, seed: int = 3, views: int = 1, **words: Any) -> Path:
    """What a training with a seed would come to."""
    keras.utils.set_random_seed(seed)
    config = ExportConfig(half_precision=words.pop("half_precision", True), views=views)
    return write_export(build_network(TINY_MODEL, 7), transform, folder, config, **words)


@pytest.fixture(scope="module")
def seeded(transform: TransformGraph, tmp_path_factory) -> Path:
    return export_seeded(transform, tmp_path_factory.mktemp("seeded") / "model")


def test_export_model_same_weights_a_second_time_are_the_same_model_by_digest_though_not_by_bytes(
    transform, seeded, tmp_path
):
    """The second one's functions and layers get other numbers, as if another run had traced something before."""
    other = export_seeded(transform, tmp_path / "other")
    assert (seeded / "saved_model.pb").read_bytes() != (other / "saved_model.pb").read_bytes()
    assert compute_export_digest(seeded) == compute_export_digest(other)


@pytest.mark.parametrize("words", [{"seed": 4}, {"temperature": 1.5}, {"views": 2}, {"half_precision": False}])
def test_export_model_that_answers_otherwise_is_another_model_by_digest(transform, seeded, tmp_path, words):
    other = export_seeded(transform, tmp_path / "other", **words)
    assert compute_export_digest(seeded) != compute_export_digest(other)
