"""The search for better settings: KerasTuner proposes them, a training judges them."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import keras_tuner
import tensorflow as tf
from absl import logging
from keras_tuner.engine import trial as trial_module

from configs.convert import overlay, read_setting
from configs.load import to_json
from configs.spec import Recipe, TunerConfig
from configs.tuning import Choices, Interval, list_values
from fer_tfx.errors import FerError
from models.callbacks import TrainingError
from models.precision import choose_policy

TrialTraining = Callable[[Recipe, str], float]
"""A recipe and a folder of the trial's own -> accuracy on the eval split, 0-1."""

_OBJECTIVE = keras_tuner.Objective("eval_accuracy", "max")


class TuningError(FerError):
    """No trial came to an end."""


def build_search_space(recipe: Recipe, space: Mapping[str, Interval | Choices]) -> keras_tuner.HyperParameters:
    """The search space in KerasTuner's terms, each parameter named as its setting."""
    parameters = keras_tuner.HyperParameters()
    for setting, searched in space.items():
        values = list_values(recipe, setting, searched)
        if isinstance(values[0], bool):  # KerasTuner's Choice would make numbers of them
            parameters.Boolean(setting) if len(set(values)) == 2 else parameters.Fixed(setting, values[0])
        elif not isinstance(searched, Interval):
            parameters.Choice(setting, values)
        elif isinstance(values[0], int):
            parameters.Int(setting, *values, sampling=searched.scale)
        else:
            parameters.Float(setting, *values, sampling=searched.scale)
    return parameters


def find_configured_values(recipe: Recipe, space: Mapping[str, Interval | Choices]) -> dict[str, Any] | None:
    """The recipe's own value of each searched setting; None: it lies outside the space."""
    configured = {}
    for setting, searched in space.items():
        value, allowed = read_setting(recipe, setting), list_values(recipe, setting, searched)
        is_inside = allowed[0] <= value <= allowed[1] if isinstance(searched, Interval) else value in allowed
        if not is_inside:
            return None
        configured[setting] = value
    return configured


class RecipeOracle(keras_tuner.oracles.RandomSearchOracle):  # type: ignore[misc]
    """Random search (Bergstra and Bengio 2012), which tries the recipe as configured first.

    So the winner is never worse than what was there before, by the search's own measure. What it proposes
    depends on the seed alone and not on the outcome of earlier trials.

    Args:
        first_values: values of the first trial; None: it is as random as the others.
        **keywords: of `RandomSearchOracle`.
    """

    def __init__(self, first_values: dict[str, Any] | None, **keywords: Any) -> None:
        super().__init__(**keywords)
        self._first_values = first_values

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        if self._first_values is not None and not self.trials:
            return {"status": trial_module.TrialStatus.RUNNING, "values": self._first_values}
        proposed: dict[str, Any] = super().populate_space(trial_id)
        return proposed


class RecipeSearch(keras_tuner.engine.base_tuner.BaseTuner):  # type: ignore[misc]
    """Trains one recipe after the other and remembers how good each was.

    A search that was killed goes on when it is called again with the same `state_dir`: the same recipes are
    proposed in the same order, and a training in its old folder goes on at its last epoch, or is found finished.
    KerasTuner's own files are not read again: it writes them in place, so a kill may leave half a file.

    Args:
        recipe: the settings that the search doesn't change.
        config: how many trials and where to search.
        train: trains one recipe.
        state_dir: folder or bucket URI of this search alone; it is removed when the search is finished.
        scratch_dir: where KerasTuner may write its files.
    """

    def __init__(
        self, recipe: Recipe, config: TunerConfig, train: TrialTraining, *, state_dir: str, scratch_dir: str
    ) -> None:
        oracle = RecipeOracle(
            find_configured_values(recipe, config.space),
            objective=_OBJECTIVE,
            max_trials=config.trials,
            seed=recipe.trainer.seed + 1,  # KerasTuner takes 0 for none
            hyperparameters=build_search_space(recipe, config.space),
            allow_new_entries=False,
            max_consecutive_failed_trials=config.trials + 1,  # a failed trial is an answer too
        )
        oracle.verbose = 0
        super().__init__(oracle, directory=scratch_dir, project_name="search", overwrite=True)
        self._recipe = recipe
        self._train = train
        self._state_dir = state_dir

    def run_trial(self, trial: Any) -> dict[str, float]:
        """Accuracy of one trial on the eval split.

        Raises:
            FailedTrialError: its training came to nothing; the search goes on.
            FatalRuntimeError: something else went wrong, as it would in the next trial too.
        """
        recipe = overlay(self._recipe, trial.hyperparameters.values)
        try:
            accuracy = self._train(recipe, self._name_folder(recipe))
        except TrainingError as error:
            logging.warning("Trial %s failed, with %s: %s", trial.trial_id, trial.hyperparameters.values, error)
            raise keras_tuner.errors.FailedTrialError(str(error)) from error
        except Exception as error:
            raise keras_tuner.errors.FatalRuntimeError(f"trial {trial.trial_id}: {error}") from error
        logging.info("Trial %s: %.4f on eval, with %s", trial.trial_id, accuracy, trial.hyperparameters.values)
        return {_OBJECTIVE.name: accuracy}

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Run all trials.

        Raises:
            TuningError: all of them failed.
        """
        super().search(*fit_args, **fit_kwargs)
        if all(trial.score is None for trial in self.oracle.trials.values()):
            raise TuningError(
                f"all {len(self.oracle.trials)} trials failed: lower the learning rates in tuner.space; the log tells"
                " of each"
            )
        if tf.io.gfile.exists(self._state_dir):
            tf.io.gfile.rmtree(self._state_dir)

    def _name_folder(self, recipe: Recipe) -> str:
        # What `auto` comes to: a trial that was killed isn't carried on in other numbers by another machine.
        recipe = replace(recipe, trainer=replace(recipe.trainer, precision=choose_policy(recipe.trainer.precision)))
        name = hashlib.sha256(to_json(recipe).encode()).hexdigest()[:16]
        folder: str = tf.io.gfile.join(self._state_dir, name)
        return folder
