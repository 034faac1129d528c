"""A family of networks is one module: settings choose it, and training, export and light form take it as it is."""

import types
from dataclasses import asdict
from pathlib import Path
from typing import get_args, get_type_hints

import keras
import numpy as np
import pytest
import tensorflow as tf
from model_doubles import draw_striped_examples
from test_light_form import ask_light
from test_trainer_fn import build_fn_args, read_record

from configs.load import load_config, to_json
from configs.spec import ModelConfig
from fer_tfx.errors import ConfigError
from models import networks
from models.light_form import convert_to_light
from models.networks.layers import standardise
from models.trainer_fn import run_fn


def build(config: ModelConfig, class_count: int) -> keras.Model:
    """A network without convolutions."""
    images = keras.Input((48, 48, 1))
    features = keras.layers.AveragePooling2D(4)(standardise(images))
    hidden = keras.layers.Dense(config.stem_filters, activation="relu")(keras.layers.Flatten()(features))
    features = keras.layers.Dropout(config.dropout_fraction)(hidden)
    return keras.Model(images, keras.layers.Dense(class_count, dtype="float32", name="logits")(features))


def fold(network: keras.Model) -> keras.Model:
    """Without its dropout."""
    folded = build(ModelConfig(stem_filters=network.layers[-3].units), network.layers[-1].units)
    folded.set_weights(network.get_weights()[: len(folded.weights)])
    return folded


@pytest.fixture
def perceptron(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """Another family in the place of the only one."""
    family = types.SimpleNamespace(build=build, fold=fold)
    monkeypatch.setitem(networks.FAMILIES, "vgg", family)
    return family


def test_families_of_the_settings_are_those_that_are_registered():
    assert get_args(get_type_hints(ModelConfig)["family"]) == tuple(networks.FAMILIES)


def test_model_config_unknown_family_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match=r"^--set: model\.family: expected 'vgg', got 'vg'$"):
        load_config(None, ["model.family=vg"])


def test_build_network_failure_leaves_the_dtype_policy_as_it_was(perceptron):
    def fail(_: ModelConfig, class_count: int) -> keras.Model:
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        raise ValueError("stop")

    perceptron.build = fail
    with pytest.raises(ValueError, match="stop"):
        networks.build_network(ModelConfig(), 7, "mixed_bfloat16")
    assert keras.config.dtype_policy().name == "float32"


def test_run_fn_another_family_is_trained_folded_and_exported_and_has_a_light_form(perceptron, transform_dir, tmp_path):
    folded: list[keras.Model] = []
    perceptron.fold = lambda network: folded.append(fold(network)) or folded[-1]
    config = ModelConfig(stem_filters=8, dropout_fraction=0.1)
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
