"""ServingCheck tells a model that servers can load from one that only looks like it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components.serving_check.component import ServingCheck
from components.serving_check.executor import Executor
from models.warm_up import write_warm_up
from schema.contract import (
    CLASS_NAME_KEY,
    CLASS_NAMES,
    IMAGE_SHAPE,
    PIXELS_KEY,
    PROBABILITIES_KEY,
    SERVE_EXAMPLES,
    SERVE_IMAGES,
    SERVE_PIXELS,
)
from schema.example import to_example

BYTES_OF = tf.constant([bytes([value]) for value in range(256)])


class LinearModelDouble(tf.Module):  # type: ignore[misc]
    """A stand-in for the exported network: the three signatures over one linear layer."""

    def __init__(self, network: keras.Model, is_tracked: bool, name_shift: int = 0):
        super().__init__()
        self._variables = [variable.value for variable in network.variables]
        self._call = lambda images: network(images, training=False)
        self._name_shift = name_shift
        if is_tracked:
            # The fault that the TF2 loader hides: each variable is saved twice and the TF1 loader reads the empty copy.
            self._variables = []
            self.network = network

    def answer(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        probabilities = tf.nn.softmax(self._call(tf.cast(pixels, tf.float32) / 255.0))
        names = tf.roll(tf.constant(CLASS_NAMES), self._name_shift, axis=0)
        return {
            PROBABILITIES_KEY: probabilities,
            CLASS_NAME_KEY: tf.gather(names, tf.argmax(probabilities, axis=1))[:, tf.newaxis],
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(examples, {PIXELS_KEY: tf.io.FixedLenFeature([], tf.string)})
        return self.answer(tf.reshape(tf.io.decode_raw(parsed[PIXELS_KEY], tf.uint8), [-1, *IMAGE_SHAPE]))

    @tf.function(input_signature=[tf.TensorSpec([None, *IMAGE_SHAPE], tf.uint8, name="pixels")])
    def serve_pixels(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return self.answer(pixels)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serve_images(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        decode = lambda image: tf.cast(tf.image.resize(tf.io.decode_png(image, channels=1), [48, 48]), tf.uint8)  # noqa: E731
        pixels = tf.map_fn(decode, image_bytes, fn_output_signature=tf.TensorSpec(IMAGE_SHAPE, tf.uint8))
        return self.answer(pixels)

    @tf.function(input_signature=[tf.TensorSpec([None, *IMAGE_SHAPE], tf.uint8, name="pixels")])
    def serve_brighter_pixels(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return self.answer(pixels // 2)


def build_network() -> keras.Model:
    keras.utils.set_random_seed(3)
    layers = [keras.Input(IMAGE_SHAPE), keras.layers.Flatten(), keras.layers.Dense(len(CLASS_NAMES))]
    return keras.Sequential(layers)


def save(
    folder: str, *, is_tracked: bool = False, name_shift: int = 0, has_warm_up: bool = True, **changed: str
) -> None:
    """Save the double with its sound signatures; `changed` puts another method, or none, behind one of them."""
    module = LinearModelDouble(build_network(), is_tracked, name_shift)
    methods = {SERVE_EXAMPLES: "serve_examples", SERVE_PIXELS: "serve_pixels", SERVE_IMAGES: "serve_images", **changed}
    signatures = {name: getattr(module, method) for name, method in methods.items() if method}
    tf.saved_model.save(module, f"{folder}/Format-Serving", signatures=signatures)
    if has_warm_up:
        extra = Path(folder, "Format-Serving", "assets.extra")
        extra.mkdir()
        write_warm_up(str(extra / "tf_serving_warmup_requests"))


@pytest.fixture
def check(make_artifact: Callable[..., Any], move_to_memory: Callable[..., Any]) -> Callable[..., tuple[int, str]]:
    """A function that saves a model as told, runs the executor and gives the blessing with its reason."""

    def run(*, is_remote: bool = False, **model: Any) -> tuple[int, str]:
        inputs = {
            "model": [make_artifact(standard_artifacts.Model)],
            "examples": [make_artifact(standard_artifacts.Examples)],
        }
        save(inputs["model"][0].uri, **model)
        examples = inputs["examples"][0]
        examples.split_names = '["eval"]'
        write_examples(Path(examples.uri, "Split-eval"))
        if is_remote:
            move_to_memory(inputs)
        blessing = make_artifact(standard_artifacts.InfraBlessing)
        Executor().Do(inputs, {"blessing": [blessing]}, {"code": ""})
        (file,) = Path(blessing.uri).iterdir()
        is_blessed = blessing.get_int_custom_property("blessed")
        assert file.name == ("INFRA_BLESSED" if is_blessed else "INFRA_NOT_BLESSED")
        return is_blessed, file.read_text()

    return run


def write_examples(folder: Path) -> None:
    folder.mkdir()
    rows = np.random.default_rng(5).integers(0, 256, (9, 2304), np.uint8)
    with tf.io.TFRecordWriter(str(folder / "data.gz"), "GZIP") as writer:
        for row, pixels in enumerate(rows):
            writer.write(to_example(pixels.tobytes(), 0, "drawn.csv", row).SerializeToString())


def test_serving_check_sound_model_is_blessed(check: Any) -> None:
    assert check() == (1, "")


def test_serving_check_remote_model_is_judged_by_a_local_copy(check: Any) -> None:
    assert check(is_remote=True) == (1, "")
    is_blessed, reason = check(is_remote=True, name_shift=1)
    assert (is_blessed, "class names do not follow" in reason) == (0, True)


def test_serving_check_model_that_only_the_tf2_loader_can_load_is_refused(check: Any) -> None:
    is_blessed, reason = check(is_tracked=True)
    assert not is_blessed
    assert reason


def test_serving_check_missing_signature_is_refused_by_name(check: Any) -> None:
    is_blessed, reason = check(**{SERVE_IMAGES: ""})
    assert not is_blessed
    assert f"has no signature {SERVE_IMAGES}" in reason


def test_serving_check_signatures_that_disagree_are_refused(check: Any) -> None:
    is_blessed, reason = check(**{SERVE_PIXELS: "serve_brighter_pixels"})
    assert not is_blessed
    assert f"{SERVE_PIXELS}: differs from {SERVE_EXAMPLES} by" in reason


def test_serving_check_model_without_warm_up_requests_is_refused(check: Any) -> None:
    is_blessed, reason = check(has_warm_up=False)
    assert not is_blessed
    assert "has no warm-up requests in assets.extra/tf_serving_warmup_requests" in reason


def test_serving_check_permuted_class_names_are_refused(check: Any) -> None:
    is_blessed, reason = check(name_shift=1)
    assert not is_blessed
    assert "class names do not follow the order of classes" in reason


def test_serving_check_component_declares_the_blessing_that_pusher_takes() -> None:
    assert ServingCheck.SPEC_CLASS.OUTPUTS["blessing"].type is standard_artifacts.InfraBlessing
