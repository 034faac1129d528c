"""PublishedBaseline reads what was pushed last, PublishBaseline writes it."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import BaselineRecord
from components.published_baseline.executor import FOLDER_KEY, MODEL_KEY, RECORD_KEY, STATISTICS_KEY, Reader, Writer


class PublishedBaselineSpec(ComponentSpec):  # type: ignore[misc]
    """Outputs and parameter of the reader."""

    PARAMETERS = {FOLDER_KEY: ExecutionParameter(type=str)}
    INPUTS: dict[str, ChannelParameter] = {}
    OUTPUTS = {
        MODEL_KEY: ChannelParameter(type=standard_artifacts.Model),
        STATISTICS_KEY: ChannelParameter(type=standard_artifacts.ExampleStatistics),
    }


class PublishedBaseline(base_component.BaseComponent):  # type: ignore[misc]
    """Copies the model that was pushed last and the statistics of its data into this run.

    Kubeflow has no resolvers, and Vertex's know only its own metadata. A cached answer would be an old one: this
    component must never be cached.

    Outputs:
        model: of the last push, or an artifact with `ABSENT_PROPERTY`.
        statistics: of the data it was trained on; absent together with the model.
    """

    SPEC_CLASS = PublishedBaselineSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Reader)

    def __init__(self, folder: str):
        """`folder`, local or a bucket's URI, is the one that all runs share."""
        super().__init__(
            PublishedBaselineSpec(
                **{
                    FOLDER_KEY: folder,
                    MODEL_KEY: types.Channel(type=standard_artifacts.Model),
                    STATISTICS_KEY: types.Channel(type=standard_artifacts.ExampleStatistics),
                }
            )
        )


class PublishBaselineSpec(ComponentSpec):  # type: ignore[misc]
    """Inputs, output and parameter of the writer."""

    PARAMETERS = {FOLDER_KEY: ExecutionParameter(type=str)}
    INPUTS = {
        MODEL_KEY: ChannelParameter(type=standard_artifacts.Model),
        STATISTICS_KEY: ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "pushed_model": ChannelParameter(type=standard_artifacts.PushedModel),
    }
    OUTPUTS = {RECORD_KEY: ChannelParameter(type=BaselineRecord)}


class PublishBaseline(base_component.BaseComponent):  # type: ignore[misc]
    """Makes the model that this run pushed the baseline of later runs; does nothing if it pushed none.

    Outputs:
        record: what was written, as `baseline.json`.
    """

    SPEC_CLASS = PublishBaselineSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Writer)

    def __init__(
        self, folder: str, model: types.BaseChannel, statistics: types.BaseChannel, pushed_model: types.BaseChannel
    ):
        super().__init__(
            PublishBaselineSpec(
                **{
                    FOLDER_KEY: folder,
                    MODEL_KEY: model,
                    STATISTICS_KEY: statistics,
                    "pushed_model": pushed_model,
                    RECORD_KEY: types.Channel(type=BaselineRecord),
                }
            )
        )
