"""ServingCheck tells a model that servers can load from one that only looks like it."""

import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from forked import run_fork
from tfx import types
from tfx.types import standard_artifacts

from components import serving_check
from components.serving_check import _PROBE, Executor, ServingCheck, UnservableError, probe_in_fresh_process
from fer_tfx.contract import (
    CLASS_NAME_KEY,
    CLASS_NAMES_KEY,
    DEFAULT_CLASS_NAMES,
    IMAGE_SHAPE,
    PIXELS_KEY,
    PROBABILITIES_KEY,
    SERVE_EXAMPLES,
    SERVE_IMAGES,
    SERVE_PIXELS,
)
from models.export import write_warm_up
from models.light_form import convert_function
from reporting.serving_figures import FIGURES_FILE, ServingFigures
from schema.example import to_example

_run = subprocess.run


@pytest.fixture(autouse=True)
def _forked_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """The probe in a process that has TensorFlow already; the runs of the whole pipeline start it afresh."""
    monkeypatch.setattr(serving_check.subprocess, "run", lambda command, **_: run_fork(_PROBE, command[3:]))


ARGUMENTS = ("is_tracked", "name_shift", "extra_work")


class LinearModelDouble(tf.Module):  # type: ignore[misc]
    """A stand-in for the exported network: the three signatures over one linear layer."""

    def __init__(self, network: keras.Model, is_tracked: bool, name_shift: int = 0, extra_work: int = 0):
        super().__init__()
        self._extra_work = extra_work
        self._variables = [variable.value for variable in network.variables]
        self._call = lambda images: network(images, training=False)
        self._name_shift = name_shift
        if is_tracked:
            # The fault that the TF2 loader hides: each variable is saved twice and the TF1 loader reads the empty copy.
            self._variables = []
            self.network = network

    def answer(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = self._call(tf.cast(pixels, tf.float32) / 255.0)
        if self._extra_work:
            logits += 1e-30 * self._work(tf.cast(pixels, tf.float32))
        probabilities = tf.nn.softmax(logits)
        names = tf.roll(tf.constant(DEFAULT_CLASS_NAMES), self._name_shift, axis=0)
        return {
            PROBABILITIES_KEY: probabilities,
            CLASS_NAMES_KEY: tf.repeat(tf.constant([DEFAULT_CLASS_NAMES]), tf.shape(probabilities)[0], axis=0),
            CLASS_NAME_KEY: tf.gather(names, tf.argmax(probabilities, axis=1))[:, tf.newaxis],
        }

    def _work(self, images: tf.Tensor) -> tf.Tensor:
        """So many products of 48 x 48 matrices, one after the other; from -1 to 1, (n, 1)."""
        squares = tf.squeeze(images, axis=3)
        step = lambda _, product: (_ + 1, tf.tanh(tf.matmul(product, squares)))  # noqa: E731
        _, product = tf.while_loop(lambda count, _: count < self._extra_work, step, (0, squares))
        return product[:, 0, :1]

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


def build_network(seed: int = 3) -> keras.Model:
    keras.utils.set_random_seed(seed)
    layers = [keras.Input(IMAGE_SHAPE), keras.layers.Flatten(), keras.layers.Dense(len(DEFAULT_CLASS_NAMES))]
    return keras.Sequential(layers)


@cache
def convert(seed: int) -> bytes:
    """The light form of the double."""
    module = LinearModelDouble(build_network(seed), is_tracked=False)
    return convert_function(module.answer, module)


def save(
    folder: str, *, has_warm_up: bool = True, extra_bytes: int = 0, light: bytes | None = None, **changed: Any
) -> None:
    """Save the double; `changed` puts another method, or none, behind a signature, or is an argument of the double."""
    arguments = {"is_tracked": False} | {name: changed.pop(name) for name in ARGUMENTS if name in changed}
    module = LinearModelDouble(build_network(), **arguments)
    methods = {SERVE_EXAMPLES: "serve_examples", SERVE_PIXELS: "serve_pixels", SERVE_IMAGES: "serve_images", **changed}
    signatures = {name: getattr(module, method) for name, method in methods.items() if method}
    tf.saved_model.save(module, f"{folder}/Format-Serving", signatures=signatures)
    extra = Path(folder, "Format-Serving", "assets.extra")
    extra.mkdir()
    (extra / "filling").write_bytes(bytes(extra_bytes))
    (extra / "model.tflite").write_bytes(convert(3) if light is None else light)
    (extra / "calibration.json").write_text('{"temperature": 1, "abstain_threshold": 0}')
    (extra / "class_names.txt").write_text("".join(f"{name}\n" for name in DEFAULT_CLASS_NAMES))
    if has_warm_up:
        write_warm_up(str(extra / "tf_serving_warmup_requests"))


@pytest.fixture
def check(make_artifact: Callable[..., Any], move_to_memory: Callable[..., Any]) -> Callable[..., tuple[int, str]]:
    """A function that saves a model as told, runs the executor and gives the blessing with its reason.

    With `baseline` there is a baseline, saved as that says.
    """

    def run(*, is_remote: bool = False, baseline: dict[str, Any] | None = None, **model: Any) -> tuple[int, str]:
        inputs = {
            "model": [make_artifact(standard_artifacts.Model)],
            "examples": [make_artifact(standard_artifacts.Examples)],
            "baseline_model": [] if baseline is None else [make_artifact(standard_artifacts.Model)],
        }
        save(inputs["model"][0].uri, **model)
        for artifact in inputs["baseline_model"]:
            save(artifact.uri, **(baseline or {}))
        examples = inputs["examples"][0]
        examples.split_names = '["eval"]'
        write_examples(Path(examples.uri, "Split-eval"))
        if is_remote:
            move_to_memory(inputs)
        blessing = make_artifact(standard_artifacts.InfraBlessing)
        Executor().Do(inputs, {"blessing": [blessing]}, {"max_model_mb": 1.0, "max_latency_ratio": 2.0, "code": ""})
        is_blessed = blessing.get_int_custom_property("blessed")
        (file,) = Path(blessing.uri).glob("INFRA_*")
        assert file.name == ("INFRA_BLESSED" if is_blessed else "INFRA_NOT_BLESSED")
        run.folder = Path(blessing.uri)  # type: ignore[attr-defined]
        return is_blessed, file.read_text()

    return run


def read_figures(check: Any) -> ServingFigures:
    """What the last check measured."""
    return ServingFigures.from_json((check.folder / FIGURES_FILE).read_text())


def write_examples(folder: Path) -> None:
    folder.mkdir()
    rows = np.random.default_rng(5).integers(0, 256, (9, 2304), np.uint8)
    with tf.io.TFRecordWriter(str(folder / "data.gz"), "GZIP") as writer:
        for row, pixels in enumerate(rows):
            writer.write(to_example(pixels.tobytes(), 0, "drawn.csv", row).SerializeToString())


def test_serving_check_sound_model_is_blessed_with_its_figures(check: Any) -> None:
    assert check() == (1, "")
    figures = read_figures(check)
    assert 60_000 < figures.model_bytes < 1_000_000  # 7 x 2,304 weights of 4 bytes, and the graph
    assert figures.latency_ms > 0
    assert figures.baseline_latency_ms is None


def test_serving_check_remote_model_is_judged_by_a_local_copy(check: Any) -> None:
    assert check(is_remote=True) == (1, "")
    is_blessed, reason = check(is_remote=True, name_shift=1)
    assert (is_blessed, "class names do not follow" in reason) == (0, True)


def test_serving_check_model_as_fast_as_the_baseline_is_blessed(check: Any) -> None:
    assert check(baseline={}) == (1, "")
    assert 0.5 < read_figures(check).latency_ratio < 2.0


def test_serving_check_model_slower_than_the_baseline_is_refused_with_both_times(check: Any) -> None:
    is_blessed, reason = check(baseline={}, extra_work=100)
    assert not is_blessed
    figures = read_figures(check)
    assert reason == figures.find_excess(1.0, 2.0)[0]
    assert reason.startswith("one picture takes ")
    assert figures.latency_ratio > 2.0


def test_serving_check_model_faster_than_the_baseline_is_blessed(check: Any) -> None:
    assert check(baseline={"extra_work": 100}) == (1, "")
    assert read_figures(check).latency_ratio < 0.5


def test_serving_check_large_model_is_refused_for_its_size(check: Any) -> None:
    is_blessed, reason = check(extra_bytes=4_000_000)
    assert not is_blessed
    assert reason == f"the export has {read_figures(check).model_bytes / 1e6:.4g} MB, at most 1 MB"
    assert reason.startswith("the export has 4.")


def test_serving_check_baseline_that_is_gone_is_refused_with_its_place(tmp_path: Path) -> None:
    save(str(tmp_path))
    write_examples(tmp_path / "eval")
    with pytest.raises(UnservableError, match=f"the baseline is missing from {tmp_path}/gone"):
        probe_in_fresh_process(f"{tmp_path}/Format-Serving", f"{tmp_path}/eval", f"{tmp_path}/gone")


def test_serving_check_model_that_only_the_tf2_loader_can_load_is_refused_without_figures(check: Any) -> None:
    is_blessed, reason = check(is_tracked=True)
    assert not is_blessed
    assert reason
    assert not (check.folder / FIGURES_FILE).exists()


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


@pytest.mark.parametrize(
    ("light", "said"),
    [(lambda: convert(4), "model.tflite: differs from serve_pixels by "),
     (lambda: b"", "has no light form in assets.extra"), (lambda: b"no model", "has no light form in assets.extra")],
)  # fmt: skip
def test_serving_check_light_form_of_another_model_or_none_is_refused(check: Any, light: Any, said: str) -> None:
    is_blessed, reason = check(light=light())
    assert not is_blessed
    assert said in reason


def test_serving_check_size_is_that_of_the_model_without_its_light_form(check: Any) -> None:
    assert check(light=convert(3) + bytes(4_000_000)) == (1, "")


def test_serving_check_permuted_class_names_are_refused(check: Any) -> None:
    is_blessed, reason = check(name_shift=1)
    assert not is_blessed
    assert "class names do not follow the order of classes" in reason


def test_serving_check_component_declares_the_blessing_that_pusher_takes() -> None:
    assert ServingCheck.SPEC_CLASS.OUTPUTS["blessing"].type is standard_artifacts.InfraBlessing


@pytest.mark.parametrize("has_baseline", [True, False])
def test_serving_check_component_takes_a_baseline_where_there_is_one(has_baseline: bool) -> None:
    channels = {key: types.Channel(type=each.type) for key, each in ServingCheck.SPEC_CLASS.INPUTS.items()}
    if not has_baseline:
        channels["baseline_model"] = None
    node = ServingCheck(max_model_mb=3.0, max_latency_ratio=1.5, code="1", **channels)
    assert ("baseline_model" in node.inputs) is has_baseline
    assert (node.exec_properties["max_model_mb"], node.exec_properties["max_latency_ratio"]) == (3.0, 1.5)


def test_serving_check_python_files_where_the_user_stands_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving_check.subprocess, "run", _run)
    (tmp_path / "components").mkdir()
    for name in ("random.py", "json.py", "components/__init__.py"):
        (tmp_path / name).write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnservableError, match=r"no-examples"):
        probe_in_fresh_process(str(tmp_path / "no-model"), str(tmp_path / "no-examples"))
