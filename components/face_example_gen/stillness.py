"""Whether the input stayed as it was while it was read: else the cache would know new rows by an old fingerprint."""

import os
from typing import Any

from google.protobuf import json_format
from tfx.components.example_gen import utils
from tfx.proto import example_gen_pb2
from tfx.types import standard_component_specs
from tfx.utils import io_utils

from fer_tfx.errors import DataError


def require_still(exec_properties: dict[str, Any]) -> None:
    """Compare the fingerprint that TFX's driver took before the execution with one of now.

    TFX's fingerprint tells the number of files, their sizes and times of change in whole seconds.

    Raises:
        DataError: the files have changed since.
    """
    noted = exec_properties.get(utils.FINGERPRINT_PROPERTY_NAME)
    base = exec_properties[standard_component_specs.INPUT_BASE_KEY]
    if noted and noted != _compute_fingerprint(base, exec_properties[standard_component_specs.INPUT_CONFIG_KEY]):
        raise DataError(
            f"{base}: files in it were changed while they were read: wait until they are written whole, and give the"
            " same command again"
        )


def _compute_fingerprint(base: str, input_config: str) -> str:
    config = json_format.Parse(input_config, example_gen_pb2.Input())
    # As `calculate_splits_fingerprint_span_and_version` joins them; the patterns hold no span here any more.
    return "\n".join(
        io_utils.generate_fingerprint(split.name, os.path.join(base, split.pattern)) for split in config.splits
    )
