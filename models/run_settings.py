"""The settings that TFX hands to a training or a search, and the name of all that decides their outcome."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from absl import logging

from configs.convert import overlay
from configs.load import from_json, to_json
from configs.spec import ModelConfig, Recipe, TrainerConfig
from configs.tuning import read_values
from fer_tfx.errors import ConfigError
from models.computation import Computation

# What TFX's extension for Vertex Training finds in the settings: the machine and the image of the job.
_JOB = "ai_platform_"


def read_recipe(settings: dict[str, str]) -> Recipe:
    """`model` and `trainer` of a component's settings."""
    return Recipe(from_json(ModelConfig, settings["model"]), from_json(TrainerConfig, settings["trainer"]))


def read_settings(fn_args: Any) -> dict[str, str]:
    """What the component was given as `custom_config`, with a tuner's values put in place in `model` and `trainer`.

    Args:
        fn_args: TFX's FnArgs; `hyperparameters` is None where no tuner went before.

    Raises:
        ConfigError: the tuner's result doesn't fit the settings of this version.
    """
    settings: dict[str, str] = fn_args.custom_config
    if fn_args.hyperparameters is None:
        return settings
    try:
        recipe = overlay(read_recipe(settings), read_values(fn_args.hyperparameters))
    except ConfigError as error:
        raise ConfigError(f"hyperparameters: {error}") from None
    logging.info("Settings that the tuner chose: %s", read_values(fn_args.hyperparameters))
    return {**settings, "model": to_json(recipe.model), "trainer": to_json(recipe.trainer)}


def compute_run_key(
    settings: dict[str, str], computation: Computation, data_digest: str, first_weights: str = ""
) -> str:
    """Name of all that decides the outcome of a training or search: settings, code, data, and how it is computed.

    Places are no part of it: a CSV that was copied anew, and ingested anew for that, goes on with the same training.
    What is done with a trained network afterwards is no part of it, where `training_code` tells the code apart: a
    change of the export doesn't cost a night of training. `model` and `trainer` count by their values, whatever code
    has read them.

    Args:
        settings: of the component, with a tuner's values in place: see `read_settings`.
        computation: in place of `trainer.precision` and `trainer.threads`, which may leave it to the machine.
        data_digest: see `models.data_digest`.
        first_weights: digest of those that a warm start begins with; empty: random ones, which the seed decides.

    Returns:
        16 hexadecimal digits, a dash, and `computation` as text.
    """
    # How a stream is read says nothing of a training held in memory; for one that streams, `data_digest` tells it.
    left_out = {"checkpoint_root", "export", "training_input", "streaming_code", "warm_start_code", "spans"}
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
    """Pattern, as a shell has it, of the keys of trainings that are as good an answer to the same settings.

    Where `trainer` leaves precision or threads to the machine, another machine's choice is no worse than this one's.
    The device is always left to it.
    """
    digest, precision, threads, _ = run_key.split("-")
    return f"{digest}-{'*' if trainer.precision == 'auto' else precision}-{threads if trainer.threads else '*'}-*"
