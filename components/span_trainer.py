"""TFX's Trainer, which also tells the training the spans of its examples: their files don't."""

import json
from typing import Any

from tfx import v1 as tfx
from tfx.components.example_gen.utils import FINGERPRINT_PROPERTY_NAME, SPAN_PROPERTY_NAME
from tfx.components.trainer.executor import GenericExecutor
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.dsl.components.base import executor_spec
from tfx.types import Artifact


class Executor(GenericExecutor):  # type: ignore[misc]
    """Adds `spans` to the `custom_config` of `run_fn`: JSON, an entry for each artifact of examples."""

    def _GetFnArgs(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> FnArgs:
        fn_args = super()._GetFnArgs(input_dict, output_dict, exec_properties)
        spans = [
            {"span": read_span(each), "fingerprint": each.get_string_custom_property(FINGERPRINT_PROPERTY_NAME)}
            for each in input_dict["examples"]
        ]
        fn_args.custom_config = {**fn_args.custom_config, "spans": json.dumps(spans)}
        return fn_args


class Trainer(tfx.components.Trainer):  # type: ignore[misc]
    """TFX's component with this executor."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)


def read_span(examples: Artifact) -> int:
    """The number of an artifact's span; 0 for data without spans."""
    # ExampleGen writes a number; earlier versions of TFX wrote a text.
    text = examples.get_string_custom_property(SPAN_PROPERTY_NAME)
    return int(text) if text else int(examples.get_int_custom_property(SPAN_PROPERTY_NAME))
