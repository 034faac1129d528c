"""Networks joined into one: its logits are the mean of theirs, its features theirs side by side."""

import json
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from configs.spec import ExportConfig, ModelConfig
from fer_tfx.contract import PROBABILITIES_KEY
from fer_tfx.errors import ConfigError
from models.checkpoint import Finished
from models.ensemble import join_networks, read_member, require_distinct, restore_network
from models.export import ServingNetwork
from models.light_form import convert_function
from models.networks import build_network, fold_network
from models.warm_start import keep_weights

SHAPES = [
    ModelConfig(stem_filters=4, stage_filters=(8, 8), skips=True),
    ModelConfig(stem_filters=8, stage_filters=(8, 16), convolutions_per_stage=1),
    ModelConfig(stem_filters=4, stage_filters=(8, 8), skips=True),
]


@pytest.fixture(scope="module")
def networks() -> list[keras.Model]:
    keras.utils.set_random_seed(1)
    return [fold_network(build_network(shape, 5), shape) for shape in SHAPES]


@pytest.fixture(scope="module")
def images() -> tf.Tensor:
    return tf.random.stateless_normal([3, 48, 48, 1], seed=(1, 2))


def test_join_networks_logits_are_the_mean_of_theirs_and_features_lie_side_by_side(networks, images):
    joined = join_networks(networks)
    expected = np.mean([network(images) for network in networks], axis=0)
    np.testing.assert_allclose(joined(images), expected, atol=1e-5)
    assert np.abs(expected - networks[0](images)).max() > 1e-2
    assert joined.layers[-1].input.shape == (None, 8 + 16 + 8)


def test_join_networks_one_alone_is_itself(networks):
    assert join_networks(networks[:1]) is networks[0]


def test_joined_network_is_served_with_its_weights_in_half_precision(networks, images):
    joined = join_networks(networks)
    served = ServingNetwork(joined, ExportConfig())
    np.testing.assert_allclose(served(images), joined(images), atol=5e-3)


@pytest.mark.parametrize("is_int8", [False, True], ids=["float16", "int8"])
def test_joined_network_in_its_light_form_answers_alike_and_pools_every_network_in_float(networks, is_int8):
    served = ServingNetwork(join_networks(networks), ExportConfig())
    faces = np.random.default_rng(1).integers(0, 256, (64, 48, 48, 1), np.uint8)

    def serve(pixels):
        return {PROBABILITIES_KEY: tf.nn.softmax(served(tf.cast(pixels, tf.float32) / 64.0))}

    light = Interpreter(model_content=convert_function(serve, served, faces if is_int8 else None))
    light.allocate_tensors()
    light.set_tensor(light.get_input_details()[0]["index"], faces[:1])
    light.invoke()
    answers = {each["shape"][1]: light.get_tensor(each["index"]) for each in light.get_output_details()}
    np.testing.assert_allclose(answers[5], serve(faces[:1])[PROBABILITIES_KEY], atol=2e-3)
    assert set(answers) == {5, 8 + 16 + 8}
    types = {each["index"]: each["dtype"] for each in light.get_tensor_details()}
    made = [(each["op_name"], types[each["outputs"][0]]) for each in light._get_ops_details()]
    assert {dtype for kind, dtype in made if kind == "MEAN"} == {np.float32}
    assert {dtype for kind, dtype in made if kind == "CONV_2D"} == {np.int8 if is_int8 else np.float32}


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """Of a model with five classes, as a Trainer leaves it, without the graph."""
    keras.utils.set_random_seed(1)
    exported = tmp_path / "8" / "Format-Serving"
    (exported / "assets.extra").mkdir(parents=True)
    (exported / "assets.extra" / "class_names.txt").write_text("a\nb\nc\nd\ne\n")
    record = {"model": asdict(SHAPES[0]), "precision": "float32", "parameters": 40}
    (exported / "assets.extra" / "training_record.json").write_text(json.dumps(record))
    keep_weights(build_network(SHAPES[0], 5).get_weights(), str(exported))
    return tmp_path / "8"


def test_read_member_the_network_of_an_artifact_answers_as_it_did(artifact, networks, images):
    restored = restore_network(read_member(str(artifact), "abcde"), 5)
    np.testing.assert_allclose(restored(images), networks[0](images), atol=1e-5)


@pytest.mark.parametrize("missing", ["class_names.txt", "training_record.json", "weights.npz"])
def test_read_member_what_is_no_artifact_of_a_training_is_named(artifact, missing):
    (path,) = artifact.rglob(missing)
    path.unlink()
    with pytest.raises(ConfigError) as caught:
        read_member(str(artifact), "abcde")
    assert str(caught.value).startswith(f"ensemble.models: {artifact}: ")
    assert missing in str(caught.value)
    assert str(caught.value).endswith("; give a folder below artifacts/Trainer/model of a run, or a bucket URI of one")


def test_read_member_model_of_other_classes_is_refused(artifact):
    with pytest.raises(ConfigError, match="8: has the classes a, b, c, d, e, now they are a, b; leave it out, or set"):
        read_member(str(artifact), "ab")


@pytest.mark.parametrize("name", ["training_record.json", "weights.npz"])
@pytest.mark.parametrize("length", [0, 100])
def test_read_member_file_cut_short_is_named_as_damaged(artifact, name, length):
    (path,) = artifact.rglob(name)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ConfigError, match=r"8: is damaged: .+; copy it again, or leave it out$"):
        read_member(str(artifact), "abcde")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"precision": None}, "'precision'"),
        ({"model": {"gone_setting": 1}}, "gone_setting: unknown setting"),
        ({"model": asdict(SHAPES[1])}, "set_weights"),
        ({"parameters": None}, "'parameters'"),
    ],
)
def test_read_member_that_no_longer_fits_is_named(artifact, changes, said):
    (path,) = artifact.rglob("training_record.json")
    record = {key: value for key, value in (json.loads(path.read_text()) | changes).items() if value is not None}
    path.write_text(json.dumps(record))
    with pytest.raises(
        ConfigError, match=r"8: doesn't fit this version: .+; train it again, or leave it out$"
    ) as caught:
        read_member(str(artifact), "abcde")
    assert said in str(caught.value)


def test_read_member_of_an_ensemble_counts_the_parameters_of_its_first_network_alone(artifact):
    (path,) = artifact.rglob("training_record.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"members": [{"parameters": 7}, {"parameters": 8}]}))
    assert read_member(str(artifact), "abcde").record == {
        "model": asdict(SHAPES[0]) | {"stage_filters": [8, 8]}, "precision": "float32", "parameters": 25
    }  # fmt: skip


def test_require_distinct_refuses_a_network_that_would_count_twice():
    first, second = (Finished({}, (np.full(3, value, np.float32),)) for value in (1, 2))
    require_distinct([first, second])
    said = r"^ensemble: networks 1 and 3 of 3 or more have the same weights; take one out of ensemble\.members or"
    with pytest.raises(ConfigError, match=said):
        require_distinct([first, second, Finished({"seed": 3}, first.weights)])
