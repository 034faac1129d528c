"""What TFX hands to a training or a search, in our own terms: the one file of `models` that knows TFX."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

import tensorflow_transform as tft
from absl import logging
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.components.tuner.component import TunerFnResult

from configs.convert import overlay
from configs.load import from_json, to_json
from configs.spec import ModelConfig, Recipe, TrainerConfig
from configs.tuning import read_values
from fer_tfx.errors import ConfigError
from models.computation import Computation
from models.dataset import Fold
from models.transform_graph import TransformGraph

_JOB = "ai_platform_"  # prefix of settings for TFX's extension for Vertex Training: machine and image


class Task:
    """The training or search that TFX's Trainer or Tuner asks for; places are paths or bucket URIs."""

    def __init__(self, fn_args: FnArgs) -> None:
        # JSON of each section, and fingerprints of the code.
        self.settings = read_settings(fn_args.custom_config, fn_args.hyperparameters)
        self.recipe = read_recipe(self.settings)
        self.class_names: tuple[str, ...] = tuple(json.loads(self.settings["classes"]))
        self.train_patterns: list[str] = fn_args.train_files  # one for each span
        # Of the newest span alone, on which the Evaluator judges the model.
        self.eval_patterns: list[str] = fn_args.eval_files[-1:]
        # What a teacher must not see.
        self.unseen = Fold(*json.loads(self.settings["unseen"])) if "unseen" in self.settings else None
        # Artifacts of an ensemble's other networks: this run's, then those of earlier runs with their fingerprints.
        self.members: list[str] = json.loads(self.settings.get("members", "[]"))
        self.members += [model for model, _ in json.loads(self.settings.get("earlier_models", "[]"))]
        self.base_model: str | None = fn_args.base_model  # SavedModel whose weights a warm start takes over
        self.model_dir: str = fn_args.serving_model_dir
        self.log_dir: str = fn_args.model_run_dir
        self.scratch_dir: str = fn_args.working_dir
        self._transform_dir = fn_args.transform_graph_path

    def load_transform(self) -> TransformGraph:
        """The Transform graph. TensorFlow begins to work."""
        return TransformGraph(tft.TFTransformOutput(self._transform_dir))


def wrap_search(search: Any) -> TunerFnResult:
    return TunerFnResult(tuner=search, fit_kwargs={})


def read_recipe(settings: dict[str, str]) -> Recipe:
    """`model` and `trainer` of a component's settings."""
    return Recipe(from_json(ModelConfig, settings["model"]), from_json(TrainerConfig, settings["trainer"]))


def read_settings(settings: dict[str, str], hyperparameters: dict[str, Any] | None) -> dict[str, str]:
    """A component's settings with a tuner's values in `model` and `trainer`; ConfigError if they don't fit."""
    if hyperparameters is None:
        return settings
    try:
        recipe = overlay(read_recipe(settings), read_values(hyperparameters))
    except ConfigError as error:
        raise ConfigError(f"hyperparameters: {error}") from None
    logging.info("Settings that the tuner chose: %s", read_values(hyperparameters))
    return {**settings, "model": to_json(recipe.model), "trainer": to_json(recipe.trainer)}


def compute_run_key(
    settings: dict[str, str], computation: Computation, data_digest: str, first_weights: str = ""
) -> str:
    """Name of all that decides the outcome of a training or search: 16 hexadecimal digits, a dash, and `computation`.

    Paths are left out: a CSV that was copied and ingested again continues the same training. So is what happens to a
    trained network, if there is `training_code`. `computation` stands for `trainer.precision` and `trainer.threads`,
    and `first_weights` for the weights that a warm start begins with; empty: random ones, from the seed.
    """
    # How a stream is read doesn't matter to a training in memory; for one that streams it is part of `data_digest`.
    left_out = {"checkpoint_root", "export", "training_input", "streaming_code", "warm_start_code", "spans"}
    left_out |= {"members", "earlier_models"}
    left_out |= {"model", "trainer", "hyperparameters"} | ({"code"} if "training_code" in settings else set())
    recipe = asdict(read_recipe(settings))
    del recipe["trainer"]["precision"], recipe["trainer"]["threads"]
    parts = [
        {name: text for name, text in settings.items() if name not in left_out and not name.startswith(_JOB)},
        recipe,
        data_digest,
        # A training from random weights has one name, whether a warm start was asked for or not.
        *([first_weights, settings.get("warm_start_code")] if first_weights else []),
    ]
    return f"{hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]}-{computation}"


def match_run_keys(run_key: str, trainer: TrainerConfig) -> str:
    """Shell pattern of the keys of trainings that answer the same settings, as any machine settles them."""
    digest, precision, threads, _ = run_key.split("-")
    return f"{digest}-{'*' if trainer.precision == 'auto' else precision}-{threads if trainer.threads else '*'}-*"
