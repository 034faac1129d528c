"""fer-tfx predict and export with a real exported model: the answers that its signature gives when called directly."""

import csv
import io
import json
import lzma
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from PIL import Image
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io

from configs.spec import ExportConfig, ModelConfig
from fer_tfx.cli import main
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.model_files import PUSHED, KnownModels, find_shipped_model, light_folder, note_model
from fer_tfx.pictures import decode_picture
from fer_tfx.views import average_views, make_views
from models.calibration import Calibration, Calibrations
from models.export import ServingNetwork, export_model
from models.networks import build_network
from models.networks.layers import fold_batch_norm
from models.preprocessing import preprocessing_fn
from models.transform_graph import TransformGraph

THRESHOLD = 0.17
ROW_COUNT = 300
ASK_IN_FRESH_PROCESS = """
import sys
from fer_tfx.cli import main
from fer_tfx.model_files import KnownModels, PUSHED, note_model
code = main(sys.argv[2:])
open(sys.argv[1], "w").write(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
sys.exit(code)
"""


@pytest.fixture(scope="session")
def pixels() -> np.ndarray:
    """Pictures of unequal brightness and grain: uint8 (300, 48, 48, 1)."""
    draw = np.random.default_rng(11)
    light = draw.integers(20, 256, (ROW_COUNT, 1, 1, 1))
    return (draw.random((ROW_COUNT, 48, 48, 1)) * light).astype(np.uint8)


@pytest.fixture(scope="session")
def transform(pixels: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> TransformGraph:
    folder = tmp_path_factory.mktemp("transform")
    metadata = dataset_metadata.DatasetMetadata.from_feature_spec({"pixels": tf.io.FixedLenFeature([], tf.string)})
    rows = [{"pixels": picture.tobytes()} for picture in pixels[:20]]
    with tft_beam.Context(temp_dir=str(folder / "temporary")):
        transform_fn = (rows, metadata) | tft_beam.AnalyzeDataset(preprocessing_fn)
        transform_fn | tft_beam.WriteTransformFn(str(folder / "graph"))
    metadata_io.write_metadata(metadata, str(folder / "graph" / tft.TFTransformOutput.RAW_METADATA_DIR))
    return TransformGraph(tft.TFTransformOutput(str(folder / "graph")))


@pytest.fixture(scope="session")
def model(transform: TransformGraph, pixels: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network of random weights, its head set so that the classes of the pictures differ, as a known version.

    Without its light form, as models were pushed before they had one.
    """
    keras.utils.set_random_seed(8)
    config = ModelConfig(stem_filters=4, stage_filters=(6,))
    network = build_network(config, 7)
    for weight in network.weights:
        weight.assign(keras.random.uniform(weight.shape, *((0.5, 1.5) if len(weight.shape) == 1 else (-0.5, 0.5))))
    logits = network(transform(tf.constant([picture.tobytes() for picture in pixels])))
    head = network.layers[-1]
    head.bias.assign_sub(tf.reduce_mean(logits, axis=0))
    head.kernel.assign(head.kernel * 5.0 / tf.math.reduce_std(logits))
    head.bias.assign(head.bias * 5.0 / tf.math.reduce_std(logits))
    folder = tmp_path_factory.mktemp("serving") / "17"
    calibration = Calibration(1.3, THRESHOLD, 0.8, 0.5, 100)
    calibrations = Calibrations(1, dict.fromkeys((1, 2, 4), calibration))
    export_model(
        ServingNetwork(fold_batch_norm(network), ExportConfig()),
        transform,
        calibrations,
        DEFAULT_CLASS_NAMES,
        "{}",
        str(folder),
    )
    (folder / "assets.extra/model.tflite").rename(folder.parent / "model.tflite")
    assert note_model(folder, PUSHED, KnownModels.of_user()) == ""
    return folder


@pytest.fixture
def pushed(model: Path, tmp_path: Path) -> Callable[[Path], Path]:
    """A function that gives a copy of the model with that file as its light form; it is known."""

    def push(light: Path) -> Path:
        folder = Path(shutil.copytree(model, tmp_path / "pushed"))
        shutil.copy(light, folder / "assets.extra/model.tflite")
        assert note_model(folder, PUSHED, KnownModels.of_user()) == ""
        return folder

    return push


@pytest.fixture(scope="session")
def ask(model: Path) -> Callable[..., Any]:
    """A function that calls a signature directly, one picture at a time."""
    loaded = tf.saved_model.load(str(model))

    def call(signature: str, inputs: list[Any]) -> dict[str, np.ndarray]:
        function = loaded.signatures[signature]
        answers = [function(tf.constant(each)[tf.newaxis]) for each in inputs]
        return {key: np.concatenate([answer[key].numpy() for answer in answers]) for key in answers[0]}

    return call


@pytest.fixture
def csv_path(pixels: np.ndarray, tmp_path: Path) -> Path:
    """The pictures in the form of test.csv.xz."""
    lines = [f'"{" ".join(map(str, picture.ravel()))}"\n' for picture in pixels]
    path = tmp_path / "test.csv.xz"
    path.write_bytes(lzma.compress("".join(["pixels\n", *lines]).encode(), preset=0))
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    """Pictures of several kinds, sizes and colours, more than one batch of them."""
    draw = np.random.default_rng(12)
    folder = tmp_path / "pictures"
    folder.mkdir()
    names = [str(folder / f"{number:02} ä.{('png', 'jpg')[number % 2]}") for number in range(70)]
    for number, name in enumerate(names):
        shape = (48 + number, 60, 3) if number % 3 else (48, 48)
        light = draw.integers(30, 256)
        Image.fromarray((draw.random(shape) * light).astype(np.uint8)).save(name)
    return names


def predict(capfd: pytest.CaptureFixture[str], *words: object) -> str:
    """What the command prints of one view; it ends well, and of a table standard error says how many views it is of."""
    code = main(["predict", *map(str, words), "--whole", "--views", "1"])
    out, error = capfd.readouterr()
    assert (code, error) == (0, "" if "--format" in words else "fer-tfx: answers use one view\n")
    return out


def assert_same(rows: list[dict[str, str]], answers: dict[str, np.ndarray]) -> None:
    assert [row["class"] for row in rows] == [name.decode() for name in answers["class_name"].ravel()]
    shares = [[float(row[name]) for name in DEFAULT_CLASS_NAMES] for row in rows]
    np.testing.assert_allclose(shares, answers["probabilities"], atol=1e-6)
    np.testing.assert_allclose([float(row["confidence"]) for row in rows], answers["confidence"], atol=1e-6)
    assert len({row["class"] for row in rows}) >= 3  # a model of one class would hide a wrong order


def decode(names: list[str]) -> list[np.ndarray]:
    return [decode_picture(Path(name).read_bytes(), name) for name in names]


def test_predict_rows_of_a_csv_get_the_answers_of_the_signature_in_order(capfd, model, csv_path, pixels, ask):
    rows = list(csv.DictReader(io.StringIO(predict(capfd, csv_path, "--model", model, "--format", "csv"))))
    assert [row["row"] for row in rows] == [str(number) for number in range(ROW_COUNT)]
    assert_same(rows, ask("serve_pixels", list(pixels)))


def test_predict_pictures_get_the_answers_of_the_signature_in_order(capfd, model, pictures, ask):
    names = [pictures[-1], *pictures]
    rows = list(csv.DictReader(io.StringIO(predict(capfd, *names, "--model", model, "--format", "csv"))))
    assert [row["file"] for row in rows] == names
    assert_same(rows, ask("serve_pixels", decode(names)))


@pytest.mark.parametrize("views", [2, 4])
def test_predict_views_are_averaged_in_the_library(capfd, model, pictures, ask, views):
    words = ("--whole", "--model", str(model), "--format", "jsonl", "--views", str(views))
    assert main(["predict", *pictures, *words]) == 0
    rows = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert {row["views"] for row in rows} == {views}
    single = ask("serve_pixels", list(make_views(np.stack(decode(pictures)), views)))["probabilities"]
    expected = average_views(single.reshape(views, len(pictures), 7), 1.3, 1.3)
    shares = [[row["probabilities"][name] for name in DEFAULT_CLASS_NAMES] for row in rows]
    np.testing.assert_allclose(shares, expected, atol=1e-6)


def test_predict_folder_as_json_lines_gives_the_answers_of_its_pictures(capfd, model, pictures, ask):
    text = predict(capfd, Path(pictures[0]).parent, "--model", model, "--format", "jsonl")
    rows = [json.loads(line) for line in text.splitlines()]
    assert [row["file"] for row in rows] == pictures
    assert_same([row | row["probabilities"] for row in rows], ask("serve_pixels", decode(pictures)))


def test_submission_holds_one_class_index_a_row(capfd, model, csv_path, pixels, ask, tmp_path):
    out = tmp_path / "submission.csv"
    assert main(["submission", "--data", str(csv_path), "--model", str(model), "--out", str(out)]) == 0
    assert capfd.readouterr() == (f"300 rows written to {out}\n", "")
    assert out.read_text("ascii") == "".join(f"{index}\n" for index in ask("serve_pixels", list(pixels))["class_index"])


def test_predict_table_below_a_threshold_is_unsure(capfd, model, csv_path, pixels, ask):
    answers = ask("serve_pixels", list(pixels))
    threshold = float(np.median(answers["confidence"]))
    given = predict(capfd, csv_path, "--model", model, "--abstain-below", threshold).splitlines()
    names = np.where(answers["confidence"] >= threshold, answers["class_name"].ravel(), b"unsure")
    assert [line.split()[1] for line in given] == [name.decode() for name in names]


def test_predict_abstain_takes_the_verdict_of_the_model(capfd, model, csv_path, pixels, ask):
    abstains = ask("serve_pixels", list(pixels))["abstain"]
    assert len(set(abstains.tolist())) == 2
    own = predict(capfd, csv_path, "--model", model, "--abstain")
    assert [line.split()[1] == "unsure" for line in own.splitlines()] == abstains.tolist()
    assert own == predict(capfd, csv_path, "--model", model, "--abstain-below", THRESHOLD)


def test_predict_folder_of_versions_takes_the_latest(capfd, model, pictures, tmp_path):
    shutil.copytree(model, tmp_path / "serving" / "9")
    (tmp_path / "serving" / "9" / "saved_model.pb").write_bytes(b"an old model that can't be loaded")
    shutil.copytree(model, tmp_path / "serving" / "10")
    assert predict(capfd, pictures[0], "--model", tmp_path / "serving") == predict(capfd, pictures[0], "--model", model)


def complain(capfd: pytest.CaptureFixture[str], *words: object) -> str:
    """The one line on standard error of a command that exits with 2 and prints nothing else; its model is trusted."""
    code = main(["predict", *map(str, words), "--trust"])
    out, error = capfd.readouterr()
    assert (code, out, error.count("\n")) == (2, "", 1)
    return error.rstrip("\n")


def test_predict_file_that_is_no_model_is_one_line(capfd, tmp_path, pictures):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"no graph")
    line = complain(capfd, pictures[0], "--model", folder)
    assert line.startswith(f"fer-tfx: {folder}: the model can't be loaded (")
    assert line.endswith("); export or copy it again")


def test_predict_model_without_the_signature_is_one_line_that_lists_its_own(capfd, tmp_path, pictures):
    module = tf.Module()
    function = tf.function(lambda x: {"y": x}, input_signature=[tf.TensorSpec([None], name="x")])
    tf.saved_model.save(module, str(tmp_path / "model"), signatures={"other": function})
    line = complain(capfd, pictures[0], "--model", tmp_path / "model")
    assert line.endswith("model: the model has no signature serve_pixels, only other; export it by `fer-tfx run`")


@pytest.mark.parametrize(
    ("output", "said"),
    [("logits", "model: serve_pixels gives no probabilities; export it by `fer-tfx run`"),
     ("probabilities", "class_names.txt'); export or copy the model again")],
)  # fmt: skip
def test_predict_model_without_calibrated_probabilities_is_one_line(capfd, tmp_path, pictures, output, said):
    spec = tf.TensorSpec([None, 48, 48, 1], tf.uint8, name="pixels")
    function = tf.function(lambda pixels: {output: tf.zeros([1])}, input_signature=[spec])
    tf.saved_model.save(tf.Module(), str(tmp_path / "model"), signatures={"serve_pixels": function})
    line = complain(capfd, pictures[0], "--model", tmp_path / "model")
    assert line.endswith(said)


def test_predict_fresh_process_is_quiet_and_imports_neither_tfx_nor_keras(model, pictures, tmp_path):
    modules = tmp_path / "modules.txt"
    command = [sys.executable, "-c", ASK_IN_FRESH_PROCESS, modules, "predict", pictures[0], "--model", model]
    # Libraries that this process has imported set variables such as TF_USE_LEGACY_KERAS.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    done = subprocess.run([*map(str, command)], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "fer-tfx: answers average 4 views\n")
    assert done.stdout.startswith(f"{pictures[0]}  ")
    assert done.stdout.count("\n") == 1
    imported = set(modules.read_text("utf-8").split())
    assert "tensorflow" in imported
    assert imported & {"tfx", "keras", "apache_beam", "models", "ml_metadata"} == set()


def test_predict_model_with_its_light_form_answers_as_the_saved_model_and_needs_no_tensorflow(
    capfd, model, pushed, csv_path, tmp_path
):
    folder, modules = pushed(model.parent / "model.tflite"), tmp_path / "modules.txt"
    words = ["predict", csv_path, "--model", folder, "--views", "1", "--format", "csv"]
    command = [sys.executable, "-c", ASK_IN_FRESH_PROCESS, modules, *words]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "tensorflow" not in modules.read_text("utf-8").split()
    found = list(csv.DictReader(io.StringIO(done.stdout)))
    expected = list(csv.DictReader(io.StringIO(predict(capfd, csv_path, "--model", model, "--format", "csv"))))
    for one, other in zip(found, expected, strict=True):
        assert [float(one[name]) for name in DEFAULT_CLASS_NAMES] == pytest.approx(
            [float(other[name]) for name in DEFAULT_CLASS_NAMES], abs=5e-3
        )


def test_export_tflite_is_the_light_form_once_it_answers_as_the_saved_model(capfd, model, pushed, tmp_path):
    light = model.parent / "model.tflite"
    assert main(["export", str(pushed(light)), "--to", "tflite", "--out", str(tmp_path / "m.tflite")]) == 0
    assert (tmp_path / "m.tflite").read_bytes() == light.read_bytes()
    out, error = capfd.readouterr()
    assert (out.startswith(f"{tmp_path}/m.tflite: {light.stat().st_size:,} bytes; answers equal"), error) == (True, "")


def test_export_of_a_file_that_answers_otherwise_is_refused_and_not_kept(capfd, pushed, tmp_path):
    folder, out = pushed(find_shipped_model(light_folder()) / "model.tflite"), tmp_path / "m.tflite"
    out.write_text("old")
    assert main(["export", str(folder), "--to", "tflite", "--out", str(out)]) == 3
    assert capfd.readouterr().err.startswith(f"fer-tfx: {folder}: as tflite its answers differ by ")
    assert out.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.tflite", "pushed"]


def test_export_of_a_model_without_its_light_form_is_one_line(capfd, model, tmp_path):
    assert main(["export", str(model), "--to", "tflite", "--out", str(tmp_path / "m")]) == 2
    error = capfd.readouterr().err
    assert error.startswith(
        f"fer-tfx: {model}: was pushed without a light form, which exports are made of; `fer-tfx run`"
    )
    assert list(tmp_path.iterdir()) == []
