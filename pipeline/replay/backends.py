"""What Vertex AI and Kubeflow Pipelines hand to a container, and what they make of what it gives back.

Kubeflow's side was read from its sources (kubeflow/pipelines, backend/src/v2: driver/container.go provisionOutputs,
driver/resolve.go, component/launcher_v2.go, metadata/client.go). Vertex AI's are closed: its side is what TFX's
entrypoint and driver expect of it, and its documentation.
"""

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pipeline.replay.compiled import VERTEX, Json, Task
from pipeline.runners.container.placeholders import substitute, substitute_all

_ENTRYPOINT = "pipeline.runners.container_entry"
_BUCKET = "minio://mlpipeline/v2/artifacts"
_SESSION = '{"Provider":"minio","Params":{"fromEnv":"true"}}'


class Backend(Protocol):
    """A way to run the containers of a pipeline."""

    @property
    def runs_drivers(self) -> bool:
        """Whether `preCacheCheck` is run before a container."""

    @property
    def has_resolvers(self) -> bool:
        """Whether it has a metadata store that answers queries."""

    def provision(self, run: int, task: Task) -> Json:
        """`outputs` of the ExecutorInput: places that no execution has used yet."""

    def show(self, artifact: Json) -> Json:
        """An artifact of an earlier task as it stands in `inputs` of the ExecutorInput."""

    def publish(self, key: str, given: Json, written: Json) -> Json:
        """The artifact to remember, with `path`, where it lies on this machine.

        Args:
            key: of the output.
            given: as `provision` wrote it.
            written: what the container said of it; may be empty.
        """

    def write_command(self, container: Json, executor_input: Json) -> list[str]:
        """Command and arguments of a container, with placeholders filled in."""


def make_backend(flavor: str, root: Path, pipeline: str) -> Backend:
    """The backend of that name, with its artifacts below `root`."""
    return Vertex(root, pipeline) if flavor == VERTEX else Kubeflow(root, pipeline)


def _merge(given: Json, written: Json) -> Json:
    metadata = {**given.get("metadata", {}), **written.get("metadata", {})}
    return {**given, "uri": written.get("uri") or given["uri"], "metadata": metadata}


@dataclass(frozen=True)
class Vertex:
    """Names artifacts by their resource, and tells their types."""

    root: Path
    pipeline: str
    runs_drivers: bool = True
    has_resolvers: bool = True

    def provision(self, run: int, task: Task) -> Json:
        folder = self.root / "artifacts" / str(run) / f"{task.name}_{uuid.uuid4().int % 10**16}"
        outputs = {
            "artifacts": {
                key: {"artifacts": [self._provision(folder / key, spec)]} for key, spec in task.output_artifacts.items()
            },
            "outputFile": str(folder / "executor_output.json"),
        }
        parameters = {name: {"outputFile": str(folder / "parameters" / name)} for name in task.output_parameters}
        return {**outputs, "parameters": parameters} if parameters else outputs

    def _provision(self, path: Path, spec: Json) -> Json:
        store = "projects/1/locations/here/metadataStores/default"
        name = f"{store}/artifacts/{uuid.uuid4().int % 10**19}"
        return {"name": name, "uri": str(path), "type": spec["artifactType"], "metadata": spec.get("metadata", {})}

    def show(self, artifact: Json) -> Json:
        return {name: value for name, value in artifact.items() if name != "path"}

    def publish(self, key: str, given: Json, written: Json) -> Json:
        del key
        merged = _merge(given, written)
        return {**merged, "path": merged["uri"]}

    def write_command(self, container: Json, executor_input: Json) -> list[str]:
        filled = substitute_all(executor_input["inputs"]["parameterValues"])
        inputs = {**executor_input["inputs"], "parameterValues": filled}
        text = json.dumps({**executor_input, "inputs": inputs})
        words = [*container.get("command", []), *container.get("args", [])]
        return [substitute(word, filled).replace("{{$}}", text) for word in words]


@dataclass(frozen=True)
class Kubeflow:
    """Names outputs by their key and inputs by a number, leaves types of inputs empty, adds logs, speaks of minio://.

    The launcher's /minio lies below `mount_root`; it stands for the store as well as for the pods' copies of it.
    """

    root: Path
    pipeline: str
    runs_drivers: bool = False
    has_resolvers: bool = False

    @property
    def mount_root(self) -> Path:
        return self.root / "mounts"

    def provision(self, run: int, task: Task) -> Json:
        folder = f"{_BUCKET}/{self.pipeline}/{run}/{task.name}/{uuid.uuid4()}"
        logs = {"artifactType": {"schemaTitle": "system.Artifact"}}
        outputs = {
            key: {"artifacts": [self._provision(f"{folder}/{key}", key, spec)]}
            for key, spec in {**task.output_artifacts, "executor-logs": logs}.items()
        }
        output_file = self._find_path(folder) / "output_metadata.json"
        # The launcher makes the folder that an output goes into.
        output_file.parent.mkdir(parents=True)
        parameters = {
            name: {"outputFile": str(output_file.parent / "parameters" / name)} for name in task.output_parameters
        }
        return {"artifacts": outputs, "parameters": parameters, "outputFile": str(output_file)}

    def _provision(self, uri: str, key: str, spec: Json) -> Json:
        artifact = {"name": key, "uri": uri, "type": spec["artifactType"]}
        return {**artifact, "metadata": spec["metadata"]} if "metadata" in spec else artifact

    def show(self, artifact: Json) -> Json:
        return {name: artifact[name] for name in ("name", "uri", "metadata")} | {"type": {"instanceSchema": ""}}

    def publish(self, key: str, given: Json, written: Json) -> Json:
        merged = _merge(given, written)
        metadata = {"display_name": key, "store_session_info": _SESSION, **merged["metadata"]}
        name = str(uuid.uuid4().int % 2**31)
        return {**merged, "name": name, "metadata": metadata, "path": str(self._find_path(merged["uri"]))}

    def _find_path(self, uri: str) -> Path:
        return self.mount_root / uri.replace("://", "/", 1)

    def write_command(self, container: Json, executor_input: Json) -> list[str]:
        # The launcher fills in {{$}} first and placeholders of parameters after it, within the message's text.
        text = json.dumps(executor_input)
        values: dict[str, Any] = executor_input["inputs"]["parameterValues"]
        words = [*container.get("command", []), *container.get("args", [])]
        filled = [substitute(word.replace("{{$}}", text), values) for word in words]
        return [*filled, "--mount_root", str(self.mount_root)] if _ENTRYPOINT in words else filled
