"""PublishedBaseline reads what a cluster's runs have accepted, RecordAcceptance adds to it."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.acceptance import MODEL_KEY
from components.artifacts import BaselineRecord
from components.published_baseline.executor import (
    FOLDER_KEY,
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
    """Copies what a run is compared with into it.

    Kubeflow has no resolvers, and Vertex's know only its own metadata. A cached answer would be an old one: this
    component must never be cached.

    Outputs:
        model: the anchor, `latency_model`: the latency reference, `service_model`: the model in service, by
            `components.acceptance`; each an artifact with `ABSENT_PROPERTY` where there is none.
        statistics: of the data that the gate accepted last, or absent likewise.
    """

    SPEC_CLASS = PublishedBaselineSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Reader)

    def __init__(self, folder: str):
        """`folder`, local or a bucket's URI, is the one that all runs share."""
        super().__init__(
            PublishedBaselineSpec(
                **{
                    FOLDER_KEY: folder,
                    **{key: types.Channel(type=standard_artifacts.Model) for key in MODEL_KEYS},
                    STATISTICS_KEY: types.Channel(type=standard_artifacts.ExampleStatistics),
                }
            )
        )


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
    """Records what this run has accepted, for later runs.

    Let it depend on the data gate with `add_upstream_node` where it records data.

    Outputs:
        record: what was recorded, as `baseline.json`.
    """

    SPEC_CLASS = RecordAcceptanceSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Writer)

    def __init__(self, folder: str, **accepted: types.BaseChannel):
        """Declare what is recorded.

        Args:
            folder: that all runs share.
            accepted: `statistics` of data that the gate let through; or `model` with `pushed_model`, which may say that
                it was not pushed.
        """
        super().__init__(
            RecordAcceptanceSpec(**{FOLDER_KEY: folder, RECORD_KEY: types.Channel(type=BaselineRecord), **accepted})
        )
