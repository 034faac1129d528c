from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from model_doubles import draw_striped_examples
from test_light_form import ask_light
from test_trainer_fn import build_fn_args

from benchmarks.training_throughput import count_training_flops
from configs.load import to_json
from configs.spec import ModelConfig
from models.light_form import convert_to_light
from models.networks import build_network
from models.trainer_fn import run_fn

SMALL = ModelConfig(stem_filters=2, stage_filters=(3, 5), convolutions_per_stage=2, dropout_fraction=0.0)


def draw_images(count: int, size_px: int = 48) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, size_px, size_px, 1)).astype(np.float32)


def test_build_network_default_maps_images_to_float32_logits():
    logits = build_network(ModelConfig(), 7)(draw_images(2))
    assert logits.shape == (2, 7)
    assert logits.dtype.name == "float32"
    assert build_network(ModelConfig(), 7).layers[-1].activation is keras.activations.linear


def test_build_network_small_has_the_weights_counted_by_hand():
    stem = 9 * 1 * 2 + 4 * 2
    stages = (9 * 2 * 3 + 4 * 3) + (9 * 3 * 3 + 4 * 3) + (9 * 3 * 5 + 4 * 5) + (9 * 5 * 5 + 4 * 5)
    assert build_network(SMALL, 7).count_params() == stem + stages + 5 * 7 + 7


def test_build_network_stem_works_at_48_px_and_stages_at_24_12_and_6():
    network = build_network(ModelConfig(), 7)
    maps = [layer.output for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    features = keras.Model(network.inputs, maps)(draw_images(1))
    assert [feature.shape[1] for feature in features] == [48, 24, 24, 12, 12, 6, 6]
    assert [feature.shape[3] for feature in features] == [16, 32, 32, 64, 64, 128, 128]


@pytest.mark.parametrize(("factor", "offset"), [(0.4, 0.0), (1.0, -1.5), (2.5, 0.7)])
def test_build_network_lighting_of_a_picture_does_not_count(factor, offset):
    network = build_network(ModelConfig(), 7)
    np.testing.assert_allclose(network(draw_images(2) * factor + offset), network(draw_images(2)), rtol=0.02)


def test_build_network_blank_picture_gives_numbers():
    assert np.isfinite(build_network(SMALL, 7)(np.full((1, 48, 48, 1), -2.0, np.float32)).numpy()).all()


def test_build_network_smaller_pictures_are_accepted():
    assert build_network(SMALL, 7)(draw_images(2, size_px=40)).shape == (2, 7)


def test_build_network_pools_before_it_normalises_and_the_last_stage_not_at_all():
    kinds = [type(layer).__name__ for layer in build_network(SMALL, 7).layers]
    plain = ["Conv2D", "BatchNormalization", "ReLU"]
    halved = ["Conv2D", "MaxPooling2D", "BatchNormalization", "ReLU"]
    stem = ["InputLayer", "LayerNormalization", *halved]
    assert kinds == [*stem, *plain, *halved, *plain, *plain, "GlobalAveragePooling2D", "Dropout", "Dense"]


def test_build_network_bfloat16_policy_computes_in_it_but_keeps_float32_weights_and_logits():
    network = build_network(SMALL, 7, "mixed_bfloat16")
    assert {layer.compute_dtype for layer in network.layers if isinstance(layer, keras.layers.Conv2D)} == {"bfloat16"}
    assert {weight.dtype for weight in network.trainable_weights} == {"float32"}
    assert network(draw_images(1)).dtype.name == "float32"
    assert keras.config.dtype_policy().name == "float32"


def test_build_network_same_seed_gives_same_weights():
    keras.utils.set_random_seed(4)
    first = build_network(SMALL, 7).get_weights()
    keras.utils.set_random_seed(4)
    for one, other in zip(first, build_network(SMALL, 7).get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_build_network_serialised_network_gives_same_logits(tmp_path):
    network = build_network(SMALL, 7)
    network.save(tmp_path / "network.keras")
    restored = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(network(draw_images(2)), restored(draw_images(2)))


def test_build_network_skips_add_the_input_of_convolutions_that_keep_its_shape():
    """In each stage but the last the final convolution halves the size, and the first changes the filters."""
    network = build_network(replace(SMALL, convolutions_per_stage=3, skips=True), 7)
    plain = build_network(replace(SMALL, convolutions_per_stage=3), 7)
    assert network.count_params() == plain.count_params()
    added = [layer for layer in network.layers if isinstance(layer, keras.layers.Add)]
    assert [layer.output.shape[-1] for layer in added] == [3, 5, 5]
    normalised, images = added[0].input
    mapped = keras.Model(
        network.inputs, [normalised, images, network.layers[network.layers.index(added[0]) + 1].output]
    )
    before, skipped, result = (each.numpy() for each in mapped(draw_images(2)))
    np.testing.assert_allclose(result, np.maximum(before + skipped, 0.0), atol=1e-6)


def test_build_network_skips_first_convolution_of_as_many_filters_as_the_stem_has_one_too():
    network = build_network(ModelConfig(stem_filters=3, stage_filters=(3,), convolutions_per_stage=2, skips=True), 7)
    assert sum(isinstance(layer, keras.layers.Add) for layer in network.layers) == 2


def test_run_fn_network_with_skips_is_trained_folded_and_exported_and_has_a_light_form(transform_dir, tmp_path):
    fn_args = build_fn_args(transform_dir, tmp_path)
    fn_args.custom_config["model"] = to_json(replace(SMALL, convolutions_per_stage=3, skips=True))
    run_fn(fn_args)
    pixels = draw_striped_examples(4).pixels.numpy()
    pixels = np.stack([np.frombuffer(each, np.uint8).reshape(48, 48, 1) for each in pixels])
    served = tf.saved_model.load(fn_args.serving_model_dir).signatures["serve_pixels"]
    expected = served(pixels=tf.constant(pixels))["probabilities"].numpy()
    np.testing.assert_allclose(
        ask_light(convert_to_light(Path(fn_args.serving_model_dir)), pixels), expected, atol=2e-3
    )


@pytest.mark.parametrize(
    ("config", "parameters", "forward_mflop"),
    [
        (ModelConfig(stem_filters=16, stage_filters=(48, 128, 256)), 1_120_599, 155),
        (ModelConfig(stem_filters=16, stage_filters=(48, 128, 304)), 1_418_535, 176),
        (
            ModelConfig(stem_filters=16, stage_filters=(48, 96, 208), convolutions_per_stage=3, skips=True),
            1_220_103, 185,
        ),
        (
            ModelConfig(stem_filters=32, stage_filters=(96, 256, 512), convolutions_per_stage=3, skips=True),
            7_506_983, 1_052,
        ),
    ],
    ids=["shipped", "S5", "S4", "L1"],
)  # fmt: skip
def test_build_network_shapes_of_the_experiments_have_the_size_and_cost_they_were_chosen_for(
    config, parameters, forward_mflop
):
    network = build_network(config, 7)
    assert network.count_params() == parameters
    assert count_training_flops(network, 48) / 3e6 == pytest.approx(forward_mflop, abs=0.5)
