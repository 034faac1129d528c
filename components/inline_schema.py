"""InlineSchema: ImportSchemaGen for a text that travels with the pipeline."""

import os
from typing import Any

from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Schema
from tfx.utils import io_utils

from components.artifacts import Artifacts, Component, declare


class Executor(BaseExecutor):  # type: ignore[misc]
    """Writes the text as it is, comments included."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        path = os.path.join(artifact_utils.get_single_uri(output_dict["schema"]), "schema.pbtxt")  # TFX's own name
        io_utils.write_string_file(path, exec_properties["schema_text"])


class InlineSchema(Component):
    """Writes a schema from its text: it needs no file of the compiling machine, and the text is its cache key."""

    SPEC_CLASS = declare(parameters={"schema_text": str}, outputs={"schema": Schema})
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)
