"""fer-tfx predict with a real exported model: the same answers as its signatures give when they are called directly."""

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
from models.calibration import Calibration
from models.export import ServingNetwork, export_model
from models.folding import fold_network
from models.network import build_network
from models.preprocessing import preprocessing_fn
from models.transform_graph import TransformGraph
from pipeline import shipped
from pipeline.cli import main
from schema.contract import CLASS_NAMES
from serving.shipped import write_sums

THRESHOLD = 0.17
ROW_COUNT = 300
ASK_IN_FRESH_PROCESS = """
import sys
from pipeline.cli import main
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
    """A tiny network of random weights, its head set so that the classes of the pictures differ, as a version."""
    keras.utils.set_random_seed(8)
    config = ModelConfig(stem_filters=4, stage_filters=(6,))
    network = build_network(config)
    for weight in network.weights:
        weight.assign(keras.random.uniform(weight.shape, *((0.5, 1.5) if len(weight.shape) == 1 else (-0.5, 0.5))))
    logits = network(transform(tf.constant([picture.tobytes() for picture in pixels])))
    head = network.layers[-1]
    head.bias.assign_sub(tf.reduce_mean(logits, axis=0))
    head.kernel.assign(head.kernel * 5.0 / tf.math.reduce_std(logits))
    head.bias.assign(head.bias * 5.0 / tf.math.reduce_std(logits))
    folder = tmp_path_factory.mktemp("serving") / "17"
    calibration = Calibration(1.3, THRESHOLD, 0.8, 0.5, 100)
    export_model(ServingNetwork(fold_network(network), ExportConfig()), transform, calibration, "{}", str(folder))
    return folder


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
    """What the command prints; it ends well and says nothing on standard error."""
    code = main(["predict", *map(str, words)])
    out, error = capfd.readouterr()
    assert (code, error) == (0, "")
    return out


def assert_same(rows: list[dict[str, str]], answers: dict[str, np.ndarray]) -> None:
    assert [row["class"] for row in rows] == [name.decode() for name in answers["class_name"].ravel()]
    shares = [[float(row[name]) for name in CLASS_NAMES] for row in rows]
    np.testing.assert_allclose(shares, answers["probabilities"], atol=1e-6)
    np.testing.assert_allclose([float(row["confidence"]) for row in rows], answers["confidence"], atol=1e-6)
    assert len({row["class"] for row in rows}) >= 3  # a model of one class would hide a wrong order


def test_predict_rows_of_a_csv_get_the_answers_of_the_signature_in_order(capfd, model, csv_path, pixels, ask):
    rows = list(csv.DictReader(io.StringIO(predict(capfd, "--csv", csv_path, "--model", model, "--format", "csv"))))
    assert [row["row"] for row in rows] == [str(number) for number in range(ROW_COUNT)]
    assert_same(rows, ask("serve_pixels", list(pixels)))


def test_predict_pictures_get_the_answers_of_the_signature_in_order(capfd, model, pictures, ask):
    names = [pictures[-1], *pictures]
    rows = list(csv.DictReader(io.StringIO(predict(capfd, *names, "--model", model, "--format", "csv"))))
    assert [row["file"] for row in rows] == names
    assert_same(rows, ask("serve_images", [Path(name).read_bytes() for name in names]))


def test_predict_folder_as_json_gives_the_answers_of_its_pictures(capfd, model, pictures, ask):
    rows = json.loads(predict(capfd, Path(pictures[0]).parent, "--model", model, "--format", "json"))
    assert [row["file"] for row in rows] == pictures
    assert_same(
        [row | row["probabilities"] for row in rows],
        ask("serve_images", [Path(name).read_bytes() for name in pictures]),
    )


def test_predict_submission_holds_one_class_index_a_row(capfd, model, csv_path, pixels, ask, tmp_path):
    out = tmp_path / "submission.csv"
    said = predict(capfd, "--csv", csv_path, "--model", model, "--format", "submission", "--out", out)
    assert said == f"300 predictions written to {out}\n"
    assert out.read_text("ascii") == "".join(f"{index}\n" for index in ask("serve_pixels", list(pixels))["class_index"])


def test_predict_table_below_the_models_threshold_is_unsure(capfd, model, csv_path, pixels, ask):
    answers = ask("serve_pixels", list(pixels))
    threshold = float(np.median(answers["confidence"]))
    given = predict(capfd, "--csv", csv_path, "--model", model, "--min-confidence", threshold).splitlines()
    names = np.where(answers["confidence"] >= threshold, answers["class_name"].ravel(), b"unsure")
    assert [line.split()[1] for line in given] == [name.decode() for name in names]
    own = predict(capfd, "--csv", csv_path, "--model", model, "--abstain")
    assert own == predict(capfd, "--csv", csv_path, "--model", model, "--min-confidence", THRESHOLD)


def test_predict_folder_of_versions_takes_the_latest(capfd, model, pictures, tmp_path):
    shutil.copytree(model, tmp_path / "serving" / "9")
    (tmp_path / "serving" / "9" / "saved_model.pb").write_bytes(b"an old model that can't be loaded")
    shutil.copytree(model, tmp_path / "serving" / "10")
    assert predict(capfd, pictures[0], "--model", tmp_path / "serving") == predict(capfd, pictures[0], "--model", model)


def test_predict_without_a_model_takes_the_shipped_one_if_its_files_are_sound(
    capfd, model, pictures, tmp_path, monkeypatch
):
    monkeypatch.setattr(shipped.resources, "files", lambda name: {"models": tmp_path}[name])
    folder = tmp_path / "shipped_model"
    shutil.copytree(model, folder)
    write_sums(folder)
    assert predict(capfd, pictures[0]) == predict(capfd, pictures[0], "--model", model)
    (folder / "variables" / "variables.index").write_bytes(b"other")
    assert complain(capfd, pictures[0]).startswith(f"fer-tfx: {folder}/variables/variables.index: has the SHA-256 ")


def complain(capfd: pytest.CaptureFixture[str], *words: object) -> str:
    """The one line on standard error of a command that exits with 2 and prints nothing else."""
    code = main(["predict", *map(str, words)])
    out, error = capfd.readouterr()
    assert (code, out, error.count("\n")) == (2, "", 1)
    return error.rstrip("\n")


@pytest.mark.parametrize("at", [0, 66])
@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_predict_torn_picture_is_named_and_nothing_is_written(capfd, model, pictures, tmp_path, at, kind):
    sound = next(name for name in pictures[1:] if name.endswith(kind))
    torn = tmp_path / f"torn.{kind}"
    torn.write_bytes(Path(sound).read_bytes()[:-400])
    names = [*pictures[:at], torn, *pictures[at:]]
    expected = f"fer-tfx: {torn}: is damaged or ends early; replace it, or leave it out"
    assert complain(capfd, *names, "--model", model) == expected
    before = sorted(tmp_path.iterdir())
    assert complain(capfd, *names, "--model", model, "--out", tmp_path / "out.csv") == expected
    assert sorted(tmp_path.iterdir()) == before


def test_predict_broken_row_is_named_by_line_and_nothing_is_written(capfd, model, pixels, tmp_path):
    lines = [" ".join(map(str, picture.ravel())) for picture in pixels]
    path, out = tmp_path / "a.csv", tmp_path / "out.csv"
    path.write_text("\n".join(["pixels", *lines[:200], "1 2 3", *lines[200:]]), "ascii")
    words = ("--csv", path, "--model", model, "--format", "submission", "--out", out)
    assert complain(capfd, *words).startswith(f"fer-tfx: {path}, line 202: wrong number of pixels: ")
    assert list(tmp_path.iterdir()) == [path]


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


def test_predict_fresh_process_is_quiet_and_imports_neither_tfx_nor_keras(model, pictures, tmp_path):
    modules = tmp_path / "modules.txt"
    command = [sys.executable, "-c", ASK_IN_FRESH_PROCESS, modules, "predict", pictures[0], "--model", model]
    # Libraries that this process has imported set variables such as TF_USE_LEGACY_KERAS.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    done = subprocess.run([*map(str, command)], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{pictures[0]}  ")
    assert done.stdout.count("\n") == 1
    imported = set(modules.read_text("utf-8").split())
    assert "tensorflow" in imported
    assert imported & {"tfx", "keras", "apache_beam", "models", "ml_metadata"} == set()
