"""A schema that travels as text."""

from pathlib import Path

import pytest
from tfx.types import standard_artifacts
from tfx.utils import io_utils

from components.inline_schema import Executor, InlineSchema
from configs.spec import PipelineConfig, ValidationConfig
from fer_tfx.errors import DataError
from pipeline.inputs import read_schema


def test_executor_text_becomes_the_file_that_tfx_reads(make_artifact):
    schema, text = make_artifact(standard_artifacts.Schema), read_schema(PipelineConfig())
    Executor().Do({}, {"schema": [schema]}, {"schema_text": text})
    (file,) = Path(schema.uri).iterdir()
    assert file.read_text("utf-8") == text
    read = io_utils.SchemaReader().read(str(file))
    assert {feature.name for feature in read.feature} == {"emotion", "pixels", "row", "source"}


def test_component_text_is_its_parameter_so_that_another_schema_misses_the_cache():
    assert InlineSchema(schema_text="feature {}").exec_properties == {"schema_text": "feature {}"}


def test_read_schema_own_file_is_taken_as_it_stands(tmp_path):
    own = tmp_path / "own.pbtxt"
    own.write_text('# mine\nfeature { name: "pixels" type: BYTES }\n')
    assert read_schema(PipelineConfig(validation=ValidationConfig(str(own)))) == own.read_text()


@pytest.mark.parametrize(
    ("content", "message"), [("feature {", r"own\.pbtxt:1: not a schema: "), (None, r"own\.pbtxt: can't be read: ")]
)
def test_read_schema_file_that_is_none_is_named(tmp_path, content, message):
    own = tmp_path / "own.pbtxt"
    if content:
        own.write_text(content)
    with pytest.raises(DataError, match=message):
        read_schema(PipelineConfig(validation=ValidationConfig(str(own))))
