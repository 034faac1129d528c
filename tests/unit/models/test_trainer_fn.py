import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from model_doubles import TINY_MODEL, TINY_TRAINER, draw_striped_examples
from test_dataset import write_examples

from configs.load import to_json
from configs.spec import ExportConfig, TrainingInputConfig
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import ConfigError
from models import computation, trainer_fn
from models.dataset import DatasetError, LabelledExamples, StoredExamples
from models.streaming import StreamedExamples
from models.trainer_fn import run_fn


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
        "classes": json.dumps(DEFAULT_CLASS_NAMES),
        "checkpoint_root": str(folder / "checkpoints"),
        "code": "c0de",
        "training_code": "7ea1",
        "streaming_code": "57ea",
    }
    return SimpleNamespace(
        train_files=[str(folder / "train" / "*")],
        eval_files=[str(folder / "eval" / "*")],
        transform_graph_path=str(transform_dir),
        serving_model_dir=str(folder / "model" / "Format-Serving"),
        model_run_dir=str(folder / "run"),
        base_model=None,
        hyperparameters=None,
        working_dir=None,
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
    calibration = json.loads(Path(fn_args.serving_model_dir, "assets.extra", "calibration.json").read_text())
    assert (calibration["views"], list(calibration["by_views"])) == (1, ["1", "2", "4"])
    assert {each["n"] for each in calibration["by_views"].values()} == {calibration["n"]} == {20}
    assert list((tmp_path / "run").glob("events*"))
    (state,) = (tmp_path / "checkpoints").iterdir()
    assert (state / "finished").exists()
    # Examples that tell nothing of themselves are counted all the same.
    assert read_record(tmp_path)["spans"] == [{"span": None, "fingerprint": None, "train_rows": 32}]


def fail(*_: object, **__: object) -> None:
    raise OSError("disk full")


def test_run_fn_failure_after_training_is_followed_by_the_export_alone(transform_dir, tmp_path, monkeypatch):
    fn_args = build_fn_args(transform_dir, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(trainer_fn, "export_model", fail)
        with pytest.raises(OSError, match="disk full"):
            run_fn(fn_args)
    monkeypatch.setattr(trainer_fn, "fit", fail)
    run_fn(fn_args)
    assert len(read_record(tmp_path)["history"]) == 2


def test_run_fn_failure_within_the_training_leaves_nothing_that_counts_as_finished(
    transform_dir, tmp_path, monkeypatch
):
    fn_args = build_fn_args(transform_dir, tmp_path)
    monkeypatch.setattr(trainer_fn, "describe_training", fail)
    with pytest.raises(OSError, match="disk full"):
        run_fn(fn_args)
    (state,) = (tmp_path / "checkpoints").iterdir()
    assert (state / "checkpoint").exists()
    assert not (state / "finished").exists()


def test_run_fn_damaged_weights_of_a_finished_training_are_made_again_from_its_state(transform_dir, tmp_path):
    fn_args = build_fn_args(transform_dir, tmp_path)
    run_fn(fn_args)
    expected, (state,) = read_weights(tmp_path), (tmp_path / "checkpoints").iterdir()
    for content in (b"no archive", (state / "weights.npz").read_bytes()[:-100]):
        (state / "weights.npz").write_bytes(content)
        run_fn(fn_args)
        for found, weight in zip(read_weights(tmp_path), expected, strict=True):
            np.testing.assert_allclose(found, weight, atol=1e-6)


def test_run_fn_training_of_another_machine_is_exported_with_its_own_record_and_weights(
    transform_dir, tmp_path, monkeypatch
):
    """Where `auto` has come to mean other numbers, the network of before is neither renamed nor changed."""
    fn_args = build_fn_args(transform_dir, tmp_path)
    set_trainer(fn_args, precision="auto")
    become_machine(monkeypatch, tmp_path / "plain", flags="avx2", name="Plain 1000")
    run_fn(fn_args)
    record, weights = read_record(tmp_path), (tmp_path / WEIGHTS).read_bytes()
    assert (record["precision"], record["device"]) == ("float32", "Plain 1000")
    become_machine(monkeypatch, tmp_path / "newer", flags="amx_bf16", name="Newer 2000")
    fn_args.custom_config |= {"code": "edited", "export": to_json(ExportConfig(views=4))}
    with monkeypatch.context() as patch:
        patch.setattr(trainer_fn, "fit", fail)
        run_fn(fn_args)
    assert (tmp_path / WEIGHTS).read_bytes() == weights
    again = read_record(tmp_path)
    assert (again.pop("code"), again.pop("export")["views"]) == ("edited", 4)
    assert again == {name: value for name, value in record.items() if name not in ("code", "export")}


def test_run_fn_other_precision_asked_for_by_name_is_another_training(transform_dir, tmp_path):
    records = []
    fn_args = build_fn_args(transform_dir, tmp_path)
    for name in ("float32", "mixed_bfloat16"):
        set_trainer(fn_args, precision=name)
        run_fn(fn_args)
        records.append(read_record(tmp_path))
    assert [record["precision"] for record in records] == ["float32", "mixed_bfloat16"]
    assert records[0]["history"] != records[1]["history"]


def test_run_fn_threads_that_can_not_be_had_any_more_are_refused(transform_dir, tmp_path):
    fn_args = build_fn_args(transform_dir, tmp_path)
    set_trainer(fn_args, threads=1000)
    tf.constant(1) + 1  # TensorFlow has begun to work
    with pytest.raises(ConfigError, match=r"^trainer\.threads: 1000: TensorFlow already runs with \d+ threads"):
        run_fn(fn_args)
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize("mode", ["memory", "stream"])
def test_run_fn_record_tells_versions_machine_and_every_span(transform_dir, tmp_path, mode):
    fn_args = build_fn_args(transform_dir, tmp_path)
    (tmp_path / "older").mkdir()
    examples = draw_striped_examples(9, seed=3)
    write_examples(tmp_path / "older" / "data.gz", examples.pixels.numpy(), examples.class_indices.numpy())
    fn_args.train_files.insert(0, str(tmp_path / "older" / "*"))
    told = [{"span": 4, "fingerprint": "number 4"}, {"span": 5, "fingerprint": "number 5"}]
    fn_args.custom_config |= {"spans": json.dumps(told), "training_input": to_json(TrainingInputConfig(mode))}
    run_fn(fn_args)
    record = read_record(tmp_path)
    assert record["spans"] == [{**told[0], "train_rows": 9}, {**told[1], "train_rows": 32}]
    assert record["threads"] == [tf.config.threading.get_intra_op_parallelism_threads() or len(os.sched_getaffinity(0))]
    assert record["versions"]["tensorflow"] == tf.__version__
    assert record["versions"].keys() >= {"Python", "keras", "tfx", "tensorflow-transform"}
    assert record["training_input"]["mode"] == mode
    assert record["device"]


WEIGHTS = "model/Format-Training/weights.npz"


def read_weights(folder: Path) -> list[np.ndarray]:
    with np.load(folder / WEIGHTS) as archive:
        return [archive[name] for name in archive.files]


def set_trainer(fn_args: SimpleNamespace, **changes: object) -> None:
    fn_args.custom_config["trainer"] = to_json(replace(TINY_TRAINER, epochs=2, **changes))


def become_machine(monkeypatch: pytest.MonkeyPatch, path: Path, flags: str, name: str) -> None:
    """Have the training see a processor of these flags."""
    path.write_text(f"model name\t: {name}\nflags : fpu {flags}\n")
    monkeypatch.setattr(computation, "_CPU_INFO", path)


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
    splits = []

    def stop_before_training(_: keras.Model, train: object, *__: object, **___: object) -> None:
        splits.append(type(train))
        raise InterruptedError

    monkeypatch.setattr(trainer_fn, "fit", stop_before_training)
    fn_args = build_fn_args(transform_dir, tmp_path)
    fn_args.custom_config["training_input"] = to_json(feed)
    with pytest.raises(InterruptedError):
        run_fn(fn_args)
    assert splits == [StreamedExamples if is_streamed else LabelledExamples]


def test_run_fn_in_memory_holds_the_train_split_and_leaves_the_eval_split_on_disk(transform_dir, tmp_path, monkeypatch):
    """Each picture that is held takes `ROW_BYTES`, and `max_memory_mb` counts those of the train split alone."""
    given = []

    def note_and_stop(_: object, *examples: object, **__: object) -> None:
        given.extend(examples[:2])
        raise InterruptedError

    monkeypatch.setattr(trainer_fn, "fit", note_and_stop)
    with pytest.raises(InterruptedError):
        run_fn(build_fn_args(transform_dir, tmp_path))
    assert [type(each) for each in given] == [LabelledExamples, StoredExamples]


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
    monkeypatch.setattr(computation, "choose_worker_strategy", tf.distribute.get_strategy)
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


@pytest.mark.parametrize("change", ["shuffle_rows", "streaming_code", "rows of each file"])
def test_run_fn_stream_that_is_read_in_another_order_is_another_training(transform_dir, tmp_path, monkeypatch, change):
    states = []

    def stop_before_training(*_: object, checkpoint_dir: str, **__: object) -> None:
        states.append(checkpoint_dir)
        raise InterruptedError

    monkeypatch.setattr(trainer_fn, "fit", stop_before_training)
    fn_args = build_fn_args(transform_dir, tmp_path)
    for is_changed in (False, True, True):
        rows = 17 if is_changed and change == "shuffle_rows" else 16
        fn_args.custom_config["training_input"] = to_json(TrainingInputConfig("stream", shuffle_rows=rows))
        if is_changed and change == "streaming_code":
            fn_args.custom_config["streaming_code"] = "edited"
        if is_changed and change == "rows of each file" and len(states) == 1:
            split_file(tmp_path / "train" / "data.gz")
        with pytest.raises(InterruptedError):
            run_fn(fn_args)
    assert states[0] != states[1] == states[2]


def split_file(path: Path) -> None:
    """The same rows in the same order, in two files."""
    rows = list(tf.data.TFRecordDataset(str(path), "GZIP").as_numpy_iterator())
    for name, part in (("data-0.gz", rows[:20]), ("data-1.gz", rows[20:])):
        with tf.io.TFRecordWriter(str(path.with_name(name)), "GZIP") as writer:
            for row in part:
                writer.write(row)
    path.unlink()
