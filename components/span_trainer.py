"""TFX's Trainer, which also knows the spans of its examples, targets for their rows, and an ensemble's members."""

import json
import os
from typing import Any

from tfx import v1 as tfx
from tfx.components.example_gen.utils import FINGERPRINT_PROPERTY_NAME, SPAN_PROPERTY_NAME
from tfx.components.trainer.executor import GenericExecutor
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.dsl.components.base import executor_spec
from tfx.types import Artifact, artifact_utils
from tfx.types.standard_artifacts import Model
from tfx.types.standard_component_specs import TrainerSpec

from components.artifacts import TARGETS_KEY, Component, TaughtExamples, declare
from configs.spec import MOST_MEMBERS

MEMBER_KEYS = tuple(f"member_{number}" for number in range(1, MOST_MEMBERS + 1))


class Executor(GenericExecutor):  # type: ignore[misc]
    """Adds `spans` to the `custom_config` of `run_fn`: JSON, an entry for each artifact of examples.

    If there are `targets`, the rows to train on are read from there. If there are members of an ensemble, `members` is
    JSON of the places of their artifacts.
    """

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
        members = [artifact_utils.get_single_uri(input_dict[key]) for key in MEMBER_KEYS if input_dict.get(key)]
        added = {"spans": json.dumps(spans)} | ({"members": json.dumps(members)} if members else {})
        fn_args.custom_config = {**fn_args.custom_config, **added}
        if targets := input_dict.get(TARGETS_KEY):
            folder = artifact_utils.get_single_uri(targets)
            fn_args.train_files = [os.path.join(folder, f"{name_files(each)}*") for each in input_dict["examples"]]
        return fn_args


class Trainer(Component, tfx.components.Trainer):  # type: ignore[misc]
    """TFX's component with this executor and further inputs: `targets`, and the models of an ensemble's members."""

    SPEC_CLASS = declare(
        TrainerSpec, optional_inputs={TARGETS_KEY: TaughtExamples, **dict.fromkeys(MEMBER_KEYS, Model)}
    )
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)


def name_files(examples: Artifact) -> str:
    """How the names of files begin that hold the rows of these examples with targets."""
    return f"span{read_span(examples)}-"


def read_span(examples: Artifact) -> int:
    """The number of an artifact's span; 0 for data without spans."""
    # ExampleGen writes a number; earlier versions of TFX wrote a text.
    text = examples.get_string_custom_property(SPAN_PROPERTY_NAME)
    return int(text) if text else int(examples.get_int_custom_property(SPAN_PROPERTY_NAME))
