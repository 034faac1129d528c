"""Google's hosts on this machine, and programs that run in their network."""

import ctypes
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forked import run_fork
from vertex_double import ENDPOINT, VertexServiceDouble

from pipeline.replay.backends import Vertex
from pipeline.replay.execution import resolve_task
from pipeline.runners.compiled import CompiledPipeline
from pipeline.runners.submission import SubmitRequest

HERE = Path(__file__).parent
TESTS = HERE.parents[1]
IMAGE, ACCOUNT = "europe-docker.test/faces/fer-tfx:1.0.0", "jobs@faces.iam.test"
ENDPOINT_SETTINGS = {"serving.endpoint.name": ENDPOINT, "serving.endpoint.image": "europe-docker.test/tf2-cpu:1"}


@dataclass(frozen=True)
class Loopback:
    """`server.py` in its namespaces, with an empty bucket."""

    server: "subprocess.Popen[str]"
    folder: Path

    def tell(self, **command: Any) -> Any:
        """The answer to a command of `server.py`."""
        assert self.server.stdin
        assert self.server.stdout
        self.server.stdin.write(json.dumps(command) + "\n")
        self.server.stdin.flush()
        return json.loads(self.server.stdout.readline())

    def command(self, module: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
        """Run a module in the server's namespaces."""
        settings = json.loads((self.folder / "settings.json").read_text())
        environment = {**os.environ, **settings, "PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"}
        return run_fork(str(HERE / "inside.py"), [self.server.pid, module, *arguments], self.folder, environment)

    @contextmanager
    def vertex(self) -> Iterator[VertexServiceDouble]:
        """A double of Vertex AI that listens in the server's network until the context ends."""
        double = VertexServiceDouble()
        with ExitStack() as stack:

            def listen() -> None:
                with Path(f"/proc/{self.server.pid}/ns/net").open() as network:
                    assert ctypes.CDLL(None).setns(network.fileno(), 0) == 0
                stack.enter_context(double.served("127.0.0.2:443", self.folder))

            # A network namespace belongs to a thread, so this process keeps its own.
            thread = threading.Thread(target=listen)
            thread.start()
            thread.join()
            yield double


@dataclass(frozen=True)
class Containers:
    """The containers of a file compiled for Vertex AI, started as Vertex AI would."""

    loopback: Loopback
    path: Path
    pipeline: CompiledPipeline
    request: SubmitRequest

    def start(self, name: str, **inputs: dict[str, Any]) -> "subprocess.CompletedProcess[str]":
        """Start one, with inputs from `make_artifact`."""
        task, backend = self.pipeline.tasks[name], Vertex(locate("artifacts"), "fer")  # type: ignore[arg-type]
        given = {"parameterValues": resolve_task(task, self.request.parameters), "artifacts": inputs}
        message = {"inputs": given, "outputs": backend.provision(1, task)}
        python, option, *words = backend.write_command(task.executor["container"], message)
        assert (python, option) == ("python", "-m")
        return self.loopback.command(*words)


def make_artifact(number: int, key: str, kind: str, **metadata: object) -> dict[str, Any]:
    """An input, as Vertex AI describes it to a container."""
    artifact = {"name": str(number), "uri": locate(f"made/{key}"), "metadata": metadata, "type": {"schemaTitle": kind}}
    return {"artifacts": [artifact]}


def locate(name: str) -> str:
    """The address of an object in the bucket."""
    return f"gs://fer-bucket/{name}"
