"""What each container of a compiled pipeline starts: `python -m pipeline.runners.container_entry`.

TFX's own entrypoint expects what Vertex AI passes. Kubeflow's backend runs no driver before an ExampleGen, leaves the
types of inputs empty (kfp's local runner: general), adds an artifact for logs, uses URIs that TensorFlow can't open,
and passes an artifact even where there is none. This adapts the messages, KFP's ExecutorInput and ExecutorOutput in
JSON (kubeflow/pipelines, api/v2alpha1/pipeline_spec.proto), calls TFX's, and ends with the error as the last line on
standard error. What failed for another reason than a refusal is tried again, each time in a child process.
"""

import argparse
import copy
import gc
import json
import logging
import re
import sys
import traceback
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

from fer_tfx.commands.ending import print_error, take_signals
from fer_tfx.errors import ConfigError, DataError, FerError, GateError
from fer_tfx.quiet import hush_libraries
from pipeline.failures import last_words
from pipeline.runners import ingestion_driver
from pipeline.runners.attempts import keep_trying
from pipeline.runners.compiled import Json, find_title
from pipeline.runners.ingestion_driver import INPUT_BASE, INPUT_CONFIG, with_message
from pipeline.runners.parameters import substitute, substitute_all
from pipeline.supervisor import ending_with_workers

# TensorFlow can't open these, but can gs://. Kubeflow's launcher copies inputs to `/minio/<bucket>/<key>` and uploads
# outputs from there (kubeflow/pipelines, backend/src/v2/component/launcher_v2.go, LocalPathForURI).
_MOUNTED = ("minio", "s3")
# KFP's own types. Its local runner (kfp/local) gives an input of any type that it doesn't know as system.Artifact.
_GENERAL = "system."
_REFUSALS = {each.__name__: each for each in (ConfigError, DataError, GateError)}
_ENDED = 143  # as a shell has it after SIGTERM
_IN_PROCESSES = "multi_processing"  # of --direct_running_mode


def main(parsed: argparse.Namespace, beam_args: list[str], owner: str) -> int:
    """Run one component; the exit code is 0, or that of the error: 2 bad input, 3 refused by a gate, 1 else."""
    take_signals()
    watch = ending_with_workers if any(_IN_PROCESSES in each for each in beam_args) else nullcontext
    try:
        with watch():
            run(parsed, beam_args, owner)
    except KeyboardInterrupt:
        print("fer-tfx: interrupted", file=sys.stderr)
        return _ENDED
    except Exception as error:
        traceback.print_exc()
        sys.stdout.flush()
        if refusal := error if isinstance(error, FerError) else _find_refusal(error):
            print_error(str(refusal))
            return refusal.exit_code
        print_error(f"{type(error).__name__}: {last_words(error)}")
        return FerError.exit_code
    return 0


def _find_refusal(error: Exception) -> FerError | None:
    """What one of Beam's workers refused elsewhere, of which the words alone come back."""
    found = re.findall(rf"fer_tfx\.errors\.({'|'.join(_REFUSALS)}): (.+)", str(error))
    return _REFUSALS[found[-1][0]](found[-1][1]) if found else None


def _parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The arguments that TFX's compiler writes, and the rest, which are Beam's."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.runners.container_entry", allow_abbrev=False)
    parser.add_argument("--executor_class_path", required=True, help="dotted path of TFX's executor")
    parser.add_argument("--json_serialized_invocation_args", required=True, help="KFP's ExecutorInput")
    parser.add_argument("--json_serialized_inputs_spec_args", default="{}", help="KFP's ComponentInputsSpec")
    parser.add_argument("--mount_root", type=Path, default=Path("/"), help="above the launcher's /minio, /s3")
    parser.add_argument("--retries", type=int, default=0, help="how often to try again after a failure")
    parser.add_argument("--retry_wait_s", type=int, default=60, help="before the first of them; it doubles")
    parser.add_argument("--needs_gpu", action="store_true", help="refuse to train without one")
    return parser.parse_known_args(list(arguments))


def run(parsed: argparse.Namespace, beam_args: list[str], owner: str) -> None:
    """Adapt the input, run an ExampleGen's driver if none has run, execute, and restore the output for the backend.

    `owner` stands for this container where trainings wait for each other. Raises FerError: bad input, or refused.
    """
    _import_quickly()
    from tfx.dsl.io import fileio
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor
    from tfx.utils import io_utils

    from components.artifacts import ABSENT_PROPERTY

    given = json.loads(parsed.json_serialized_invocation_args)
    inputs_spec = json.loads(parsed.json_serialized_inputs_spec_args)
    executor_input = adapt(given, inputs_spec, parsed.mount_root, _is_known_type, ABSENT_PROPERTY)
    _make_output_folders(executor_input)
    values = executor_input["inputs"]["parameterValues"]
    output_file = executor_input["outputs"]["outputFile"]
    if {INPUT_BASE, INPUT_CONFIG} <= values.keys():
        if fileio.exists(output_file):  # by a driver of the back end's, or of an earlier attempt
            said = json.loads(io_utils.read_string_file(output_file))
        else:
            said = ingestion_driver.main(with_message(parsed, executor_input))
        take_driver_output(executor_input, said)
    beam_args = [substitute(each, values) for each in beam_args]
    with _prepare_training(parsed, values, owner):
        kubeflow_v2_run_executor.main((with_message(parsed, executor_input), beam_args))
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


def _prepare_training(parsed: argparse.Namespace, values: Json, owner: str) -> AbstractContextManager[None]:
    """Around a training or search that happens in this container; around anything else, nothing."""
    from pipeline.runners import trainings

    settings = json.loads(values.get("custom_config") or "{}")
    if parsed.needs_gpu:
        trainings.require_gpu()
    if "checkpoint_root" not in settings or "ai_platform_training_args" in settings:
        return nullcontext()
    return trainings.only_training_in(settings["checkpoint_root"], owner)


def _make_output_folders(executor_input: Json) -> None:
    """As TFX's other runners do: executors may rely on it, and on their emptiness after an attempt that failed."""
    from google.protobuf import json_format
    from tfx.dsl.io import fileio
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor
    from tfx.orchestration.kubeflow.v2.container.kubeflow_v2_entrypoint_utils import parse_raw_artifact_dict
    from tfx.orchestration.portable.outputs_utils import make_output_dirs

    message_type = kubeflow_v2_run_executor.pipeline_spec_pb2.ExecutorInput
    message = json_format.ParseDict(executor_input, message_type(), ignore_unknown_fields=True)
    outputs = parse_raw_artifact_dict(message.outputs.artifacts)
    for (artifact,) in outputs.values():
        if fileio.exists(artifact.uri):
            fileio.rmtree(artifact.uri)
    make_output_dirs({key: artifacts for key, artifacts in outputs.items() if "://" not in artifacts[0].uri})


def adapt(
    executor_input: Json, inputs_spec: Json, mount_root: Path, is_known: Callable[[str], bool], absent_property: str
) -> Json:
    """A copy of the backend's ExecutorInput that TFX's executors can take.

    `inputs_spec` is the ComponentInputsSpec, `mount_root` above the launcher's /minio and /s3. `is_known` says whether
    an artifact type can be imported; `absent_property` marks what stands for no artifact.
    """
    adapted = copy.deepcopy(executor_input)
    inputs = adapted.setdefault("inputs", {})
    inputs["parameterValues"] = substitute_all(inputs.get("parameterValues", {}))
    artifacts = inputs.setdefault("artifacts", {})
    _settle_inputs(artifacts, inputs_spec, absent_property)
    for each in (artifacts, adapted.setdefault("outputs", {}).setdefault("artifacts", {})):
        _drop_unknown(each, is_known)
        for held in each.values():
            for artifact in held.get("artifacts", []):
                artifact["uri"] = to_local(artifact.get("uri", ""), mount_root)
    return adapted


def _settle_inputs(artifacts: Json, inputs_spec: Json, absent_property: str) -> None:
    """Drop what stands for none, and give the declared type to what has none, or a general one."""
    for key, held in list(artifacts.items()):
        held["artifacts"] = [
            each for each in held.get("artifacts", []) if not each.get("metadata", {}).get(absent_property)
        ]
        declared = inputs_spec.get("artifacts", {}).get(key, {}).get("artifactType")
        for artifact in held["artifacts"]:
            title = find_title(artifact.get("type", {}))
            if declared and (not title or title.startswith(_GENERAL)):
                artifact["type"] = declared
        if not held["artifacts"]:
            del artifacts[key]


def _drop_unknown(artifacts: Json, is_known: Callable[[str], bool]) -> None:
    """Drop what the backend adds itself, such as `executor-logs` of type system.Artifact."""
    for key, held in list(artifacts.items()):
        titles = {find_title(artifact.get("type", {})) for artifact in held.get("artifacts", [])}
        unknown = sorted(title for title in titles if not is_known(title))
        if unknown:
            logging.getLogger(__name__).info("Ignoring %s: unknown artifact type %s", key, unknown[0])
            del artifacts[key]


def to_local(uri: str, mount_root: Path) -> str:
    """The launcher's local path of a URI; the URI itself if the launcher has no folder for its store."""
    scheme, separator, key = uri.partition("://")
    folder = mount_root / scheme
    return str(folder / key) if separator and scheme in _MOUNTED and folder.is_dir() else uri


def take_driver_output(executor_input: Json, driver_output: Json) -> None:
    """Add the metadata that a driver wrote for the outputs, such as the fingerprint of the input files, in place.

    TFX's executor starts from the metadata of its outputs and overwrites the driver's message with its own.
    """
    for key, held in driver_output.get("artifacts", {}).items():
        artifacts = executor_input["outputs"]["artifacts"][key]["artifacts"]
        for artifact, said in zip(artifacts, held["artifacts"], strict=True):
            artifact["metadata"] = {**artifact.get("metadata", {}), **said.get("metadata", {})}


def restore_file(path: Path, outputs: Json) -> None:
    """In the ExecutorOutput that TFX wrote, restore the backend's URIs from the original `outputs.artifacts`, and drop
    values that the backend can't keep.
    """
    output = json.loads(path.read_text("utf-8"))
    for key, held in output.get("artifacts", {}).items():
        for artifact in held["artifacts"]:
            # Kubeflow's launcher fails on null: StructValueToMLMDValue, backend/src/v2/metadata/converter.go.
            metadata = {name: value for name, value in artifact.get("metadata", {}).items() if value is not None}
            artifact.update(uri=outputs[key]["artifacts"][0]["uri"], metadata=metadata)
    path.write_text(json.dumps(output), "utf-8")


if __name__ == "__main__":
    hush_libraries()
    parsed, beam_args = _parse(sys.argv[1:])
    # The children leave without Python's shutdown, in which native libraries of Beam and TensorFlow may crash.
    sys.exit(keep_trying(partial(main, parsed, beam_args, uuid.uuid4().hex), parsed.retries, parsed.retry_wait_s))
