"""PublishedBaseline reads what a cluster's runs have accepted, RecordAcceptance adds to it."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import BaselineRecord
from components.published_baseline.executor import (
    FOLDER_KEY,
    MODEL_KEY,
    MODEL_KEYS,
    PUSHED_KEY,
    RECORD_KEY,
    STATISTICS_KEY,
    Reader,
    Writer,
)


class PublishedBaselineSpec(ComponentSpec):  # type: ignore[misc]
    """Outputs and parameter of the reader."""

    PARAMETERS = {FOLDER_KEY: ExecutionParameter(type=str)}
    INPUTS: dict[str, ChannelParameter] = {}
    OUTPUTS = {
        **{key: ChannelParameter(type=standard_artifacts.Model) for key in MODEL_KEYS},
        STATISTICS_KEY: ChannelParameter(type=standard_artifacts.ExampleStatistics),
    }


class PublishedBaseline(base_component.BaseComponent):  # type: ignore[misc]
    """Copies what a run is compared with from the folder that all runs share, a path or URI. Must never be cached.

    Kubeflow has no resolvers, and Vertex AI's know only its own metadata.

    Outputs:
        model: the anchor, `latency_model`: the latency reference, `service_model`: the model in service, by
            `components.acceptance`; an artifact with `ABSENT_PROPERTY` if there is none.
        statistics: of the data that the gate accepted last, or absent likewise.
    """

    SPEC_CLASS = PublishedBaselineSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Reader)

    def __init__(self, folder: str):
        outputs = {key: types.Channel(type=spec.type) for key, spec in PublishedBaselineSpec.OUTPUTS.items()}
        super().__init__(PublishedBaselineSpec(**{FOLDER_KEY: folder, **outputs}))


class RecordAcceptanceSpec(ComponentSpec):  # type: ignore[misc]
    """Inputs, output and parameter of the writer."""

    PARAMETERS = {FOLDER_KEY: ExecutionParameter(type=str)}
    INPUTS = {
        STATISTICS_KEY: ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
        MODEL_KEY: ChannelParameter(type=standard_artifacts.Model, optional=True),
        PUSHED_KEY: ChannelParameter(type=standard_artifacts.PushedModel, optional=True),
    }
    OUTPUTS = {RECORD_KEY: ChannelParameter(type=BaselineRecord)}


class RecordAcceptance(base_component.BaseComponent):  # type: ignore[misc]
    """Records what this run has accepted, for later runs, in the folder that all of them share.

    Where it records data, let it depend on the data gate with `add_upstream_node`.

    Outputs:
        record: what was recorded, as `baseline.json`.
    """

    SPEC_CLASS = RecordAcceptanceSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Writer)

    def __init__(self, folder: str, **accepted: types.BaseChannel):
        """`accepted`: the `statistics` of accepted data; or `model` and `pushed_model`, which may not be pushed."""
        super().__init__(
            RecordAcceptanceSpec(**{FOLDER_KEY: folder, RECORD_KEY: types.Channel(type=BaselineRecord), **accepted})
        )
