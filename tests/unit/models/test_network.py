import keras
import numpy as np

from configs.spec import ModelConfig
from models.network import build_network

SMALL = ModelConfig(stem_filters=2, stem_size_px=3, stage_filters=(3,), blocks_per_stage=(1,), dropout_fraction=0.0)


def draw_images(count: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, 48, 48, 1)).astype(np.float32)


def test_build_network_default_maps_images_to_float32_logits():
    logits = build_network(ModelConfig())(draw_images(2))
    assert logits.shape == (2, 7)
    assert logits.dtype.name == "float32"
    assert build_network(ModelConfig()).layers[-1].activation is keras.activations.linear


def test_build_network_small_has_the_weights_counted_by_hand():
    stem = 3 * 3 * 1 * 2 + 4 * 2
    shortcut = 2 * 3 + 4 * 3
    convolutions = 3 * 3 * 2 * 3 + 4 * 3 + 3 * 3 * 3 * 3 + 4 * 3
    assert build_network(SMALL).count_params() == stem + shortcut + convolutions + 3 * 7 + 7


def test_build_network_three_stages_work_at_24_12_and_6_px():
    network = build_network(ModelConfig(blocks_per_stage=(1, 2, 1)))
    sums = [layer.output for layer in network.layers if isinstance(layer, keras.layers.Add)]
    features = keras.Model(network.inputs, sums)(draw_images(1))
    assert [feature.shape[1] for feature in features] == [24, 12, 12, 6]


def test_build_network_block_adds_its_residual_to_the_shortcut():
    network = build_network(ModelConfig(stem_filters=4, stage_filters=(4,), blocks_per_stage=(1,)))
    stem = next(layer for layer in network.layers if isinstance(layer, keras.layers.ReLU))
    last_norm = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)][-1]
    pool = next(layer for layer in network.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    parts = keras.Model(network.inputs, [stem.output, last_norm.output, pool.input])
    shortcut, residual, after = (part.numpy() for part in parts(draw_images(2), training=True))
    assert np.abs(residual).max() > 0.1, "a residual that starts at 0 keeps short runs from learning"
    np.testing.assert_allclose(after, np.maximum(shortcut + residual, 0), atol=1e-6)


def test_build_network_same_seed_gives_same_weights():
    keras.utils.set_random_seed(4)
    first = build_network(SMALL).get_weights()
    keras.utils.set_random_seed(4)
    for one, other in zip(first, build_network(SMALL).get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_build_network_serialised_network_gives_same_logits(tmp_path):
    network = build_network(SMALL)
    network.save(tmp_path / "network.keras")
    restored = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(network(draw_images(2)), restored(draw_images(2)))
