"""Starts the probe in a fresh process and writes the blessing."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import tensorflow as tf
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.remote_files import is_remote, local_copy
from components.serving_check.probe import read_examples
from fer_tfx.contract import EVAL_SPLIT
from reporting.serving_figures import FIGURES_FILE, ServingFigures

TIMEOUT_S = 600
Artifacts = dict[str, list[types.Artifact]]


class UnservableError(Exception):
    """The probe refused the model; the text says why."""


class Executor(base_executor.BaseExecutor):  # type: ignore[misc]
    """Blesses or refuses; the component fails for neither."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
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


def _bless(blessing: types.Artifact, refusal: str) -> None:
    """Bless, or refuse with a reason, under the names that Pusher and TFX's own InfraValidator use."""
    blessing.set_int_custom_property("blessed", 0 if refusal else 1)
    file_name = "INFRA_NOT_BLESSED" if refusal else "INFRA_BLESSED"
    io_utils.write_string_file(os.path.join(blessing.uri, file_name), refusal)


def probe_in_fresh_process(model_dir: str, examples_dir: str, baseline_dir: str = "") -> ServingFigures:
    """Size and latency of a model that can be served.

    The process has none of the ops, Python objects and variables that are registered in this one, and no Keras.

    Raises:
        UnservableError: the model can't be served; the message says why.
    """
    arguments = [model_dir, examples_dir, *([baseline_dir] if baseline_dir else [])]
    command = [sys.executable, "-m", "components.serving_check.probe_process", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise UnservableError(f"gave no answer within {TIMEOUT_S} s") from error
    if done.returncode:
        last_lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise UnservableError(last_lines[-1] if last_lines else f"the probe ended with exit code {done.returncode}")
    return ServingFigures.from_json(done.stdout.splitlines()[-1])
