"""A schema that travels as text."""

from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import standard_artifacts
from tfx.utils import io_utils

import schema
from components.inline_schema import Executor, InlineSchema
from configs.spec import DataConfig, PipelineConfig, ValidationConfig
from fer_tfx.errors import DataError
from pipeline.inputs import read_schema

THREE = PipelineConfig(data=DataConfig(classes=("a", "b", "c")))


def test_executor_text_becomes_the_file_that_tfx_reads(make_artifact):
    artifact, text = make_artifact(standard_artifacts.Schema), read_schema(PipelineConfig())
    Executor().Do({}, {"schema": [artifact]}, {"schema_text": text})
    (file,) = Path(artifact.uri).iterdir()
    assert file.read_text("utf-8") == text
    read = io_utils.SchemaReader().read(str(file))
    assert {feature.name for feature in read.feature} == {"emotion", "pixels", "row", "source"}


def test_component_text_is_its_parameter_so_that_another_schema_misses_the_cache():
    assert InlineSchema(schema_text="feature {}").exec_properties == {"schema_text": "feature {}"}


def test_read_schema_own_file_is_taken_as_it_stands(tmp_path):
    own = tmp_path / "own.pbtxt"
    own.write_text('# mine\nfeature { name: "pixels" type: BYTES }\n')
    assert read_schema(PipelineConfig(validation=ValidationConfig(str(own)))) == own.read_text()


def test_read_schema_curated_one_has_the_classes_of_the_settings():
    """FER2013's is the file as it stands, which a person reads; with other classes the label's domain differs."""
    default, three = (text_format.Parse(read_schema(each), schema_pb2.Schema()) for each in (PipelineConfig(), THREE))
    assert read_schema(PipelineConfig()) == (Path(schema.__file__).parent / "schema.pbtxt").read_text("utf-8")
    (label,) = (feature for feature in three.feature if feature.name == "emotion")
    assert (label.int_domain.min, label.int_domain.max, label.int_domain.is_categorical) == (0, 2, True)
    label.int_domain.max = 6
    assert three == default


@pytest.mark.parametrize(
    ("content", "message"), [("feature {", r"own\.pbtxt:1: not a schema: "), (None, r"own\.pbtxt: can't be read: ")]
)
def test_read_schema_file_that_is_none_is_named(tmp_path, content, message):
    own = tmp_path / "own.pbtxt"
    if content:
        own.write_text(content)
    with pytest.raises(DataError, match=message):
        read_schema(PipelineConfig(validation=ValidationConfig(str(own))))
