"""Settings that are given at submission, as parameters of a compiled pipeline.

They are part of longer texts in a task's inputs, which TFX's RuntimeParameter can't be. So the graph is built with
marks in place of the values, and in the compiler's output each mark becomes the placeholder that the kfp SDK compiles
f-strings to, `{{$.inputs.parameters['trainer_epochs']}}`. Kubeflow's launcher, Vertex AI or the container's entrypoint
fills it in. No name begins with kfp's `pipelinechannel--`, which newer Kubeflow drivers take for the whole text.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import FiniteFloat, TypeAdapter

from configs.convert import check_setting, leaf_keys, overlay, read_setting, suggest
from configs.load import from_json
from configs.spec import PipelineConfig
from fer_tfx.errors import ConfigError
from pipeline.runners.compiled import CompiledPipeline, Json

SERVICE_ACCOUNT = "deploy.service_account"
"""A parameter wherever there are jobs outside of the pipeline, which have an account of their own."""
# The other sections shape the graph, or reach no component.
_SECTIONS = ("data", "model", "trainer", "export", "gate", "serving", "runtime")
# These only show settings, which changes nothing that is done.
_REPORTS = ("HtmlReport", "ModelCard")
_TYPES = {str: "STRING", int: "NUMBER_INTEGER", float: "NUMBER_DOUBLE"}
_PLACEHOLDER = re.compile(r"\{\{\$\.inputs\.parameters\['([^']+)'\]\}\}")
JOINED_PLACES = ("runtime.root", "runtime.serving_path")
"""Where runs write, below these, besides the artifacts."""
_NEEDED = (*JOINED_PLACES, "data.path")  # without which a run would end, or write to `/`
_READERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "STRING": ("text", str),
    "NUMBER_INTEGER": ("a whole number", int),
    "NUMBER_DOUBLE": ("a finite number", TypeAdapter(FiniteFloat).validate_python),
    "BOOLEAN": ("true or false", lambda text: {"true": True, "false": False}[text.lower()]),
    "LIST": ("a list in JSON", json.loads),
    "STRUCT": ("an object in JSON", json.loads),
}


@dataclass(frozen=True)
class Parameter:
    """One setting that can be given at submission."""

    key: str
    """Dotted, as in the configuration."""
    mark: str | int | float
    """Takes the value's place in the graph; found nowhere else."""
    default: Any

    @property
    def name(self) -> str:
        return self.key.replace(".", "_")

    @property
    def placeholder(self) -> str:
        return f"{{{{$.inputs.parameters['{self.name}']}}}}"

    @property
    def definition(self) -> Json:
        """As a root input; data without a default path must be given."""
        kind: Json = {"parameterType": _TYPES[type(self.mark)]}
        is_required = self.default == "" and self.key == "data.path"
        return kind if is_required else {**kind, "defaultValue": self.default, "isOptional": True}

    @property
    def pattern(self) -> str:
        """Finds the mark; a whole number may be written as 7.0, all of which the placeholder replaces."""
        text = re.escape(str(self.mark))
        return text if isinstance(self.mark, str) else rf"(?<![\d.]){text}(?:\.0)?(?![\d.])"


def make_parameters(config: PipelineConfig, keys: Iterable[str]) -> list[Parameter]:
    """A parameter for each setting; ConfigError: there is no such setting, or it can't be a parameter."""
    valid_keys = set(leaf_keys(PipelineConfig))
    parameters = []
    for index, key in enumerate(keys):
        if key not in valid_keys:
            raise ConfigError(f"deploy.parameters: unknown setting {key!r}{suggest(key, valid_keys)}")
        default = read_setting(config, key)
        if key.partition(".")[0] not in _SECTIONS and key != SERVICE_ACCOUNT:
            raise ConfigError(f"deploy.parameters: {key}: settled when the pipeline is compiled; take it off the list")
        _require_insertable(key, default)
        if type(default) not in _TYPES:
            raise ConfigError(f"deploy.parameters: {key} is {default!r}; only text and numbers can be parameters")
        parameters.append(Parameter(key, _make_mark(key, default, index), default))
    return parameters


def _make_mark(key: str, value: Any, index: int) -> str | int | float:
    if isinstance(value, int):
        return 1_900_100_000 + 2 * index  # some must be even
    # Many of these settings must be fractions, some not small; never a round one, so that all digits are written.
    return round(0.0731901 + index / 1e6, 8) if isinstance(value, float) else f"gs://parameter/{key}#"


def mark(config: PipelineConfig, parameters: Iterable[Parameter]) -> PipelineConfig:
    """The settings with marks in place of the values; ConfigError: bounds of a setting don't let its mark in."""
    for parameter in parameters:
        try:
            config = overlay(config, {parameter.key: parameter.mark})
        except ConfigError:
            raise ConfigError(
                f"deploy.parameters: {parameter.key} can't be a parameter; take it off the list and set its value"
            ) from None
    return config


def put_placeholders(spec: Json, parameters: Sequence[Parameter]) -> None:
    """In a PipelineSpec, turn marks into placeholders and declare inputs of the tasks and of the pipeline.

    Raises ConfigError: nothing in the pipeline depends on a parameter, so giving it would change nothing.
    """
    used: set[str] = set()
    for name, task in spec["root"]["dag"]["tasks"].items():
        inputs = task.get("inputs", {}).get("parameters", {})
        component = spec["components"][task["componentRef"]["name"]]
        executor = spec.get("deploymentSpec", {}).get("executors", {}).get(component.get("executorLabel"), {})
        container = executor.get("container", {})
        commands = [container, *container.get("lifecycle", {}).values()]
        in_task = [
            each
            for each in parameters
            if sum(_replace_mark(inputs, key, each) for key in inputs)
            + sum(_replace_in_arguments(command.get("args", []), each) for command in commands)
        ]
        definitions = component.get("inputDefinitions", {}).get("parameters", {})
        for parameter in in_task:
            inputs[parameter.name] = {"componentInputParameter": parameter.name}
            definitions[parameter.name] = {"parameterType": _TYPES[type(parameter.mark)]}
        used |= {parameter.key for parameter in in_task if name not in _REPORTS}
    if unused := [parameter.key for parameter in parameters if parameter.key not in used]:
        raise ConfigError(f"deploy.parameters: {', '.join(unused)}: nothing in the pipeline depends on it at a run")
    spec["root"]["inputDefinitions"] = {"parameters": {each.name: each.definition for each in parameters}}


def _replace_mark(inputs: Json, key: str, parameter: Parameter) -> int:
    """How often the mark was in that input."""
    constant = inputs[key].get("runtimeValue", {}).get("constant")
    if constant == parameter.mark:
        inputs[key] = {"componentInputParameter": parameter.name}
        return 1
    if not isinstance(constant, str):
        return 0
    pieces = re.split(parameter.pattern, constant)
    inputs[key] = {"runtimeValue": {"constant": parameter.placeholder.join(pieces)}}
    return len(pieces) - 1


def _replace_in_arguments(arguments: list[str], parameter: Parameter) -> int:
    """How often the mark was in a container's arguments; only text is looked for there."""
    if not isinstance(parameter.mark, str):
        return 0
    count = sum(each.count(parameter.mark) for each in arguments)
    arguments[:] = [each.replace(parameter.mark, parameter.placeholder) for each in arguments]
    return count


def resolve_parameters(declared: Json, given: Json, overrides: Sequence[str]) -> Json:
    """A value for every parameter: the last override (`name=value`), else the one given in the file, else the default.

    Raises ConfigError: an unknown name (the nearest is suggested), a value of another type, or no value, or an empty
    place that a run needs.
    """
    defaults = {name: spec["defaultValue"] for name, spec in declared.items() if "defaultValue" in spec}
    values = {**defaults, **given, **dict(_read_override(text, declared) for text in overrides)}
    for name, spec in declared.items():
        if name not in values and not spec.get("isOptional"):
            raise ConfigError(f"parameter {name}: has no value and no default; give --param {name}=VALUE")
    for key, name in find_settings(declared).items():
        if name in values:
            check_setting(PipelineConfig, key, values[name])
            _require_insertable(f"--param {name}", values[name])
            if key in _NEEDED and values[name] == "":
                raise ConfigError(f"--param {name}: expected a place, got nothing; is a variable unset?")
            if key in JOINED_PLACES:
                values[name] = strip_slashes(values[name])
    return values


def strip_slashes(place: str) -> str:
    """A place without slashes at its end: in a bucket, `gs://b/runs/` with `/fer` behind it is not `gs://b/runs/fer`."""
    return place.rstrip("/") or place


def check_together(pipeline: CompiledPipeline, values: Json) -> None:
    """Raise ConfigError if values of parameters break a rule that joins several settings.

    The other settings are those that the file holds for its report; of another release's file, which this one can't
    read, nothing is checked.
    """
    report = pipeline.tasks.get("HtmlReport")
    shown = report.input_parameters.get("settings", {}).get("runtimeValue", {}).get("constant") if report else None
    if not isinstance(shown, str):
        return
    try:
        config = from_json(PipelineConfig, substitute(shown, pipeline.defaults))
    except (ConfigError, ValueError, TypeError):
        return
    overlay(config, {key: values[name] for key, name in find_settings(values).items()}, "--param")


def _require_insertable(place: str, value: Any) -> None:
    """Raise ConfigError for a text that would break the JSON which it is inserted into."""
    if isinstance(value, str) and json.dumps(value, ensure_ascii=False) != f'"{value}"':
        raise ConfigError(f"{place}: expected text without quotes, backslashes and line breaks, got {value!r}")


def find_settings(declared: Iterable[str]) -> dict[str, str]:
    """The parameters of a pipeline of this project by the settings that they stand for; none of another's."""
    settings = {key.replace(".", "_"): key for key in leaf_keys(PipelineConfig)}
    return {settings[name]: name for name in declared} if settings.keys() >= {*declared} else {}


def _read_override(text: str, declared: Json) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator:
        raise ConfigError(f"--param {text}: expected name=value")
    if name not in declared:
        raise ConfigError(f"--param {name}: the pipeline has no such parameter{suggest(name, declared)}")
    expected, read = _READERS[declared[name].get("parameterType", "STRING")]
    try:
        return name, read(value)
    except (KeyError, ValueError):
        raise ConfigError(f"--param {name}: expected {expected}, got {value!r}") from None


def substitute(text: str, values: Mapping[str, Any]) -> str:
    """Fill in placeholders; one with an unknown name stays as it is."""
    return _PLACEHOLDER.sub(lambda match: to_text(values[match[1]]) if match[1] in values else match[0], text)


def substitute_all(values: Json) -> Json:
    """Fill in the placeholders in those values that are texts."""
    return {name: substitute(value, values) if isinstance(value, str) else value for name, value in values.items()}


def to_text(value: Any) -> str:
    """A value within a text, as Kubeflow's launcher writes it: Go's strconv.FormatFloat(value, 'f', -1, 64)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        digits = format(Decimal(repr(value)), "f")
        return digits.rstrip("0").rstrip(".") if "." in digits else digits
    return str(value)
