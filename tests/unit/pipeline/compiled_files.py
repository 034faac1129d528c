"""Small compiled pipelines in the two forms that backends take."""

import json
from pathlib import Path
from typing import Any

import yaml

SPEC: dict[str, Any] = {
    "pipelineInfo": {"name": "fer"},
    "schemaVersion": "2.1.0",
    "sdkVersion": "tfx-1.16.0",
    "defaultPipelineRoot": "gs://bucket/runs",
    "deploymentSpec": {"executors": {"one_executor": {"container": {"image": "registry/fer-tfx:1.0.0"}}}},
    "components": {"one": {"executorLabel": "one_executor"}},
    "root": {
        "inputDefinitions": {
            "parameters": {
                "data_path": {"parameterType": "STRING"},
                "trainer_epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 10},
            }
        },
        "dag": {"tasks": {"one": {"taskInfo": {"name": "one"}, "componentRef": {"name": "one"}}}},
    },
}
PLATFORM = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {}}}}}


def write_vertex(folder: Path, root: str = "gs://bucket/runs") -> Path:
    """A PipelineJob in JSON."""
    path = folder / "fer.json"
    spec = {key: value for key, value in SPEC.items() if key != "defaultPipelineRoot"}
    job = {
        "displayName": "fer",
        "labels": {"code": "0abc"},
        "pipelineSpec": spec,
        "runtimeConfig": {"gcsOutputDirectory": root, "parameterValues": {"trainer_epochs": 7}},
    }
    path.write_text(json.dumps(job))
    return path


def write_kubeflow(folder: Path, *, has_platform: bool = True) -> Path:
    """A PipelineSpec in YAML, with or without its PlatformSpec."""
    path = folder / "fer.yaml"
    path.write_text(yaml.safe_dump_all([SPEC, PLATFORM] if has_platform else [SPEC]))
    return path
