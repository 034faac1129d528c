"""A compiled pipeline: PipelineJob (JSON, for Vertex AI) or PipelineSpec (YAML, for Kubeflow) -> tasks.

The messages are those of kubeflow/pipelines, api/v2alpha1/pipeline_spec.proto, with their fields in camelCase.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fer_tfx.errors import ConfigError, DataError

Json = dict[str, Any]

KUBEFLOW, VERTEX = "kubeflow", "vertex"


@dataclass(frozen=True)
class Task:
    """One node of a pipeline."""

    name: str
    executor: Json
    """A container, an importer or a resolver."""
    outputs: Json = field(default_factory=dict)
    """`outputDefinitions`."""
    input_artifacts: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By key: the task that makes the artifact, and its key there."""
    input_parameters: Json = field(default_factory=dict)
    """InputParameterSpecs by name."""
    after: tuple[str, ...] = ()
    """Further tasks that must be done before."""
    condition: str = ""
    """A CEL expression; empty: the task always runs."""
    is_cached: bool = False

    @property
    def output_artifacts(self) -> Json:
        """ArtifactSpecs by key."""
        return dict(self.outputs.get("artifacts", {}))

    @property
    def output_parameters(self) -> Json:
        """ParameterSpecs by name."""
        return dict(self.outputs.get("parameters", {}))


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

    def list_dependencies(self) -> dict[str, set[str]]:
        """By task: those that must be done before.

        Raises:
            DataError: one of them is not a task of the pipeline.
        """
        dependencies = {name: self._find_dependencies(task) for name, task in self.tasks.items()}
        for name, before in dependencies.items():
            if unknown := sorted(before - set(self.tasks)):
                raise DataError(f"task {name} waits for {unknown[0]}, which is not a task of the pipeline")
        return dependencies

    def _find_dependencies(self, task: Task) -> set[str]:
        producers = {producer for producer, _ in task.input_artifacts.values()}
        parameters = task.input_parameters.values()
        sources = (spec["taskOutputParameter"] for spec in parameters if "taskOutputParameter" in spec)
        return {*task.after, *producers, *(self.find_producer(each) for each in sources)}

    def find_producer(self, source: Json) -> str:
        """The task of a TaskOutputParameterSpec, where TFX's compiler writes `<task>_task`."""
        producer = str(source["producerTask"])
        return producer if producer in self.tasks else producer.removesuffix("_task")


def read_compiled(path: Path) -> CompiledPipeline:
    """Read a file that `fer-tfx compile` or another KFP 2 compiler wrote.

    Raises:
        DataError: it can't be read, or is not a compiled pipeline.
        ConfigError: it has parts that can't be replayed.
    """
    try:
        content = path.read_bytes()
        documents = [each for each in yaml.safe_load_all(content) if each]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        first_line = str(error).partition("\n")[0]
        raise DataError(f"{path}: can't be read: {first_line}; write one with `fer-tfx compile`") from None
    document = next(iter(documents), None)
    if not isinstance(document, dict):
        raise DataError(f"{path}: not a compiled pipeline; write one with `fer-tfx compile`")
    spec = document.get("pipelineSpec", document)
    try:
        return CompiledPipeline(
            name=spec["pipelineInfo"]["name"],
            flavor=VERTEX if "pipelineSpec" in document else KUBEFLOW,
            tasks={name: _read_task(path, name, task, spec) for name, task in spec["root"]["dag"]["tasks"].items()},
            declared=spec["root"].get("inputDefinitions", {}).get("parameters", {}),
            given=document.get("runtimeConfig", {}).get("parameterValues", {}),
            content=content,
            documents=documents,
        )
    except (KeyError, TypeError) as error:
        missing = f"{error} is missing"
        raise DataError(f"{path}: not a compiled pipeline: {missing}; write one with `fer-tfx compile`") from None


def _read_task(path: Path, name: str, spec: Json, pipeline: Json) -> Task:
    component = pipeline["components"][spec["componentRef"]["name"]]
    if "dag" in component or "iterator" in spec:
        raise ConfigError(f"{path}: task {name}: nested pipelines and loops can't be replayed")
    inputs = spec.get("inputs", {})
    sources = {key: source["taskOutputArtifact"] for key, source in inputs.get("artifacts", {}).items()}
    return Task(
        name,
        executor=pipeline["deploymentSpec"]["executors"][component["executorLabel"]],
        outputs=component.get("outputDefinitions", {}),
        input_artifacts={key: (each["producerTask"], each["outputArtifactKey"]) for key, each in sources.items()},
        input_parameters=inputs.get("parameters", {}),
        after=tuple(spec.get("dependentTasks", ())),
        condition=spec.get("triggerPolicy", {}).get("condition", ""),
        is_cached=spec.get("cachingOptions", {}).get("enableCache", False),
    )
