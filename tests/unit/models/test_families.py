"""A family of networks is one module: settings choose it, and training, export and light form take it as it is."""

import types
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from model_doubles import draw_striped_examples
from test_light_form import ask_light
from test_trainer_fn import build_fn_args, read_record

from configs import spec
from configs.load import from_json, to_json
from configs.spec import ModelConfig
from fer_tfx.errors import ConfigError
from models import networks
from models.export import convert_to_light
from models.networks.layers import standardise
from models.trainer_fn import run_fn


def build(config: ModelConfig) -> keras.Model:
    """A network without convolutions."""
    images = keras.Input((48, 48, 1))
    features = keras.layers.AveragePooling2D(4)(standardise(images))
    hidden = keras.layers.Dense(config.stem_filters, activation="relu")(keras.layers.Flatten()(features))
    features = keras.layers.Dropout(config.dropout_fraction)(hidden)
    return keras.Model(images, keras.layers.Dense(7, dtype="float32", name="logits")(features))


def fold(network: keras.Model) -> keras.Model:
    """Without its dropout."""
    folded = build(ModelConfig(stem_filters=network.layers[-3].units))
    folded.set_weights(network.get_weights()[: len(folded.weights)])
    return folded


@pytest.fixture
def perceptron(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """A second family, registered as a file of `models/networks` would be."""
    family = types.SimpleNamespace(build=build, fold=fold)
    monkeypatch.setitem(networks.FAMILIES, "perceptron", family)
    monkeypatch.setattr(spec, "NETWORK_FAMILIES", tuple(networks.FAMILIES))
    return family


def test_families_of_the_settings_are_those_that_are_registered():
    assert tuple(networks.FAMILIES) == spec.NETWORK_FAMILIES
    assert ModelConfig().family == "vgg"


def test_model_config_family_reads_back_from_json(perceptron):
    config = ModelConfig(family="perceptron")
    assert from_json(ModelConfig, to_json(config)) == config


def test_model_config_unknown_family_names_the_nearest():
    with pytest.raises(ConfigError, match=r"^model\.family: unknown family 'vg'; did you mean 'vgg'\?$"):
        ModelConfig(family="vg")


def test_build_network_failure_leaves_the_dtype_policy_as_it_was(perceptron):
    def fail(_: ModelConfig) -> keras.Model:
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        raise ValueError("stop")

    perceptron.build = fail
    with pytest.raises(ValueError, match="stop"):
        networks.build_network(ModelConfig(family="perceptron"), "mixed_bfloat16")
    assert keras.config.dtype_policy().name == "float32"


def test_run_fn_another_family_is_trained_folded_and_exported_and_has_a_light_form(perceptron, transform_dir, tmp_path):
    folded: list[keras.Model] = []
    perceptron.fold = lambda network: folded.append(fold(network)) or folded[-1]
    config = ModelConfig(family="perceptron", stem_filters=8, dropout_fraction=0.1)
    fn_args = build_fn_args(transform_dir, tmp_path)
    fn_args.custom_config["model"] = to_json(config)
    run_fn(fn_args)
    assert read_record(tmp_path)["model"] == {**asdict(config), "stage_filters": list(config.stage_filters)}
    assert len(folded) == 1
    pixels = tf.reshape(tf.io.decode_raw(draw_striped_examples(1).pixels, tf.uint8), [-1, 48, 48, 1])
    model = tf.saved_model.load(fn_args.serving_model_dir)
    expected = model.signatures["serve_pixels"](pixels=pixels)["probabilities"].numpy()
    assert expected.shape == (1, 7)
    light = convert_to_light(Path(fn_args.serving_model_dir))
    np.testing.assert_allclose(ask_light(light, pixels.numpy()), expected, atol=2e-3)
