"""AtomicPusher: TFX's Pusher, but a server that polls the folder never sees half a model."""

import json
import os
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from absl import logging
from tfx.components.pusher import executor
from tfx.components.pusher.component import Pusher
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.proto import pusher_pb2
from tfx.types import Artifact, BaseChannel, artifact_utils
from tfx.types.standard_artifacts import ModelEvaluation
from tfx.types.standard_component_specs import PusherSpec
from tfx.utils import io_utils, proto_utils

from components.acceptance import DIGEST_PROPERTY, NO_SLOWER_PROPERTY, NO_WORSE_PROPERTY
from components.artifacts import CARD_KEY, Artifacts, Card, Component, declare
from components.bucket_versions import open_versions
from components.metrics.accuracy_change import CHANGE_NAME
from components.metrics.evaluation import read_metrics
from components.model_facts import REFUSAL_PROPERTY, read_serving
from components.remote_files import is_remote, local_copy, read_files
from components.vertex import serve
from configs.library import served_model_of
from configs.load import from_json, to_json
from configs.spec import ServingConfig
from fer_tfx.contract import EXTRA_ASSETS_DIR
from fer_tfx.versions.model_digest import compute_digest
from fer_tfx.versions.versions import Versions
from reporting.model_card import CARD_FILE


class Executor(executor.Executor):  # type: ignore[misc]
    """Copies model and card aside, then pushes: to an endpoint if there is one, then locally in one step, into a bucket
    with the graph's file last.
    """

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties["push_destination"], destination)
        folder = destination.filesystem.base_directory
        config = from_json(ServingConfig, json.loads(exec_properties["custom_config"])["serving"])
        pushed_model = artifact_utils.get_single_instance(output_dict["pushed_model"])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed_model)
            return
        versions = open_versions(folder, served_model_of(config))
        model_dir = self.GetModelPath(input_dict)
        with _readable_for(versions, model_dir) as source:
            refusal = versions.find_refusal(source)
        if refusal:
            logging.info("Not pushed: %s", refusal)
            pushed_model.set_string_custom_property(REFUSAL_PROPERTY, refusal)
            self._MarkNotPushed(pushed_model)
            return
        # All before the push: what fails after it would be tried again.
        card, evaluation, infra_blessing = (
            artifact_utils.get_single_uri(input_dict[key]) for key in (CARD_KEY, "evaluation", "infra_blessing")
        )
        io_utils.copy_dir(model_dir, pushed_model.uri)
        io_utils.copy_file(os.path.join(card, CARD_FILE), os.path.join(pushed_model.uri, EXTRA_ASSETS_DIR, CARD_FILE))
        mark_references(pushed_model, evaluation, infra_blessing)
        digest = compute_digest(read_files(model_dir))
        pushed_model.set_string_custom_property(DIGEST_PROPERTY, digest)
        if config.endpoint.name:
            serve(config, digest, pushed_model.uri, "run")
        with _readable_for(versions, pushed_model.uri) as source:
            version = versions.push(source, time.time())
        removed = versions.forget(config.keep_versions) if config.keep_versions else []
        logging.info("Version %s is in service; removed: %s", version, removed or "none")
        self._MarkPushed(pushed_model, os.path.join(folder, str(version)), str(version))


class AtomicPusher(Component, Pusher):  # type: ignore[misc]
    """Pushes a blessed model with its card, keeps the newest versions and gives the server their labels.

    Outputs:
        pushed_model: as from TFX's Pusher, with the properties of `components.acceptance` that say whether later models
            are compared with this one.
    """

    SPEC_CLASS = declare(PusherSpec, inputs={CARD_KEY: Card, "evaluation": ModelEvaluation})
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(self, *, folder: str, config: ServingConfig, code: str, lifted: int = 0, **inputs: BaseChannel):
        """Push into a folder of versions, path or URI.

        `lifted` is how many versions were brought back after a push had been refused for them: such a refusal then
        misses the cache.
        """
        filesystem = pusher_pb2.PushDestination.Filesystem(base_directory=folder)
        settings = {"serving": to_json(config), "code": code, **({"lifted": str(lifted)} if lifted else {})}
        super().__init__(
            push_destination=pusher_pb2.PushDestination(filesystem=filesystem), custom_config=settings, **inputs
        )


def mark_references(pushed_model: Artifact, evaluation: str, infra_blessing: str) -> None:
    """Note whether later models are compared with this one (`components.acceptance`), from the URIs of its judges."""
    change = read_metrics(evaluation)[()].get(f"{CHANGE_NAME}_diff", 0.0)
    figures = read_serving(infra_blessing)
    is_slower = figures is not None and (figures.latency_ratio or 1.0) > 1.0
    pushed_model.set_int_custom_property(NO_WORSE_PROPERTY, int(change >= 0))
    pushed_model.set_int_custom_property(NO_SLOWER_PROPERTY, int(not is_slower))


def _readable_for(versions: Versions, model_dir: str) -> AbstractContextManager[str]:
    """The folder as these versions can read it: a bucket's from anywhere, a local one from this machine."""
    return nullcontext(model_dir) if is_remote(str(versions.path)) else local_copy(model_dir)
