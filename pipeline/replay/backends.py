"""What Vertex AI and Kubeflow Pipelines pass to a container, and what they make of its output.

Kubeflow's side follows its sources (kubeflow/pipelines, backend/src/v2: driver/container.go provisionOutputs,
driver/resolve.go, component/launcher_v2.go, metadata/client.go). Vertex AI's are closed: its side follows what TFX's
entrypoint and driver expect of it, and its documentation.
"""

import json
import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pipeline.runners.compiled import VERTEX, Json, Task
from pipeline.runners.parameters import substitute, substitute_all

ENTRYPOINT = "pipeline.runners.container_entry"
_BUCKET = "minio://mlpipeline/v2/artifacts"
_SESSION = '{"Provider":"minio","Params":{"fromEnv":"true"}}'


@dataclass(frozen=True)
class Backend(ABC):
    """A way to run the containers of a pipeline, with its artifacts below `root`."""

    root: Path
    pipeline: str
    runs_drivers: ClassVar[bool]
    """Whether `preCacheCheck` is run before a container."""
    output_file: ClassVar[str]
    own_outputs: ClassVar[Json] = {}
    """ArtifactSpecs that it adds to each task, by key."""

    def provision(self, run: int, task: Task) -> Json:
        """`outputs` of the ExecutorInput: places that no execution has used yet."""
        folder = self._name_folder(run, task)
        specs = {**task.output_artifacts, **self.own_outputs}
        declared = {key: self._declare(key, f"{folder}/{key}", spec) for key, spec in specs.items()}
        return {
            "artifacts": {key: {"artifacts": [artifact]} for key, artifact in declared.items()},
            "outputFile": f"{self._find_path(folder)}/{self.output_file}",
        }

    def publish(self, key: str, given: Json, written: Json) -> Json:
        """The artifact to remember, with `path`, its place on this machine.

        `given` is as `provision` wrote it; `written` is what the container wrote about it, and may be empty.
        """
        uri = written.get("uri") or given["uri"]
        metadata = {**given.get("metadata", {}), **written.get("metadata", {})}
        return {**given, "uri": uri, "metadata": metadata, "path": self._find_path(uri)}

    @abstractmethod
    def show(self, artifact: Json) -> Json:
        """An artifact of an earlier task, as in `inputs` of the ExecutorInput."""

    @abstractmethod
    def write_command(self, container: Json, executor_input: Json) -> list[str]:
        """Command and arguments of a container, with placeholders filled in."""

    @staticmethod
    def _add_options(words: list[str], *options: str) -> list[str]:
        """To our own entrypoint: no task is tried again."""
        return [*options, "--retries=0"] if ENTRYPOINT in words else []

    @abstractmethod
    def _name_folder(self, run: int, task: Task) -> str:
        """A new URI for the outputs of a task."""

    @abstractmethod
    def _declare(self, key: str, uri: str, spec: Json) -> Json:
        """An output that is still to be made."""

    @abstractmethod
    def _find_path(self, uri: str) -> str:
        """The place of a URI on this machine."""


def make_backend(flavor: str, root: Path, pipeline: str) -> Backend:
    """The backend of that name, with its artifacts below `root`."""
    return Vertex(root, pipeline) if flavor == VERTEX else Kubeflow(root, pipeline)


class Vertex(Backend):
    """Names artifacts by their resource, and gives their types."""

    runs_drivers = True
    output_file = "executor_output.json"

    def show(self, artifact: Json) -> Json:
        return {name: value for name, value in artifact.items() if name != "path"}

    def write_command(self, container: Json, executor_input: Json) -> list[str]:
        filled = substitute_all(executor_input["inputs"]["parameterValues"])
        inputs = {**executor_input["inputs"], "parameterValues": filled}
        text = json.dumps({**executor_input, "inputs": inputs})
        words = [*container.get("command", []), *container.get("args", [])]
        return [substitute(word, filled).replace("{{$}}", text) for word in words] + self._add_options(words)

    def _name_folder(self, run: int, task: Task) -> str:
        return f"{self.root}/artifacts/{run}/{task.name}_{uuid.uuid4().int % 10**16}"

    def _declare(self, key: str, uri: str, spec: Json) -> Json:
        name = f"projects/1/locations/here/metadataStores/default/artifacts/{uuid.uuid4().int % 10**19}"
        return {"name": name, "uri": uri, "type": spec["artifactType"], "metadata": spec.get("metadata", {})}

    def _find_path(self, uri: str) -> str:
        return uri


class Kubeflow(Backend):
    """Names outputs by their key and inputs by a number, leaves types of inputs empty, adds logs, uses minio:// URIs.

    `mounts/minio` below `root` stands for the store and for the launcher's copies of it at /minio in each pod.
    """

    runs_drivers = False
    output_file = "output_metadata.json"
    own_outputs: ClassVar[Json] = {"executor-logs": {"artifactType": {"schemaTitle": "system.Artifact"}}}

    def provision(self, run: int, task: Task) -> Json:
        outputs = super().provision(run, task)
        # The launcher makes the folder that an output goes into.
        Path(outputs["outputFile"]).parent.mkdir(parents=True)
        return outputs

    def publish(self, key: str, given: Json, written: Json) -> Json:
        made = super().publish(key, given, written)
        metadata = {"display_name": key, "store_session_info": _SESSION, **made["metadata"]}
        return {**made, "name": str(uuid.uuid4().int % 2**31), "metadata": metadata}

    def show(self, artifact: Json) -> Json:
        return {name: artifact[name] for name in ("name", "uri", "metadata")} | {"type": {"instanceSchema": ""}}

    def write_command(self, container: Json, executor_input: Json) -> list[str]:
        # The launcher fills in {{$}} first, then placeholders of parameters within the message's text.
        text = json.dumps(executor_input)
        words = [*container.get("command", []), *container.get("args", [])]
        values = executor_input["inputs"]["parameterValues"]
        filled = [substitute(word.replace("{{$}}", text), values) for word in words]
        return filled + self._add_options(words, "--mount_root", f"{self.root}/mounts")

    def _name_folder(self, run: int, task: Task) -> str:
        return f"{_BUCKET}/{self.pipeline}/{run}/{task.name}/{uuid.uuid4()}"

    def _declare(self, key: str, uri: str, spec: Json) -> Json:
        artifact = {"name": key, "uri": uri, "type": spec["artifactType"]}
        return {**artifact, "metadata": spec["metadata"]} if "metadata" in spec else artifact

    def _find_path(self, uri: str) -> str:
        return f"{self.root}/mounts/{uri.replace('://', '/', 1)}"
