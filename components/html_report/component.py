"""HtmlReport: the page of a run, whether its model was pushed or refused."""

import json

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import CARD_KEY, Card, Quarantine, Report
from components.html_report.executor import Executor
from configs.load import to_json
from configs.spec import PipelineConfig
from reporting import REPORT_KEY


class HtmlReportSpec(ComponentSpec):  # type: ignore[misc]
    """Inputs, output and parameters of the report."""

    PARAMETERS = {
        "settings": ExecutionParameter(type=str),
        "stage_code": ExecutionParameter(type=str),
        "code": ExecutionParameter(type=str),
    }
    INPUTS = {
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "quarantine": ChannelParameter(type=Quarantine),
        "schema": ChannelParameter(type=standard_artifacts.Schema),
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "previous_statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
        "anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "model": ChannelParameter(type=standard_artifacts.Model),
        "baseline_model": ChannelParameter(type=standard_artifacts.Model, optional=True),
        "service_model": ChannelParameter(type=standard_artifacts.Model, optional=True),
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "model_blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
        "infra_blessing": ChannelParameter(type=standard_artifacts.InfraBlessing),
        CARD_KEY: ChannelParameter(type=Card),
        "pushed_model": ChannelParameter(type=standard_artifacts.PushedModel),
    }
    OUTPUTS = {REPORT_KEY: ChannelParameter(type=Report)}


class HtmlReport(base_component.BaseComponent):  # type: ignore[misc]
    """Writes `report.html` and `report.json`; refuses nothing."""

    SPEC_CLASS = HtmlReportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self, config: PipelineConfig, stage_code: dict[str, str], code: str, **inputs: types.BaseChannel | None
    ):
        """Declare inputs and settings.

        Args:
            config: of the whole run; shown on the page.
            stage_code: fingerprint of the sources by component; shown on the page.
            code: fingerprint of this component's own sources, so that an edit misses the cache.
            inputs: by the keys of the spec; `baseline_model` (the anchor) and `service_model` may be None.
        """
        super().__init__(
            HtmlReportSpec(
                settings=to_json(config),
                stage_code=json.dumps(stage_code, sort_keys=True),
                code=code,
                **{key: channel for key, channel in inputs.items() if channel is not None},
                **{REPORT_KEY: types.Channel(type=Report)},
            )
        )
