"""A compiled pipeline of small scripts, where the real one has TFX's executors."""

import json
from pathlib import Path
from typing import Any

import yaml

# Notes what it was given, and copies its parameter `text` into the artifact.
SCRIPT = """
import json, sys, time
from pathlib import Path
given = json.loads(sys.argv[1])
output_file = Path(given["outputs"]["outputFile"])
root = Path(str(output_file).partition("/minio/")[0])
values = given["inputs"]["parameterValues"]
with open(values["notes"], "a") as notes:
    notes.write(json.dumps({"task": values["name"], "given": given}) + "\\n")
while values.get("hold") and Path(values["hold"]).exists():
    time.sleep(0.05)
if values.get("exit_code"):
    print("Traceback: long", file=sys.stderr)
    print(f"fer-tfx: {values['text']}", file=sys.stderr)
    sys.exit(int(values["exit_code"]))
(made,) = given["outputs"]["artifacts"]["made"]["artifacts"]
path = root / made["uri"].replace("minio://", "minio/")
path.mkdir(parents=True)
(path / "text").write_text(values["text"])
(path / "report.json").write_text(json.dumps({"verdict": {"refusals": json.loads(values.get("refusals", "[]"))}}))
said = {"made": {"artifacts": [{"uri": made["uri"], "metadata": {"length": len(values["text"])}}]}}
output_file.parent.mkdir(parents=True, exist_ok=True)
output_file.write_text(json.dumps({"artifacts": said}))
"""

# Says of the artifact what a driver would find out, and of the parameters.
DRIVER = """
import json, sys
from pathlib import Path
given = json.loads(sys.argv[1])
output_file = Path(given["outputs"]["outputFile"])
output_file.parent.mkdir(parents=True)
said = {"made": {"artifacts": [{"metadata": {"print": "p1"}}]}}
print_file = Path(given["inputs"]["parameterValues"]["notes"]).with_name("print")
output_file.write_text(json.dumps({"artifacts": said, "parameterValues": {"print": print_file.read_text()}}))
"""


class PipelineDouble:
    """Tasks are added in order; each notes its calls."""

    def __init__(self, folder: Path):
        self.path = folder / "pipeline.yaml"
        self._notes = folder / "notes.jsonl"
        self._tasks: dict[str, Any] = {}
        self._components: dict[str, Any] = {}
        self._executors: dict[str, Any] = {}

    def add(
        self, name: str, *after: str, title: str = "tfx.Model", is_cached: bool = True, driver: bool = False,
        **values: Any,
    ) -> "PipelineDouble":  # fmt: skip
        """`after` are tasks whose artifact it takes; `values` are its parameters, a dict being a whole spec."""
        given = {"name": name, "notes": str(self._notes), "text": "{{$.inputs.parameters['word']}}", **values}
        parameters = {key: value if isinstance(value, dict) else _constant(value) for key, value in given.items()}
        source = {each: {"taskOutputArtifact": {"producerTask": each, "outputArtifactKey": "made"}} for each in after}
        task: dict[str, Any] = {
            "componentRef": {"name": name}, "taskInfo": {"name": name}, "cachingOptions": {"enableCache": is_cached},
            "inputs": {"parameters": {"word": {"componentInputParameter": "word"}, **parameters}, "artifacts": source},
        }  # fmt: skip
        container: dict[str, Any] = {"image": "none", "command": ["python", "-c", SCRIPT], "args": ["{{$}}"]}
        if driver:
            container["lifecycle"] = {"preCacheCheck": {"command": ["python", "-c", DRIVER], "args": ["{{$}}"]}}
        self._tasks[name] = task
        made = {"artifactType": {"instanceSchema": f"title: {title}\n"}}
        self._components[name] = {
            "executorLabel": f"{name}_executor",
            "outputDefinitions": {"artifacts": {"made": made}},
        }
        self._executors[f"{name}_executor"] = {"container": container}
        return self

    def write(self) -> Path:
        """The file as it is for Kubeflow."""
        word = {"parameterType": "STRING", "defaultValue": "sound"}
        spec = {
            "pipelineInfo": {"name": "double"}, "components": self._components,
            "deploymentSpec": {"executors": self._executors},
            "root": {"dag": {"tasks": self._tasks}, "inputDefinitions": {"parameters": {"word": word}}},
        }  # fmt: skip
        self.path.write_text(yaml.safe_dump_all([spec, {"platforms": {}}]))
        return self.path

    def take_notes(self) -> list[dict[str, Any]]:
        """What the tasks were given since the last call, in the order of their starts."""
        notes = [json.loads(line) for line in self._notes.read_text().splitlines()] if self._notes.exists() else []
        self._notes.unlink(missing_ok=True)
        return notes


def _constant(value: Any) -> dict[str, Any]:
    return {"runtimeValue": {"constant": value}}
