"""What TFX's executor has written, made into what the backend takes back."""

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def restore(executor_output: Json, outputs: Json) -> Json:
    """The message with the URIs that the backend gave, and without values that it can't keep.

    Args:
        executor_output: KFP's ExecutorOutput with local paths.
        outputs: `outputs.artifacts` of the ExecutorInput as the backend wrote it.
    """
    artifacts = {
        key: {"artifacts": [_restore_artifact(each, outputs[key]["artifacts"][0]) for each in held["artifacts"]]}
        for key, held in executor_output.get("artifacts", {}).items()
    }
    return {**executor_output, "artifacts": artifacts}


def _restore_artifact(written: Json, given: Json) -> Json:
    # Kubeflow's launcher fails on null: StructValueToMLMDValue, backend/src/v2/metadata/converter.go.
    metadata = {name: value for name, value in written.get("metadata", {}).items() if value is not None}
    return {**written, "uri": given["uri"], "metadata": metadata}


def restore_file(path: Path, outputs: Json) -> None:
    """The same for the file that TFX has written."""
    path.write_text(json.dumps(restore(json.loads(path.read_text("utf-8")), outputs)), "utf-8")
