"""Settings that are given at submission, as parameters of a compiled pipeline.

They stand inside longer texts of a task's inputs: JSON within JSON, a path. TFX's RuntimeParameter can only be a whole
input, and its default is lost in compiling. So a graph is built with marks in the place of the values, and what comes
out of the compiler gets `{{$.inputs.parameters['trainer_epochs']}}` in the place of the marks: the placeholder that the
kfp SDK compiles f-strings to. Kubeflow's launcher and Vertex put the values in; where they don't, the container's
entrypoint does.

A name begins otherwise than with kfp's `pipelinechannel--`: newer drivers of Kubeflow take a text that holds a
placeholder of such a name for that placeholder alone (backend/src/v2/driver/resolver/parameters.go).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from configs.convert import leaf_keys, overlay, read_setting, suggest
from configs.spec import PipelineConfig
from fer_tfx.errors import ConfigError

# Settings of these are handed to components; those of the others shape the graph, or are no component's.
_SECTIONS = ("data", "model", "trainer", "export", "gate", "serving", "runtime")
# They show settings, which makes no difference to what is done.
_REPORTS = ("HtmlReport", "ModelCard")
_TYPES = {str: "STRING", int: "NUMBER_INTEGER", float: "NUMBER_DOUBLE"}

Json = dict[str, Any]


@dataclass(frozen=True)
class Parameter:
    """One setting that may be given anew."""

    key: str
    """Dotted, as in the configuration."""
    mark: str | int | float
    """Stands in the graph for the value; found nowhere else."""
    default: Any

    @property
    def name(self) -> str:
        return self.key.replace(".", "_")

    @property
    def placeholder(self) -> str:
        return f"{{{{$.inputs.parameters['{self.name}']}}}}"

    @property
    def definition(self) -> Json:
        """As a root input; a text without default must be given."""
        kind: Json = {"parameterType": _TYPES[type(self.mark)]}
        is_required = self.default == "" and self.key == "data.path"
        return kind if is_required else {**kind, "defaultValue": self.default, "isOptional": True}

    @property
    def pattern(self) -> str:
        """Finds the mark; a whole number may have been written as 7.0, which the placeholder stands for as well."""
        text = re.escape(str(self.mark))
        return text if isinstance(self.mark, str) else rf"(?<![\d.]){text}(?:\.0)?(?![\d.])"


def make_parameters(config: PipelineConfig, keys: Iterable[str]) -> list[Parameter]:
    """A parameter for each setting.

    Raises:
        ConfigError: there is no such setting, or none that could be a parameter.
    """
    valid_keys = set(leaf_keys(PipelineConfig))
    parameters = []
    for index, key in enumerate(keys):
        if key not in valid_keys:
            raise ConfigError(f"deploy.parameters: unknown setting {key!r}{suggest(key, valid_keys)}")
        default = read_setting(config, key)
        if key.partition(".")[0] not in _SECTIONS:
            raise ConfigError(f"deploy.parameters: {key}: settled when the pipeline is compiled; take it off the list")
        if type(default) not in _TYPES:
            raise ConfigError(f"deploy.parameters: {key} is {default!r}; only text and numbers can be parameters")
        parameters.append(Parameter(key, _make_mark(key, default, index), default))
    return parameters


def _make_mark(key: str, value: Any, index: int) -> str | int | float:
    if isinstance(value, int):
        return 1_900_100_000 + index
    # A fraction as well, as many of these settings are; never a round one, so that it's written out in full.
    return round(0.00731901 + index / 1e6, 8) if isinstance(value, float) else f"parameter://{key}#"


def mark(config: PipelineConfig, parameters: Iterable[Parameter]) -> PipelineConfig:
    """The settings with marks in the place of the values.

    Raises:
        ConfigError: a setting doesn't bear it, such as one with narrow bounds.
    """
    for parameter in parameters:
        try:
            config = overlay(config, {parameter.key: parameter.mark})
        except ConfigError:
            raise ConfigError(
                f"deploy.parameters: {parameter.key} can't be a parameter; take it off the list and set its value"
            ) from None
    return config


def put_placeholders(spec: Json, parameters: Iterable[Parameter]) -> None:
    """Change a PipelineSpec in place: marks become placeholders, and inputs of the tasks and of the pipeline.

    Raises:
        ConfigError: a parameter has no place in the pipeline, so that giving it would change nothing.
    """
    parameters = list(parameters)
    used: set[str] = set()
    for name, task in spec["root"]["dag"]["tasks"].items():
        inputs = task.get("inputs", {}).get("parameters", {})
        in_task = _replace_marks(inputs, parameters)
        definitions = spec["components"][task["componentRef"]["name"]].get("inputDefinitions", {}).get("parameters", {})
        for parameter in in_task:
            inputs[parameter.name] = {"componentInputParameter": parameter.name}
            definitions[parameter.name] = {"parameterType": _TYPES[type(parameter.mark)]}
        used |= {parameter.key for parameter in in_task if name not in _REPORTS}
    if unused := [parameter.key for parameter in parameters if parameter.key not in used]:
        raise ConfigError(f"deploy.parameters: {', '.join(unused)}: nothing in the pipeline depends on it at a run")
    spec["root"]["inputDefinitions"] = {"parameters": {each.name: each.definition for each in parameters}}


def _replace_marks(inputs: Json, parameters: list[Parameter]) -> list[Parameter]:
    """Those that were found in the constants of one task."""
    return [parameter for parameter in parameters if sum(_replace_mark(inputs, key, parameter) for key in inputs)]


def _replace_mark(inputs: Json, key: str, parameter: Parameter) -> int:
    """How often it stood in that input."""
    constant = inputs[key].get("runtimeValue", {}).get("constant")
    if constant == parameter.mark:
        inputs[key] = {"componentInputParameter": parameter.name}
        return 1
    if not isinstance(constant, str):
        return 0
    pieces = re.split(parameter.pattern, constant)
    inputs[key] = {"runtimeValue": {"constant": parameter.placeholder.join(pieces)}}
    return len(pieces) - 1
