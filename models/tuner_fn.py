"""The search for better settings, as TFX's Tuner calls it: KerasTuner proposes them, a training judges them."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import keras
import keras_tuner
import tensorflow as tf
from absl import logging
from keras_tuner.engine import trial as trial_module

from configs.convert import overlay, read_setting
from configs.load import from_json, to_json
from configs.spec import Recipe, TunerConfig
from configs.tuning import Choices, Interval, list_values
from fer_tfx.errors import ConfigError, FerError
from models.computation import choose_policy, settle_computation, use_threads
from models.dataset import compute_data_digest, find_examples, read_examples
from models.gpu_precision import settle_gpu_precision
from models.networks import build_seeded_network
from models.tfx_adapter import Task, compute_run_key, wrap_search
from models.training import TrainingError, fit

TrialTraining = Callable[[Recipe, str], float]  # recipe, the trial's folder -> accuracy on the eval split, 0-1
_OBJECTIVE = keras_tuner.Objective("eval_accuracy", "max")


class TuningError(FerError):
    """Every trial failed."""


def tuner_fn(fn_args: Any) -> Any:
    """TFX's `FnArgs` -> its `TunerFnResult`: a search that resumes when the same data, settings and code come again.

    `custom_config` holds `model`, `trainer` (with the epochs of a trial) and `tuner` (JSON of the dataclasses),
    `checkpoint_root` (folder or bucket URI), `classes` (JSON of their names) and `code` (fingerprint of this code).
    """
    task = Task(fn_args)
    recipe = replace(task.recipe, trainer=settle_gpu_precision(task.recipe.trainer))
    threads = use_threads(recipe.trainer.threads)
    transform = task.load_transform()
    class_count = len(task.class_names)
    train, eval_ = read_examples(task.train_patterns, class_count), find_examples(task.eval_patterns, class_count)
    digest = compute_data_digest([train, eval_], transform)

    def train_trial(recipe: Recipe, folder: str) -> float:
        keras.utils.clear_session()  # frees what the trial before has built
        network = build_seeded_network(recipe, class_count)
        dirs = {"checkpoint_dir": tf.io.gfile.join(folder, "state"), "log_dir": tf.io.gfile.join(folder, "logs")}
        last = fit(network, train, eval_, transform, recipe.trainer, **dirs).history[-1]
        assert last.eval_accuracy is not None, "the last epoch is always measured"
        return last.eval_accuracy

    run_key = compute_run_key(task.settings, settle_computation(recipe.trainer, threads), digest)
    dirs = {"state_dir": tf.io.gfile.join(task.settings["checkpoint_root"], run_key), "scratch_dir": task.scratch_dir}
    return wrap_search(RecipeSearch(recipe, from_json(TunerConfig, task.settings["tuner"]), train_trial, **dirs))


def build_search_space(recipe: Recipe, space: Mapping[str, Interval | Choices]) -> keras_tuner.HyperParameters:
    """`space` in KerasTuner's terms, each parameter named as its setting."""
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
    """The recipe's own value of each searched setting; None: one lies outside the space."""
    configured = {setting: read_setting(recipe, setting) for setting in space}
    for setting, searched in space.items():
        value, allowed = configured[setting], list_values(recipe, setting, searched)
        if not (allowed[0] <= value <= allowed[1] if isinstance(searched, Interval) else value in allowed):
            return None
    return configured


class RecipeOracle(keras_tuner.oracles.RandomSearchOracle):  # type: ignore[misc]
    """Random search (Bergstra and Bengio 2012) after `first_values`, if any; depends on the seed, not on outcomes."""

    def __init__(self, first_values: dict[str, Any] | None, **keywords: Any) -> None:
        super().__init__(**keywords)
        self._first_values = first_values

    def populate_space(self, trial_id: str) -> Any:
        if self._first_values is not None and not self.trials:
            return {"status": trial_module.TrialStatus.RUNNING, "values": self._first_values}
        return super().populate_space(trial_id)


class RecipeSearch(keras_tuner.engine.base_tuner.BaseTuner):  # type: ignore[misc]
    """Trains one recipe after the other and remembers how good each was.

    A killed search resumes in its `state_dir`, a folder or bucket URI removed in the end: the same recipes come in the
    same order. KerasTuner's own files, in `scratch_dir`, are not read again, as a kill may leave half a file.
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
        self._reason = ""  # why the last trial that failed did

    def run_trial(self, trial: Any) -> dict[str, float]:
        """Accuracy of one trial on the eval split. After a FailedTrialError the search continues."""
        try:
            recipe = overlay(self._recipe, trial.hyperparameters.values)
            # What `auto` comes to: another machine doesn't resume a killed trial in other numbers.
            precision = choose_policy(recipe.trainer.precision)
            settled = replace(recipe, trainer=replace(recipe.trainer, precision=precision))
            name = hashlib.sha256(to_json(settled).encode()).hexdigest()[:16]
            accuracy = self._train(recipe, tf.io.gfile.join(self._state_dir, name))
        except (ConfigError, TrainingError) as error:  # values that it refuses, or diverges with
            self._reason = str(error)
            logging.warning("Trial %s failed, with %s: %s", trial.trial_id, trial.hyperparameters.values, error)
            raise keras_tuner.errors.FailedTrialError(str(error)) from error
        except Exception as error:
            raise keras_tuner.errors.FatalRuntimeError(f"trial {trial.trial_id}: {error}") from error
        logging.info("Trial %s: %.4f on eval, with %s", trial.trial_id, accuracy, trial.hyperparameters.values)
        return {_OBJECTIVE.name: accuracy}

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Run all trials; TuningError if each of them failed."""
        super().search(*fit_args, **fit_kwargs)
        trials = self.oracle.trials.values()
        if all(trial.score is None for trial in trials):
            found = f"every trial failed ({len(trials)} of {len(trials)})"
            raise TuningError(f"{found}: change tuner.space, see the log; the last one: {self._reason}")
        if tf.io.gfile.exists(self._state_dir):
            tf.io.gfile.rmtree(self._state_dir)
