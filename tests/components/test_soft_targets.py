"""Each training row gets the answer of the teacher that never saw it, and the Trainer reads it in the row's place."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components.artifacts import TaughtExamples
from components.soft_targets import Executor
from components.span_trainer import Executor as TrainerExecutor
from fer_tfx.contract import PROBABILITIES_KEY, SERVE_EXAMPLES
from fer_tfx.errors import DataError
from models.dataset import Fold, find_examples, read_batches
from schema.example import to_example

TEMPERATURE = 2.0
# Before the temperature, by teacher.
ANSWERS = np.array([[0.4, 0.3, 0.1, 0.05, 0.05, 0.05, 0.05], [0.0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.5]])


class TeacherDouble(tf.Module):  # type: ignore[misc]
    """Stands in for an exported network: the same answer to every example, by the temperature."""

    def __init__(self, answer: np.ndarray) -> None:
        super().__init__()
        softened = answer ** (1 / TEMPERATURE)
        self._answer = tf.Variable(softened / softened.sum(), dtype=tf.float32)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return {PROBABILITIES_KEY: tf.repeat(self._answer[tf.newaxis], tf.size(examples), axis=0)}


def draw_rows(span: int, count: int) -> list[bytes]:
    pictures = np.random.default_rng(span).integers(0, 256, (count, 2304), dtype=np.uint8)
    return [to_example(each.tobytes(), row % 7, "a.csv", row).SerializeToString() for row, each in enumerate(pictures)]


Make = Callable[..., Any]


@pytest.fixture
def spans(make_artifact: Make) -> list[Any]:
    """Examples of spans 1 and 12, the first in two files."""
    made = []
    for span, files in ((1, {"a-00000-of-2.gz": 30, "a-00001-of-2.gz": 20}), (12, {"a-00000-of-1.gz": 10})):
        examples = make_artifact(standard_artifacts.Examples)
        examples.split_names = '["train", "eval"]'
        examples.set_int_custom_property("span", span)
        for split in ("train", "eval"):
            folder = Path(examples.uri, f"Split-{split}")
            folder.mkdir()
            for number, (name, count) in enumerate(files.items()):
                write(folder / name, draw_rows(10 * span + number, count))
        made.append(examples)
    return made


def write(path: Path, records: list[bytes]) -> None:
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for record in records:
            writer.write(record)


@pytest.fixture
def teach(make_artifact: Make, spans: list[Any]) -> Callable[..., Any]:
    """A function that lets so many teachers answer, and returns the artifact."""

    def run(count: int) -> Any:
        inputs: dict[str, list[Any]] = {"examples": spans}
        for fold in range(count):
            model = make_artifact(standard_artifacts.Model)
            module = TeacherDouble(ANSWERS[fold])
            folder = Path(model.uri, "Format-Serving")
            tf.saved_model.save(module, str(folder), signatures={SERVE_EXAMPLES: module.serve})
            (folder / "assets.extra").mkdir()
            for name, content in (("calibration", {"temperature": TEMPERATURE}), ("training_record", {})):
                (folder / "assets.extra" / f"{name}.json").write_text(json.dumps(content))
            inputs[f"teacher_{fold}"] = [model]
        targets = make_artifact(TaughtExamples)
        Executor().Do(inputs, {"targets": [targets]}, {"code": "c0de"})
        return targets

    return run


def read_pictures(patterns: list[str], unseen: Fold | None = None) -> list[bytes]:
    return [raw for raws, *_ in read_batches(find_examples(patterns, 7, unseen)) for raw in raws]


def test_soft_targets_two_folds_each_row_has_the_answer_of_the_teacher_that_never_saw_it(teach: Any) -> None:
    pattern = f"{teach(2).uri}/*"
    rows = {
        raw: target for raws, _, targets in read_batches(find_examples([pattern], 7))
        for raw, target in zip(raws, targets, strict=True)
    }  # fmt: skip
    assert len(rows) == 60
    for fold in (0, 1):
        seen = read_pictures([pattern], Fold(fold, 2))
        assert 15 < len(seen) < 45
        for raw in set(rows) - set(seen):
            np.testing.assert_allclose(rows[raw], ANSWERS[fold], atol=1e-6)


def test_soft_targets_one_teacher_answers_all_rows_and_keeps_their_order_and_features(
    teach: Any, spans: list[Any]
) -> None:
    made = Path(teach(1).uri)
    assert sorted(each.name for each in made.iterdir()) == [
        "span1-a-00000-of-2.gz", "span1-a-00001-of-2.gz", "span12-a-00000-of-1.gz",
    ]  # fmt: skip
    for path in made.iterdir():
        records = list(tf.data.TFRecordDataset(str(path), "GZIP").as_numpy_iterator())
        span, _, name = path.name.partition("-")
        source = Path(spans[0 if span == "span1" else 1].uri, "Split-train", name)
        sources = list(tf.data.TFRecordDataset(str(source), "GZIP").as_numpy_iterator())
        for record, before in zip(records, sources, strict=True):
            example = tf.train.Example.FromString(record)
            np.testing.assert_allclose(example.features.feature.pop("target").float_list.value, ANSWERS[0], atol=1e-6)
            assert example == tf.train.Example.FromString(before)


def test_soft_targets_rows_that_have_some_already_are_refused(teach: Any, spans: list[Any]) -> None:
    path = Path(spans[1].uri, "Split-train", "a-00000-of-1.gz")
    example = tf.train.Example.FromString(draw_rows(1, 1)[0])
    example.features.feature["target"].float_list.value.extend([0, 0, 0, 0, 0, 0, 1])
    write(path, [example.SerializeToString()])
    with pytest.raises(
        DataError, match=r"a-00000-of-1\.gz: its rows have a `target` already; use distillation.folds=0"
    ):
        teach(1)


def test_trainer_reads_targets_in_place_of_the_train_split_span_by_span(
    teach: Any, spans: list[Any], make_artifact: Make
) -> None:
    inputs = {"examples": spans, "targets": [teach(1)]}
    outputs = {key: [make_artifact(getattr(standard_artifacts, kind))] for key, kind in OUTPUTS.items()}
    executor = TrainerExecutor(TrainerExecutor.Context(tmp_dir="/tmp", unique_id="1"))
    fn_args = executor._GetFnArgs(inputs, outputs, {"train_args": "{}", "eval_args": "{}", "custom_config": "{}"})
    assert [len(read_pictures([pattern])) for pattern in fn_args.train_files] == [50, 10]
    assert [len(read_pictures([pattern])) for pattern in fn_args.eval_files] == [50, 10]
    assert read_pictures(fn_args.train_files) == read_pictures([f"{each.uri}/Split-train/*" for each in spans])
    assert [each["span"] for each in json.loads(fn_args.custom_config["spans"])] == [1, 12]


OUTPUTS = {"model": "Model", "model_run": "ModelRun"}
