import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keras
import pytest
import tensorflow as tf
from model_doubles import TINY_MODEL, TINY_TRAINER, draw_striped_examples
from test_dataset import write_examples

from configs.load import to_json
from configs.spec import ExportConfig, TrainingInputConfig
from models import trainer_fn
from models.dataset import DatasetError
from models.trainer_fn import run_fn
from schema.errors import ConfigError


def build_fn_args(transform_dir: Path, folder: Path) -> SimpleNamespace:
    """What TFX hands to `run_fn`, with a split of 32 and one of 20 examples in `folder`."""
    for split, count in [("train", 32), ("eval", 20)]:
        examples = draw_striped_examples(count)
        (folder / split).mkdir(parents=True)
        write_examples(folder / split / "data.gz", list(examples.pixels.numpy()), list(examples.class_indices.numpy()))
    settings = {
        "model": to_json(TINY_MODEL),
        "trainer": to_json(replace(TINY_TRAINER, epochs=2)),
        "training_input": to_json(TrainingInputConfig()),
        "export": to_json(ExportConfig(half_precision=False)),
        "checkpoint_root": str(folder / "checkpoints"),
        "code": "c0de",
        "streaming_code": "57ea",
    }
    return SimpleNamespace(
        train_files=[str(folder / "train" / "*")],
        eval_files=[str(folder / "eval" / "*")],
        transform_output=str(transform_dir),
        serving_model_dir=str(folder / "model" / "Format-Serving"),
        model_run_dir=str(folder / "run"),
        base_model=None,
        hyperparameters=None,
        custom_config=settings,
    )


def test_run_fn_examples_and_transform_graph_leaves_a_model_logs_and_its_state(transform_dir, tmp_path):
    fn_args = build_fn_args(transform_dir, tmp_path)
    run_fn(fn_args)
    model = tf.saved_model.load(fn_args.serving_model_dir)
    examples = draw_striped_examples(4)
    pixels = tf.reshape(tf.io.decode_raw(examples.pixels, tf.uint8), [-1, 48, 48, 1])
    answers = model.signatures["serve_pixels"](pixels=pixels)
    assert answers["probabilities"].shape == (4, 7)
    assert list((tmp_path / "run").glob("events*"))
    (state,) = (tmp_path / "checkpoints").iterdir()
    assert (state / "finished").exists()


def test_run_fn_failure_after_training_keeps_the_checkpoint(transform_dir, tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(trainer_fn, "export_model", fail)
    fn_args = build_fn_args(transform_dir, tmp_path)
    with pytest.raises(OSError, match="disk full"):
        run_fn(fn_args)
    (state,) = (tmp_path / "checkpoints").iterdir()
    assert (state / "checkpoint").exists()
    assert not (state / "finished").exists()


def test_run_fn_no_examples_names_the_pattern(transform_dir, tmp_path):
    fn_args = build_fn_args(transform_dir, tmp_path)
    fn_args.eval_files = [str(tmp_path / "nowhere" / "*")]
    with pytest.raises(DatasetError, match="nowhere"):
        run_fn(fn_args)


def test_run_fn_same_rows_in_files_written_anew_goes_on_with_the_same_training(transform_dir, tmp_path, monkeypatch):
    run_fn(build_fn_args(transform_dir, tmp_path / "first"))
    again = build_fn_args(transform_dir, tmp_path / "second")
    again.custom_config["checkpoint_root"] = str(tmp_path / "first" / "checkpoints")
    run_fn(again)
    assert len(list((tmp_path / "first" / "checkpoints").iterdir())) == 1
    records = [read_record(tmp_path / name) for name in ("first", "second")]
    assert records[0]["history"] == records[1]["history"]  # down to the seconds: nothing was trained again


@pytest.mark.parametrize(
    ("feed", "is_streamed"),
    [
        (TrainingInputConfig(), False),
        # 32 pictures of 2.4 kB; their files have less than 0.076 MB.
        (TrainingInputConfig(max_memory_mb=0.077), False),
        (TrainingInputConfig(max_memory_mb=0.076), True),
        (TrainingInputConfig("memory", max_memory_mb=0), False),
        (TrainingInputConfig("stream"), True),
    ],
)
def test_run_fn_streams_where_it_is_told_to_or_the_pictures_take_too_much_memory(
    transform_dir, tmp_path, monkeypatch, feed, is_streamed
):
    def stop_before_training(*_: object, **__: object) -> None:
        raise InterruptedError

    monkeypatch.setattr(trainer_fn, "fit_streamed" if is_streamed else "fit", stop_before_training)
    fn_args = build_fn_args(transform_dir, tmp_path)
    fn_args.custom_config["training_input"] = to_json(feed)
    with pytest.raises(InterruptedError):
        run_fn(fn_args)


def test_run_fn_streamed_leaves_a_model_and_a_state_of_another_name(transform_dir, tmp_path):
    fn_args = build_fn_args(transform_dir, tmp_path)
    fn_args.custom_config["training_input"] = to_json(TrainingInputConfig("stream", shuffle_rows=16))
    run_fn(fn_args)
    assert len(read_record(tmp_path)["history"]) == 2
    (streamed,) = (tmp_path / "checkpoints").iterdir()
    other = build_fn_args(transform_dir, tmp_path / "other")
    run_fn(other)
    (held,) = (tmp_path / "other" / "checkpoints").iterdir()
    assert held.name != streamed.name


def test_run_fn_several_workers_in_memory_are_refused(transform_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer_fn, "choose_worker_strategy", tf.distribute.get_strategy)
    fn_args = build_fn_args(transform_dir, tmp_path)
    fn_args.custom_config["training_input"] = to_json(TrainingInputConfig("memory"))
    with pytest.raises(ConfigError, match=r"training_input\.mode: memory: workers that train together stream"):
        run_fn(fn_args)


def read_record(folder: Path) -> dict:
    path = folder / "model" / "Format-Serving" / "assets.extra" / "training_record.json"
    return json.loads(path.read_text())


def test_run_fn_network_is_built_from_the_configured_seed(transform_dir, tmp_path, monkeypatch):
    built = []

    def stop_before_training(network: keras.Model, *_: object, **__: object) -> None:
        built.append(network.get_weights()[0].tolist())
        raise InterruptedError

    monkeypatch.setattr(trainer_fn, "fit", stop_before_training)
    fn_args = build_fn_args(transform_dir, tmp_path)
    for _ in range(2):
        with pytest.raises(InterruptedError):
            run_fn(fn_args)
    assert built[0] == built[1]
