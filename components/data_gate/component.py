"""DataGate: anomalies stop the run."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import DataVerdict, Quarantine
from components.data_gate.executor import VERDICT_KEY, Executor


class DataGateSpec(ComponentSpec):  # type: ignore[misc]
    """Inputs, output and parameters of the gate."""

    PARAMETERS = {"name": ExecutionParameter(type=str), "code": ExecutionParameter(type=str)}
    INPUTS = {
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "previous_statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
        "schema": ChannelParameter(type=standard_artifacts.Schema),
        "anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "quarantine": ChannelParameter(type=Quarantine),
    }
    OUTPUTS = {VERDICT_KEY: ChannelParameter(type=DataVerdict)}


class DataGate(base_component.BaseComponent):  # type: ignore[misc]
    """Fails, naming each fault, unless the examples match the schema and the account of rows.

    Let Transform depend on it with `add_upstream_node`, so that nothing is trained on refused data.

    Outputs:
        verdict: what was checked, as `verdict.json`. For refused data there is a report instead, beside the place
            where the verdict would be.
    """

    SPEC_CLASS = DataGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        statistics: types.BaseChannel,
        previous_statistics: types.BaseChannel | None,
        schema: types.BaseChannel,
        anomalies: types.BaseChannel,
        quarantine: types.BaseChannel,
        name: str,
        code: str,
    ):
        """Without `previous_statistics`, None or resolving to nothing, drift isn't checked. `name`: of the pipeline."""
        super().__init__(
            DataGateSpec(
                statistics=statistics,
                **({"previous_statistics": previous_statistics} if previous_statistics is not None else {}),
                schema=schema,
                anomalies=anomalies,
                quarantine=quarantine,
                name=name,
                code=code,
                **{VERDICT_KEY: types.Channel(type=DataVerdict)},
            )
        )
