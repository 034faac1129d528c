"""Starts the probe in a fresh process and writes the blessing."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.local_copy import is_remote, local_copy
from components.serving_check.probe import read_examples
from schema.contract import EVAL_SPLIT

TIMEOUT_S = 600
Artifacts = dict[str, list[types.Artifact]]


class Executor(base_executor.BaseExecutor):  # type: ignore[misc]
    """Blesses or refuses; a refusal is an answer, not a failure of the component."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
        model = artifact_utils.get_single_instance(input_dict["model"])
        split = artifact_utils.get_split_uri(input_dict["examples"], EVAL_SPLIT)
        with local_copy(path_utils.serving_model_path(model.uri)) as model_dir, _local_examples(split) as examples_dir:
            refusal = probe_in_fresh_process(model_dir, examples_dir)
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        # The names that Pusher and TFX's own InfraValidator use.
        blessing.set_int_custom_property("blessed", 0 if refusal else 1)
        file_name = "INFRA_NOT_BLESSED" if refusal else "INFRA_BLESSED"
        io_utils.write_string_file(os.path.join(blessing.uri, file_name), refusal)


@contextmanager
def _local_examples(split_uri: str) -> Iterator[str]:
    """The split itself if it is local, else a folder with as many of its examples as the probe asks with."""
    if not is_remote(split_uri):
        yield split_uri
        return
    with tempfile.TemporaryDirectory() as folder:
        with tf.io.TFRecordWriter(os.path.join(folder, "examples.gz"), "GZIP") as writer:
            for example in read_examples(split_uri):
                writer.write(example)
        yield folder


def probe_in_fresh_process(model_dir: str, examples_dir: str) -> str:
    """Why the model can't be served, or an empty string.

    A process of its own has none of the ops, Python objects and variables that this one has registered.
    """
    command = [sys.executable, "-m", "components.serving_check.probe", model_dir, examples_dir]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"gave no answer within {TIMEOUT_S} s"
    if done.returncode == 0:
        return ""
    last_lines = [line for line in done.stderr.splitlines() if line.strip()]
    return last_lines[-1] if last_lines else f"the probe ended with exit code {done.returncode}"
