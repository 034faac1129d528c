"""Small stand-ins and data that the tests of `models` share; also run by the processes that tests start."""

from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from configs.spec import AugmentationConfig, ModelConfig, TrainerConfig
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from models.dataset import LabelledExamples
from models.networks import build_network
from models.training import TrainResult, fit

NO_AUGMENTATION = AugmentationConfig(flip=False, rotation_deg=0, scale_fraction=0, shift_fraction=0)
TINY_MODEL = ModelConfig(stem_filters=4, stage_filters=(6,), convolutions_per_stage=1, dropout_fraction=0.2)
TINY_TRAINER = TrainerConfig(
    epochs=4, batch_size=8, peak_learning_rate=0.05, warmup_epochs=0.5, precision="float32", seed=5
)


def draw_pixels(count: int, seed: int = 0) -> np.ndarray:
    """Noise: uint8 (count, 48, 48, 1)."""
    return np.random.default_rng(seed).integers(0, 256, (count, 48, 48, 1), dtype=np.uint8)


def to_raw(pixels: np.ndarray) -> list[bytes]:
    """uint8 (n, 48, 48, 1) -> n strings of 2,304 bytes."""
    return [picture.tobytes() for picture in pixels]


def build_examples(
    pixels: np.ndarray, class_indices: Iterable[int], targets: np.ndarray | None = None
) -> LabelledExamples:
    """Without `targets`, float (n, 7), no row has one."""
    labels = tf.constant(list(class_indices), tf.int64)
    targets = np.zeros([len(pixels), len(DEFAULT_CLASS_NAMES)]) if targets is None else targets
    return LabelledExamples(tf.constant(to_raw(pixels)), labels, tf.constant(targets, tf.float32))


def draw_striped_examples(count: int, seed: int = 0) -> LabelledExamples:
    """Noise with stripes that lie in class 0 and stand in class 1, so that a tiny network learns it in seconds."""
    pixels = draw_pixels(count, seed) // 2
    class_indices = np.arange(count) % 2
    stripes = (np.arange(48) // 4 % 2 * 120).astype(np.uint8)
    is_standing = class_indices.astype(bool)[:, None, None, None]
    return build_examples(pixels + np.where(is_standing, stripes[:, None], stripes[:, None, None]), class_indices)


def stub_transform(raw: tf.Tensor) -> tf.Tensor:
    """Stands in for the Transform graph: raw pictures -> fractions less one half, times four."""
    pixels = tf.reshape(tf.io.decode_raw(raw, tf.uint8), [-1, 48, 48, 1])
    return (tf.cast(pixels, tf.float32) / 255.0 - 0.5) * 4.0


class TransformStub:
    """Stands in for the Transform graph where a model is exported: see `stub_transform`."""

    def apply_to_pixels(self, pixels: tf.Tensor) -> tf.Tensor:
        return (tf.cast(pixels, tf.float32) / 255.0 - 0.5) * 4.0


def build_stub_network(class_index: int) -> keras.Model:
    """Stands in for a network that is sure of one class whatever it sees."""
    images = keras.Input((48, 48, 1))
    bias = keras.initializers.Constant(np.eye(7)[class_index] * 10.0)
    logits = keras.layers.Dense(7, kernel_initializer="zeros", bias_initializer=bias)(keras.layers.Flatten()(images))
    return keras.Model(images, logits)


def fit_tiny_network(folder: Path, config: TrainerConfig = TINY_TRAINER) -> tuple[TrainResult, keras.Model]:
    """Train a tiny network on 32 striped pictures, with its files in `folder`."""
    keras.utils.set_random_seed(config.seed)
    network = build_network(TINY_MODEL, 7, config.precision)
    train, eval_ = draw_striped_examples(32), draw_striped_examples(20, seed=1)
    dirs = {"checkpoint_dir": str(folder / "checkpoints"), "log_dir": str(folder / "logs")}
    return fit(network, train, eval_, stub_transform, config, **dirs), network
