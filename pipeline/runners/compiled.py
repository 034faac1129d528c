"""A compiled pipeline: PipelineJob (JSON, for Vertex AI) or PipelineSpec (YAML, for Kubeflow) -> tasks.

The messages are those of kubeflow/pipelines, api/v2alpha1/pipeline_spec.proto, with their fields in camelCase.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fer_tfx.errors import DataError
from pipeline.failures import first_line

Json = dict[str, Any]

KUBEFLOW, VERTEX = "kubeflow", "vertex"
DIGEST_LABEL = "fer-tfx-spec"
OWN_LABELS = ("pipeline", "code", DIGEST_LABEL)
"""What every run is labelled with: the pipeline's name, a fingerprint of the code, and one of the compiled file."""

# Nested pipelines, loops, conditions and resolvers; and the only sources of inputs that can be replayed.
_UNSUPPORTED = ("dag", "iterator", "resolver", "triggerPolicy")
_SOURCES = ("taskOutputArtifact", "componentInputParameter", "runtimeValue")


@dataclass(frozen=True)
class Task:
    """One node of a pipeline."""

    name: str
    executor: Json
    """A container or an importer."""
    output_artifacts: Json = field(default_factory=dict)
    """ArtifactSpecs by key."""
    input_artifacts: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By key: the task that makes the artifact, and its key there."""
    input_parameters: Json = field(default_factory=dict)
    """InputParameterSpecs by name."""
    after: tuple[str, ...] = ()
    """Further tasks that must be done before."""
    is_cached: bool = False
    unsupported: tuple[str, ...] = ()
    """Names of its parts that `fer-tfx replay` can't execute."""


@dataclass(frozen=True)
class CompiledPipeline:
    """A pipeline as its backend gets it."""

    name: str
    flavor: str
    """The backend that files of this form are for."""
    tasks: dict[str, Task]
    declared: Json
    """ParameterSpecs by name."""
    given: Json
    """Parameter values in the file itself."""
    content: bytes
    documents: list[Json]
    """The file's YAML documents: a PipelineJob, or a PipelineSpec and perhaps its PlatformSpec."""

    @property
    def defaults(self) -> Json:
        """Parameter values as they are unless a caller gives others; those that must be given have none."""
        declared = {name: spec["defaultValue"] for name, spec in self.declared.items() if "defaultValue" in spec}
        return declared | self.given

    def list_dependencies(self) -> dict[str, set[str]]:
        """By task: those that must be done before. Raises DataError: one of them is not a task of the pipeline."""
        dependencies = {
            name: {*task.after, *(producer for producer, _ in task.input_artifacts.values())}
            for name, task in self.tasks.items()
        }
        for name, before in dependencies.items():
            if unknown := sorted(before - set(self.tasks)):
                raise DataError(f"task {name} waits for {unknown[0]}, which is not a task of the pipeline")
        return dependencies


def read_compiled(path: Path) -> CompiledPipeline:
    """Read a file that `fer-tfx compile` or another KFP 2 compiler wrote; DataError: it is none, or can't be read."""
    remedy = "write one with `fer-tfx compile`"
    try:
        content = path.read_bytes()
        documents = [each for each in yaml.safe_load_all(content) if each]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{path}: can't be read: {first_line(error)}; {remedy}") from None
    document = next(iter(documents), None)
    if not isinstance(document, dict):
        raise DataError(f"{path}: not a compiled pipeline; {remedy}")
    spec = document.get("pipelineSpec", document)
    try:
        return CompiledPipeline(
            name=spec["pipelineInfo"]["name"],
            flavor=VERTEX if "pipelineSpec" in document else KUBEFLOW,
            tasks={name: _read_task(name, task, spec) for name, task in spec["root"]["dag"]["tasks"].items()},
            declared=_read_maps(spec["root"].get("inputDefinitions", {}).get("parameters", {})),
            given=document.get("runtimeConfig", {}).get("parameterValues", {}),
            content=content,
            documents=documents,
        )
    except (AttributeError, KeyError, TypeError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else "a part of it has the wrong form"
        raise DataError(f"{path}: not a compiled pipeline: {what}; {remedy}") from None


def _read_task(name: str, spec: Json, pipeline: Json) -> Task:
    component = pipeline["components"][spec["componentRef"]["name"]]
    executor = {} if "dag" in component else pipeline["deploymentSpec"]["executors"][component["executorLabel"]]
    inputs = spec.get("inputs", {})
    artifacts, parameters = (_read_maps(inputs.get(kind, {})) for kind in ("artifacts", "parameters"))
    sources = {key: each["taskOutputArtifact"] for key, each in artifacts.items() if "taskOutputArtifact" in each}
    found = {part for part in _UNSUPPORTED if part in {**component, **spec, **executor}}
    found |= {kind for each in (*artifacts.values(), *parameters.values()) for kind in each if kind not in _SOURCES}
    return Task(
        name,
        _read_maps(executor),
        output_artifacts=_read_maps(component.get("outputDefinitions", {}).get("artifacts", {})),
        input_artifacts={key: (each["producerTask"], each["outputArtifactKey"]) for key, each in sources.items()},
        input_parameters=parameters,
        after=tuple(spec.get("dependentTasks", ())),
        is_cached=spec.get("cachingOptions", {}).get("enableCache", False),
        unsupported=tuple(sorted(found)),
    )


def _read_maps(node: Json) -> Json:
    """By name: TypeError or AttributeError for lists and words, over which the replay would stumble."""
    return {name: {**each} for name, each in node.items()}


def find_title(type_schema: Json) -> str:
    """Name of an artifact type such as `tfx.Model`; empty: the schema names none."""
    if title := type_schema.get("schemaTitle"):
        return str(title)
    schema = yaml.safe_load(type_schema.get("instanceSchema", "")) or {}
    return str(schema.get("title", ""))
