"""Copies a blessed model and its card aside, and puts the copy into service: in a bucket with the graph's file last."""

import json
import os
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from absl import logging
from tfx import types
from tfx.components.pusher import executor
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, path_utils, proto_utils

from components.acceptance import DIGEST_PROPERTY, NO_SLOWER_PROPERTY, NO_WORSE_PROPERTY
from components.artifacts import CARD_KEY
from components.bucket_versions import open_versions
from components.metrics.accuracy_change import CHANGE_NAME
from components.metrics.evaluation import read_metrics
from components.refusals import REFUSAL_PROPERTY
from components.remote_files import is_remote, local_copy, read_files
from configs.library import served_model_of
from configs.load import from_json
from configs.spec import ServingConfig
from fer_tfx.contract import EXTRA_ASSETS_DIR
from fer_tfx.versions.model_digest import compute_digest
from fer_tfx.versions.versions import Versions
from reporting.model_card import CARD_FILE
from reporting.serving_figures import FIGURES_FILE, ServingFigures

CONFIG_FIELD, CODE_FIELD, LIFTED_FIELD = "serving", "code", "lifted"
Artifacts = dict[str, list[types.Artifact]]


class Executor(executor.Executor):  # type: ignore[misc]
    """Pushes into a local folder in one step; into a bucket with the graph's file last, as TFX does."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties[standard_component_specs.PUSH_DESTINATION_KEY], destination)
        folder = destination.filesystem.base_directory
        self._log_startup(input_dict, output_dict, exec_properties)
        settings = json.loads(exec_properties[standard_component_specs.CUSTOM_CONFIG_KEY])
        pushed_model = artifact_utils.get_single_instance(output_dict[standard_component_specs.PUSHED_MODEL_KEY])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed_model)
            return
        config = from_json(ServingConfig, settings[CONFIG_FIELD])
        versions = open_versions(folder, served_model_of(config))
        model_dir = self.GetModelPath(input_dict)
        with _readable_for(versions, model_dir) as source:
            refusal = versions.find_refusal(source)
        if refusal:
            logging.info("Not pushed: %s", refusal)
            pushed_model.set_string_custom_property(REFUSAL_PROPERTY, refusal)
            self._MarkNotPushed(pushed_model)
            return
        model, card, evaluation, infra_blessing = (
            artifact_utils.get_single_uri(input_dict[key])
            for key in ("model", CARD_KEY, "evaluation", "infra_blessing")
        )
        # Before the push: what fails after it would be tried again.
        archive(model_dir, card, pushed_model.uri)
        mark_references(pushed_model, evaluation, infra_blessing)
        digest = compute_digest(read_files(path_utils.serving_model_path(model)))
        pushed_model.set_string_custom_property(DIGEST_PROPERTY, digest)
        version = push(pushed_model.uri, versions, config.keep_versions)
        self._MarkPushed(pushed_model, os.path.join(folder, str(version)), str(version))


def mark_references(pushed_model: types.Artifact, evaluation: str, infra_blessing: str) -> None:
    """Note whether later models are compared with this one: see `components.acceptance`.

    Args:
        pushed_model: to be marked.
        evaluation: URI of the evaluation, with the change of accuracy against the anchor if there is one.
        infra_blessing: URI of ServingCheck's blessing, with the latencies.
    """
    change = read_metrics(evaluation)[()].get(f"{CHANGE_NAME}_diff", 0.0)
    figures = ServingFigures.from_json(io_utils.read_string_file(os.path.join(infra_blessing, FIGURES_FILE)))
    pushed_model.set_int_custom_property(NO_WORSE_PROPERTY, int(change >= 0))
    pushed_model.set_int_custom_property(NO_SLOWER_PROPERTY, int((figures.latency_ratio or 1.0) <= 1.0))


def archive(model_dir: str, card: str, folder: str) -> None:
    """Copy the SavedModel in `model_dir` to `folder`, and the card of the artifact `card` into its assets.extra."""
    io_utils.copy_dir(model_dir, folder)
    io_utils.copy_file(os.path.join(card, CARD_FILE), os.path.join(folder, EXTRA_ASSETS_DIR, CARD_FILE))


def push(model_dir: str, versions: Versions, keep: int) -> int:
    """Put the SavedModel in `model_dir` into service and forget all but `keep` versions (0: none); the new version."""
    with _readable_for(versions, model_dir) as source:
        version = versions.push(source, time.time())
    removed = versions.forget(keep) if keep else []
    logging.info("Version %s is in service; removed: %s", version, removed or "none")
    return version


def _readable_for(versions: Versions, model_dir: str) -> AbstractContextManager[str]:
    """The folder as these versions can read it: a bucket's from anywhere, a local one from this machine."""
    return nullcontext(model_dir) if is_remote(str(versions.path)) else local_copy(model_dir)
