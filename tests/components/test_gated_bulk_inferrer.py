"""Rows are predicted by a model that both gates blessed, and by no other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tfx.proto import bulk_inferrer_pb2
from tfx.types import channel_utils, standard_artifacts

from components.gated_bulk_inferrer import Executor, GatedBulkInferrer
from fer_tfx.contract import PROBABILITIES_KEY, SERVE_EXAMPLES
from schema.example import to_example


class OneAnswerModelDouble(tf.Module):  # type: ignore[misc]
    """Stands in for an exported network: the same answer to every example."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return {PROBABILITIES_KEY: tf.repeat(tf.one_hot([3], 7), tf.size(examples), axis=0)}


@pytest.fixture
def predict(make_artifact: Callable[..., Any]) -> Callable[..., Any]:
    """A function that runs the executor on two rows as the component declares it; the artifact of the predictions."""

    def run(blessed: int | None, servable: int | None) -> Any:
        examples, model, output = (
            make_artifact(kind)
            for kind in (standard_artifacts.Examples, standard_artifacts.Model, standard_artifacts.Examples)
        )
        examples.split_names = '["unlabelled"]'
        folder = Path(examples.uri, "Split-unlabelled")
        folder.mkdir()
        with tf.io.TFRecordWriter(str(folder / "data.gz"), "GZIP") as writer:
            for row in range(2):
                writer.write(to_example(bytes(2304), None, "a.csv", row).SerializeToString())
        module = OneAnswerModelDouble()
        tf.saved_model.save(module, f"{model.uri}/Format-Serving", signatures={SERVE_EXAMPLES: module.serve})
        inputs = {"examples": examples, "model": model}
        for key, kind, given in (
            ("model_blessing", standard_artifacts.ModelBlessing, blessed),
            ("infra_blessing", standard_artifacts.InfraBlessing, servable),
        ):
            inputs[key] = make_artifact(kind)
            if given is not None:
                inputs[key].set_int_custom_property("blessed", given)
        column = bulk_inferrer_pb2.PredictOutputCol(output_key=PROBABILITIES_KEY, output_column=PROBABILITIES_KEY)
        columns = bulk_inferrer_pb2.OutputColumnsSpec(
            predict_output=bulk_inferrer_pb2.PredictOutput(output_columns=[column])
        )
        component = GatedBulkInferrer(
            **{key: channel_utils.as_channel([artifact]) for key, artifact in inputs.items()},
            data_spec=bulk_inferrer_pb2.DataSpec(example_splits=["unlabelled"]),
            model_spec=bulk_inferrer_pb2.ModelSpec(model_signature_name=[SERVE_EXAMPLES]),
            output_example_spec=bulk_inferrer_pb2.OutputExampleSpec(output_columns_spec=[columns]),
            code="c0de",
        )
        artifacts = {key: [artifact] for key, artifact in inputs.items()}
        Executor().Do(artifacts, {"output_examples": [output]}, component.exec_properties)
        return output

    return run


def test_gated_bulk_inferrer_model_with_both_blessings_predicts_every_row(predict: Any) -> None:
    output = predict(blessed=1, servable=1)
    files = [str(path) for path in Path(output.uri, "Split-unlabelled").iterdir()]
    records = list(tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator())
    features = [tf.train.Example.FromString(record).features.feature for record in records]
    assert sorted(each["row"].int64_list.value[0] for each in features) == [0, 1]
    for each in features:
        np.testing.assert_array_equal(each[PROBABILITIES_KEY].float_list.value, np.eye(7)[3])


@pytest.mark.parametrize(("blessed", "servable"), [(1, 0), (0, 1), (0, 0), (1, None), (None, 1)])
def test_gated_bulk_inferrer_refused_model_leaves_nothing(predict: Any, blessed: int, servable: int) -> None:
    output = predict(blessed, servable)
    assert list(Path(output.uri).iterdir()) == []
    assert output.split_names == ""


@pytest.mark.parametrize("missing", ["model_blessing", "infra_blessing"])
def test_gated_bulk_inferrer_without_one_of_the_blessings_predicts_nothing(make_artifact: Any, missing: str) -> None:
    blessings = {
        "model_blessing": [make_artifact(standard_artifacts.ModelBlessing)],
        "infra_blessing": [make_artifact(standard_artifacts.InfraBlessing)],
    }
    for (blessing,) in blessings.values():
        blessing.set_int_custom_property("blessed", 1)
    del blessings[missing]
    with pytest.raises(KeyError, match=missing):
        Executor().Do(blessings, {}, {})
