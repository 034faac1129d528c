"""The curated schema says what contract.py says, and TFDV reads it so."""

from importlib import resources

import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from fer_tfx import contract
from fer_tfx.contract import (
    DEFAULT_CLASS_NAMES,
    LABEL_KEY,
    PIXELS_KEY,
    ROW_KEY,
    SERVING_ENVIRONMENT,
    TRAINING_ENVIRONMENT,
)
from schema.example import to_example

COMMON = "common_stats { num_non_missing: 10 min_num_values: 1 max_num_values: 1 avg_num_values: 1 tot_num_values: 10 }"
UNLABELLED = f"""
datasets {{
  num_examples: 10
  features {{
    path {{ step: "pixels" }} type: BYTES bytes_stats {{ {COMMON} min_num_bytes: 2304 max_num_bytes: 2304 }}
  }}
  features {{ path {{ step: "source" }} type: STRING string_stats {{ {COMMON} unique: 1 }} }}
  features {{ path {{ step: "row" }} type: INT num_stats {{ {COMMON} min: 0 max: 9 }} }}
}}"""


@pytest.fixture(scope="module")
def schema() -> schema_pb2.Schema:
    text = resources.files("schema").joinpath("schema.pbtxt").read_text("utf-8")
    return text_format.Parse(text, schema_pb2.Schema())


@pytest.fixture(scope="module")
def label(schema) -> schema_pb2.Feature:
    (feature,) = [feature for feature in schema.feature if feature.name == LABEL_KEY]
    return feature


def make_statistics(labels: str = "") -> statistics_pb2.DatasetFeatureStatisticsList:
    """Statistics of ten rows whose labels are those in `labels`, such as "0011233456"; of rows without any if empty."""
    statistics = text_format.Parse(UNLABELLED, statistics_pb2.DatasetFeatureStatisticsList())
    if labels:
        feature = statistics.datasets[0].features.add(type=statistics_pb2.FeatureNameStatistics.INT)
        feature.path.step.append(LABEL_KEY)
        text_format.Parse(COMMON, feature.string_stats)  # TFDV counts a categorical number as a word
        feature.string_stats.unique = len(set(labels))
        for value in sorted(set(labels)):
            feature.string_stats.top_values.add(value=value, frequency=labels.count(value))
            feature.string_stats.rank_histogram.buckets.add(label=value, sample_count=labels.count(value))
    return statistics


def validate(schema, statistics, environment: str) -> dict[str, str]:
    """The short description of each feature's anomaly."""
    anomalies: anomalies_pb2.Anomalies = tfdv.validate_statistics(statistics, schema, environment=environment)
    return {name: info.short_description for name, info in anomalies.anomaly_info.items()}


def test_schema_features_are_those_that_the_codec_writes(schema):
    written = to_example(bytes(contract.PIXEL_COUNT), 3, "a.csv", 7).features.feature
    kinds = {"bytes_list": schema_pb2.BYTES, "int64_list": schema_pb2.INT}
    assert {feature.name: feature.type for feature in schema.feature} == {
        name: kinds[value.WhichOneof("kind")] for name, value in written.items()
    }


def test_schema_every_feature_is_one_value_in_every_example(schema):
    for feature in schema.feature:
        assert (feature.presence.min_fraction, feature.presence.min_count) == (1.0, 1), feature.name
        assert feature.HasField("shape"), feature.name
        assert not feature.shape.dim, feature.name


def test_schema_label_domain_is_the_range_of_class_indices(label):
    domain = label.int_domain
    assert (domain.min, domain.max, domain.is_categorical) == (0, len(DEFAULT_CLASS_NAMES) - 1, True)
    assert (len(DEFAULT_CLASS_NAMES), contract.DEFAULT_CLASS_NAMES[3], contract.DEFAULT_CLASS_NAMES[6]) == (
        7,
        "happy",
        "neutral",
    )


def test_schema_label_has_comparators_for_skew_and_drift(label):
    assert 0 < label.skew_comparator.infinity_norm.threshold < 1
    assert 0 < label.drift_comparator.infinity_norm.threshold < 1


def test_schema_environments_are_those_of_the_contract(schema):
    assert list(schema.default_environment) == [TRAINING_ENVIRONMENT, SERVING_ENVIRONMENT]
    absent = {feature.name: list(feature.not_in_environment) for feature in schema.feature}
    assert absent == {PIXELS_KEY: [], LABEL_KEY: [SERVING_ENVIRONMENT], contract.SOURCE_KEY: [], ROW_KEY: []}


def test_validate_statistics_labelled_rows_pass_in_training(schema):
    assert validate(schema, make_statistics("0011233456"), TRAINING_ENVIRONMENT) == {}


def test_validate_statistics_rows_without_label_pass_in_serving(schema):
    assert validate(schema, make_statistics(), SERVING_ENVIRONMENT) == {}


def test_validate_statistics_rows_without_label_are_refused_in_training(schema):
    assert validate(schema, make_statistics(), TRAINING_ENVIRONMENT) == {LABEL_KEY: "Column dropped"}


def test_validate_statistics_label_beyond_the_last_class_is_refused(schema):
    found = validate(schema, make_statistics("0011233457"), TRAINING_ENVIRONMENT)
    assert list(found) == [LABEL_KEY]


def test_validate_statistics_negative_row_is_refused(schema):
    statistics = make_statistics("0011233456")
    statistics.datasets[0].features[2].num_stats.min = -1
    assert validate(schema, statistics, TRAINING_ENVIRONMENT) == {ROW_KEY: "Out-of-range values"}


def test_transformed_name_image_key_ends_in_xf():
    assert contract.transformed_name("pixels") == "pixels_xf"
    assert contract.IMAGE_KEY == "image_xf"


def test_contract_shape_and_count_agree_with_fer2013():
    assert (contract.IMAGE_SHAPE, contract.PIXEL_COUNT) == ((48, 48, 1), 2304)
    assert set(contract.SPLIT_OF_USAGE.values()) == set(contract.LABELLED_SPLITS)
