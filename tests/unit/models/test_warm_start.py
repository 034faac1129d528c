"""What a training takes over from an earlier model, and what it refuses to."""

import json
import logging
from dataclasses import asdict, replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from model_doubles import TINY_MODEL, TINY_TRAINER, draw_striped_examples, stub_transform
from test_trainer_fn import build_fn_args, read_record

from configs.load import to_json
from configs.spec import ModelConfig, TrainingInputConfig
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import ConfigError
from models import trainer_fn
from models.networks import build_network
from models.recipe import WeightAverage
from models.trainer_fn import run_fn
from models.training import fit
from models.transform_graph import TransformGraph
from models.warm_start import keep_weights, read_warm_start

NAMES = DEFAULT_CLASS_NAMES


def build_tiny_network(seed: int, config: ModelConfig = TINY_MODEL) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return build_network(config, 7)


@pytest.fixture
def exported(tmp_path: Path) -> str:
    """Where the SavedModel of an earlier tiny network, of seed 1 and with statistics of its own, would lie."""
    network = build_tiny_network(1)
    network(stub_transform(draw_striped_examples(8).pixels), training=True)
    folder = tmp_path / "artifact" / "Format-Serving"
    (folder / "assets.extra").mkdir(parents=True)
    (folder / "assets.extra" / "training_record.json").write_text(json.dumps({"model": asdict(TINY_MODEL)}))
    (folder / "assets.extra" / "class_names.txt").write_text("".join(f"{name}\n" for name in NAMES))
    keep_weights(network.get_weights(), str(folder))
    return str(folder)


def test_apply_gives_another_network_every_weight_and_statistic_of_the_earlier_one(exported):
    network, expected = build_tiny_network(2), build_tiny_network(1)
    expected(stub_transform(draw_striped_examples(8).pixels), training=True)
    read_warm_start(exported).apply(network, TINY_MODEL, NAMES)
    assert (
        len(network.get_weights()) == 12
    )  # two convolutions with four of batch normalisation each, and the head's two
    for weight, value in zip(network.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, value)
    means = [each for each in network.weights if each.path.endswith("moving_mean")]
    assert all(np.abs(each.numpy()).max() > 0 for each in means), "the statistics are those of a new network"


@pytest.mark.parametrize("class_names", [NAMES[::-1], NAMES[:-1], (*NAMES, "contempt")])
def test_apply_to_a_network_of_other_classes_names_both_lists(exported, class_names):
    with pytest.raises(ConfigError) as caught:
        read_warm_start(exported).apply(build_tiny_network(2), TINY_MODEL, class_names)
    assert str(caught.value) == (
        f"spans.warm_start: {Path(exported).parent}: has the classes {', '.join(NAMES)}, now they are"
        f" {', '.join(class_names)}; to begin with random weights, use --set spans.warm_start=false"
    )


def test_apply_leaves_the_seeds_of_dropout_to_the_run(exported):
    network, untouched = build_tiny_network(2), build_tiny_network(2)
    read_warm_start(exported).apply(network, TINY_MODEL, NAMES)
    seeds = [[v.numpy().tolist() for v in each.variables if "seed" in v.path] for each in (network, untouched)]
    assert seeds[0] == seeds[1] != []


def test_apply_average_of_the_weights_begins_at_the_earlier_ones(exported):
    network = build_tiny_network(2)
    warm_start = read_warm_start(exported)
    warm_start.apply(network, TINY_MODEL, NAMES)
    average = WeightAverage(network, 0.99)
    np.testing.assert_array_equal(average.variables[0].numpy(), warm_start.weights[0])


def test_apply_other_dropout_alone_is_taken(exported):
    config = replace(TINY_MODEL, dropout_fraction=0.5)
    read_warm_start(exported).apply(build_tiny_network(2, config), config, NAMES)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"stem_filters": 5}, "was trained with model.stem_filters 4, now 5; set what it had"),
        ({"stage_filters": (6, 8)}, "was trained with model.stage_filters [6], now [6, 8]; set what it had"),
        (
            {"convolutions_per_stage": 2, "stem_filters": 5, "dropout_fraction": 0.5},
            "was trained with model.stem_filters 4, now 5 and model.convolutions_per_stage 1, now 2; set what it had",
        ),
    ],
)
def test_apply_network_of_another_shape_names_the_settings_and_the_remedy(exported, changed, said):
    config = replace(TINY_MODEL, **changed)
    with pytest.raises(ConfigError) as caught:
        read_warm_start(exported).apply(build_tiny_network(2, config), config, NAMES)
    assert str(caught.value) == (
        f"spans.warm_start: {Path(exported).parent}: {said},"
        " or to begin with random weights, use --set spans.warm_start=false"
    )


def test_apply_other_shape_from_equal_settings_blames_the_code(exported):
    with pytest.raises(ConfigError, match=r"its network was built by other code; go back to that version, or to begin"):
        read_warm_start(exported).apply(build_tiny_network(2, replace(TINY_MODEL, stem_filters=5)), TINY_MODEL, NAMES)


def test_read_warm_start_model_that_kept_no_weights_says_what_to_set(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read_warm_start(str(tmp_path / "12" / "Format-Serving"))
    assert str(caught.value) == (
        f"spans.warm_start: {tmp_path / '12'}: keeps no weights, as an earlier version of fer-tfx trained it;"
        " to begin with random weights, use --set spans.warm_start=false"
    )


@pytest.mark.parametrize("length", [0, 100])
def test_read_warm_start_weights_cut_short_are_named_as_damaged(exported, length):
    path = Path(exported).parent / "Format-Training" / "weights.npz"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(
        ConfigError, match=r"^spans.warm_start: .+/artifact: its weights are damaged: .+; to begin with"
    ):
        read_warm_start(exported)


def test_read_warm_start_copy_at_another_place_has_the_same_digest(exported, tmp_path):
    first = read_warm_start(exported)
    (tmp_path / "artifact").rename(tmp_path / "moved")
    second = read_warm_start(str(tmp_path / "moved" / "Format-Serving"))
    assert (first.digest, first.model) == (second.digest, str(tmp_path / "artifact"))
    keep_weights(build_tiny_network(3).get_weights(), str(tmp_path / "moved" / "Format-Serving"))
    assert read_warm_start(str(tmp_path / "moved" / "Format-Serving")).digest != first.digest


def test_keep_weights_leaves_objects_that_would_be_unpickled_unread(exported):
    path = Path(exported).parent / "Format-Training" / "weights.npz"
    np.savez(path, np.array([{}], object))
    with pytest.raises(ConfigError, match="allow_pickle=False"):
        read_warm_start(exported)


def fit_from(exported: str, folder: Path) -> keras.Model:
    """Of the same seed each time."""
    network = build_tiny_network(5)
    read_warm_start(exported).apply(network, TINY_MODEL, NAMES)
    examples, eval_examples = draw_striped_examples(32), draw_striped_examples(20, seed=1)
    dirs = {"checkpoint_dir": str(folder / "state"), "log_dir": str(folder / "logs")}
    fit(network, examples, eval_examples, stub_transform, replace(TINY_TRAINER, epochs=1), **dirs)
    return network


def test_fit_from_the_same_weights_and_seed_gives_the_same_network(exported, tmp_path):
    first, again = (fit_from(exported, tmp_path / name).get_weights() for name in ("a", "b"))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.abs(first[0] - read_warm_start(exported).weights[0]).max() > 0, "nothing was trained"


@pytest.fixture(scope="module")
def earlier(transform_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model that `run_fn` has trained and exported."""
    folder = tmp_path_factory.mktemp("earlier")
    run_fn(build_fn_args(transform_dir, folder))
    return folder


def build_warm_fn_args(transform_dir: Path, folder: Path, earlier: Path, mode: str = "memory"):
    fn_args = build_fn_args(transform_dir, folder)
    fn_args.base_model = str(earlier / "model" / "Format-Serving")
    fn_args.custom_config |= {"training_input": to_json(TrainingInputConfig(mode)), "warm_start_code": "beef"}
    return fn_args


@pytest.mark.parametrize("mode", ["memory", "stream"])
def test_run_fn_warm_start_hands_the_earlier_weights_to_the_training(
    transform_dir, tmp_path, earlier, monkeypatch, mode
):
    begun_with = []

    def stop_before_training(network: keras.Model, *_: object, **__: object) -> None:
        begun_with.extend(network.get_weights())
        raise InterruptedError

    monkeypatch.setattr(trainer_fn, "fit", stop_before_training)
    with pytest.raises(InterruptedError):
        run_fn(build_warm_fn_args(transform_dir, tmp_path, earlier, mode))
    kept = read_warm_start(str(earlier / "model" / "Format-Serving")).weights
    for weight, value in zip(begun_with, kept, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_run_fn_kept_weights_answer_as_the_exported_model_does(earlier, transform_dir):
    exported = str(earlier / "model" / "Format-Serving")
    network = build_tiny_network(9)
    read_warm_start(exported).apply(network, TINY_MODEL, NAMES)
    raw = draw_striped_examples(6).pixels
    pixels = tf.reshape(tf.io.decode_raw(raw, tf.uint8), [-1, 48, 48, 1])
    loaded = tf.saved_model.load(exported)
    served = loaded.signatures["serve_pixels"](pixels=pixels)["probabilities"].numpy()
    images = TransformGraph(tft.TFTransformOutput(str(transform_dir)))(raw)
    temperature = json.loads(Path(exported, "assets.extra", "calibration.json").read_text())["temperature"]
    answers = keras.ops.softmax(network(images, training=False) / temperature)
    np.testing.assert_allclose(answers, served, atol=1e-5)


def test_run_fn_warm_start_is_recorded_and_another_training_than_the_cold_one(transform_dir, tmp_path, earlier, caplog):
    fn_args = build_warm_fn_args(transform_dir, tmp_path, earlier)
    with caplog.at_level(logging.INFO, logger="absl"):
        run_fn(fn_args)
    digest = read_warm_start(fn_args.base_model).digest
    assert read_record(tmp_path)["warm_start"] == {"model": str(earlier / "model"), "weights": digest}
    assert f"Warm start: begins with the weights {digest} of {earlier / 'model'}" in caplog.text
    states = [path.name for folder in (earlier, tmp_path) for path in (folder / "checkpoints").iterdir()]
    assert len(set(states)) == 2


def test_run_fn_warm_start_without_an_earlier_model_says_so_and_is_the_cold_training(
    transform_dir, tmp_path, earlier, caplog
):
    fn_args = build_fn_args(transform_dir, tmp_path)
    fn_args.custom_config |= {"warm_start_code": "beef", "checkpoint_root": str(earlier / "checkpoints")}
    with caplog.at_level(logging.INFO, logger="absl"):
        run_fn(fn_args)
    assert "Warm start: no model was pushed before this data came; begins with random weights" in caplog.text
    assert read_record(tmp_path)["warm_start"] is read_record(earlier)["warm_start"] is None
    # Down to the seconds: nothing was trained again.
    assert read_record(tmp_path)["history"] == read_record(earlier)["history"]
