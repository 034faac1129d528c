"""InlineSchema: ImportSchemaGen for a text that travels with the pipeline."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.inline_schema.executor import SCHEMA_KEY, TEXT_KEY, Executor


class InlineSchemaSpec(ComponentSpec):  # type: ignore[misc]
    """Output and parameter."""

    PARAMETERS = {TEXT_KEY: ExecutionParameter(type=str)}
    INPUTS: dict[str, ChannelParameter] = {}
    OUTPUTS = {SCHEMA_KEY: ChannelParameter(type=standard_artifacts.Schema)}


class InlineSchema(base_component.BaseComponent):  # type: ignore[misc]
    """Writes a schema from its text: it needs no file of the compiling machine, and the text is its cache key.

    Outputs:
        schema: as from ImportSchemaGen.
    """

    SPEC_CLASS = InlineSchemaSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, text: str):
        channel = types.Channel(type=standard_artifacts.Schema)
        super().__init__(InlineSchemaSpec(**{TEXT_KEY: text, SCHEMA_KEY: channel}))
