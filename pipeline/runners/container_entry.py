"""What each container of a compiled pipeline starts: `python -m pipeline.runners.container_entry`.

TFX's own entrypoint expects what Vertex AI passes. Kubeflow's backend differs: it runs no driver before an ExampleGen,
leaves the types of inputs empty, adds an artifact for logs, uses URIs that TensorFlow can't open, and passes an
artifact even where there is none. This adapts the messages and calls TFX's.

It ends with a FerError's exit code, and with the error as the last line on standard error.
"""

import argparse
import gc
import json
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fer_tfx.errors import FerError
from fer_tfx.quiet import hush_libraries
from pipeline.runners.messages import adapt, restore_file, take_driver_output

Json = dict[str, Any]


def main(arguments: Sequence[str]) -> int:
    """Run one component; the exit code is 0, or that of the error: 2 bad input, 3 refused by a gate, 1 else."""
    try:
        run(*_parse(arguments))
    except Exception as error:
        traceback.print_exc()
        sys.stdout.flush()
        if isinstance(error, FerError):
            print(f"fer-tfx: {error}", file=sys.stderr)
            return error.exit_code
        first_line = str(error).strip().partition("\n")[0] or "no message"
        print(f"fer-tfx: {type(error).__name__}: {first_line}", file=sys.stderr)
        return FerError.exit_code
    return 0


def _parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The arguments that TFX's compiler writes, and the rest, which are Beam's."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.runners.container_entry", allow_abbrev=False)
    parser.add_argument("--executor_class_path", required=True, help="dotted path of TFX's executor")
    parser.add_argument("--json_serialized_invocation_args", required=True, help="KFP's ExecutorInput")
    parser.add_argument("--json_serialized_inputs_spec_args", default="{}", help="KFP's ComponentInputsSpec")
    parser.add_argument("--mount_root", type=Path, default=Path("/"), help="above the launcher's /minio, /s3")
    return parser.parse_known_args(list(arguments))


def run(parsed: argparse.Namespace, beam_args: list[str]) -> None:
    """Adapt the input, run the driver if no driver has run, execute, and restore the output for the backend.

    Raises:
        FerError: bad input, or refused by a gate.
    """
    _import_quickly()
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

    from components.artifacts import ABSENT_PROPERTY

    given = json.loads(parsed.json_serialized_invocation_args)
    inputs_spec = json.loads(parsed.json_serialized_inputs_spec_args)
    executor_input = adapt(given, inputs_spec, parsed.mount_root, _is_known_type, ABSENT_PROPERTY)
    _make_output_folders(executor_input)
    _drive_if_needed(parsed, executor_input)
    kubeflow_v2_run_executor.main((_with_message(parsed, executor_input), beam_args))
    output_file = executor_input["outputs"]["outputFile"]
    if "://" not in output_file:
        restore_file(Path(output_file), given["outputs"]["artifacts"])


def _import_quickly() -> None:
    """Import what every executor needs without the garbage collector, which would walk it again and again."""
    gc.disable()
    import tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor  # noqa: F401
    from absl import logging as absl_logging

    gc.enable()
    gc.freeze()
    absl_logging.use_absl_handler()
    logging.getLogger().setLevel(logging.INFO)


def _is_known_type(title: str) -> bool:
    from tfx.orchestration.kubeflow.v2.compiler_utils import TITLE_TO_CLASS_PATH
    from tfx.utils.import_utils import import_class_by_path

    if title in TITLE_TO_CLASS_PATH:
        return True
    try:
        import_class_by_path(title)
    except (ImportError, AttributeError, ValueError):
        return False
    return True


def _make_output_folders(executor_input: Json) -> None:
    """As TFX's other runners do: executors may rely on it."""
    from google.protobuf import json_format
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor
    from tfx.orchestration.kubeflow.v2.container.kubeflow_v2_entrypoint_utils import parse_raw_artifact_dict
    from tfx.orchestration.portable.outputs_utils import make_output_dirs

    message_type = kubeflow_v2_run_executor.pipeline_spec_pb2.ExecutorInput
    message = json_format.ParseDict(executor_input, message_type(), ignore_unknown_fields=True)
    outputs = parse_raw_artifact_dict(message.outputs.artifacts)
    make_output_dirs({key: artifacts for key, artifacts in outputs.items() if "://" not in artifacts[0].uri})


def _drive_if_needed(parsed: argparse.Namespace, executor_input: Json) -> None:
    """Run the driver of an ExampleGen that reads files, unless one has already written their fingerprint."""
    from tfx.dsl.io import fileio
    from tfx.utils import io_utils

    from pipeline.runners import ingestion_driver

    output_file = executor_input["outputs"]["outputFile"]
    inputs = {ingestion_driver.INPUT_BASE, ingestion_driver.INPUT_CONFIG}
    if inputs <= executor_input["inputs"]["parameterValues"].keys() and not fileio.exists(output_file):
        ingestion_driver.main(_with_message(parsed, executor_input))
        take_driver_output(executor_input, json.loads(io_utils.read_string_file(output_file)))


def _with_message(parsed: argparse.Namespace, executor_input: Json) -> argparse.Namespace:
    return argparse.Namespace(**{**vars(parsed), "json_serialized_invocation_args": json.dumps(executor_input)})


if __name__ == "__main__":
    hush_libraries()
    exit_code = main(sys.argv[1:])
    # Native libraries have crashed when an interpreter that ran Beam and TensorFlow shut down, and taking down millions
    # of objects takes seconds.
    sys.stdout.flush()
    sys.stderr.flush()
    logging.shutdown()
    os._exit(exit_code)
