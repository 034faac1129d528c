"""Writes the schema's file."""

import os
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils

TEXT_KEY, SCHEMA_KEY = "schema_text", "schema"
_FILE = "schema.pbtxt"  # TFX's own name for it

Artifacts = dict[str, list[types.Artifact]]


class Executor(base_executor.BaseExecutor):  # type: ignore[misc]
    """Keeps the text as it is, comments included."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
        folder = artifact_utils.get_single_uri(output_dict[SCHEMA_KEY])
        io_utils.write_string_file(os.path.join(folder, _FILE), exec_properties[TEXT_KEY])
