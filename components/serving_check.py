"""ServingCheck: what InfraValidator does with a container engine, without one."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import tensorflow as tf
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import Artifact, artifact_utils
from tfx.types.standard_artifacts import Examples, InfraBlessing, Model
from tfx.utils import io_utils, path_utils

from components.artifacts import Artifacts, Component, declare
from components.remote_files import is_remote, local_copy
from components.serving_probe import read_examples
from fer_tfx.contract import EVAL_SPLIT
from reporting.serving_figures import FIGURES_FILE, ServingFigures

TIMEOUT_S = 600
_PROBE = "components.serving_probe"


class UnservableError(Exception):
    """The probe refused the model; the text says why."""


class Executor(BaseExecutor):  # type: ignore[misc]
    """Blesses or refuses; the component fails for neither."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        split = artifact_utils.get_split_uri(input_dict["examples"], EVAL_SPLIT)
        artifacts = [*input_dict["model"], *input_dict.get("baseline_model", [])]
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        try:
            with ExitStack() as copies:
                model, *baseline = [
                    copies.enter_context(local_copy(path_utils.serving_model_path(each.uri))) for each in artifacts
                ]
                figures = probe_in_fresh_process(model, copies.enter_context(_local_examples(split)), *baseline)
        except UnservableError as error:
            _bless(blessing, str(error))
        else:
            io_utils.write_string_file(os.path.join(blessing.uri, FIGURES_FILE), figures.to_json())
            excess = figures.find_excess(exec_properties["max_model_mb"], exec_properties["max_latency_ratio"])
            _bless(blessing, "\n".join(excess))


class ServingCheck(Component):
    """Blesses a model that can be loaded, whose signatures and light form agree on eval rows, and that is not too large
    or too slow.

    `baseline_model` is the latency reference; without one, or if it resolves to nothing, latency isn't compared.

    Outputs:
        blessing: an InfraBlessing as Pusher expects it; its file says why a model was refused, a line for each missed
            bound. `serving.json` beside it holds size and latency of a model that can be served.
    """

    SPEC_CLASS = declare(
        parameters={"max_model_mb": float, "max_latency_ratio": float, "code": str},
        inputs={"model": Model, "examples": Examples},
        optional_inputs={"baseline_model": Model},
        outputs={"blessing": InfraBlessing},
    )
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)


@contextmanager
def _local_examples(split_uri: str) -> Iterator[str]:
    """The split itself if it is local, else a folder with the examples that the probe uses."""
    if not is_remote(split_uri):
        yield split_uri
        return
    with tempfile.TemporaryDirectory() as folder:
        with tf.io.TFRecordWriter(os.path.join(folder, "examples.gz"), "GZIP") as writer:
            for example in read_examples(split_uri):
                writer.write(example)
        yield folder


def _bless(blessing: Artifact, refusal: str) -> None:
    """Bless, or refuse with a reason, under the names that Pusher and TFX's own InfraValidator use."""
    blessing.set_int_custom_property("blessed", int(not refusal))
    path = os.path.join(blessing.uri, "INFRA_NOT_BLESSED" if refusal else "INFRA_BLESSED")
    io_utils.write_string_file(path, refusal)


def probe_in_fresh_process(*folders: str) -> ServingFigures:
    """Size and latency, from the arguments of `components.serving_probe`; raises UnservableError, which says why."""
    # By this process's path and not by `-m`, which would put whatever lies in the current folder first.
    start = f"import sys; sys.path[:] = {sys.path!r}; import runpy; runpy.run_module({_PROBE!r}, run_name='__main__')"
    command = [sys.executable, "-c", start, *folders]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise UnservableError(f"gave no answer within {TIMEOUT_S} s") from error
    if done.returncode:
        last_lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise UnservableError(last_lines[-1] if last_lines else f"the probe ended with exit code {done.returncode}")
    return ServingFigures.from_json(done.stdout.splitlines()[-1])
