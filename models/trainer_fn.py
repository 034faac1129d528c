"""What TFX's Trainer calls: unpacks its arguments, trains, exports."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import keras
import tensorflow as tf
import tensorflow_transform as tft
from absl import logging
from tfx.components.trainer.fn_args_utils import FnArgs

from configs.load import from_json
from configs.spec import ExportConfig, ModelConfig, Recipe, TrainerConfig, TrainingInputConfig
from fer_tfx.errors import ConfigError
from models.calibration import calibrate
from models.checkpoint import Finished, clear_others, find_finished, keep_finished
from models.computation import Computation, settle_computation, use_threads
from models.data_digest import compute_data_digest, compute_streamed_digest
from models.dataset import ROW_BYTES, count_examples, find_examples, make_eval_dataset, read_examples
from models.evaluation import predict_logits
from models.export import ServingNetwork, export_model
from models.folding import fold_network
from models.network import build_network
from models.run_settings import compute_run_key, match_run_keys, read_recipe, read_settings
from models.streamed_training import find_share, fit_streamed
from models.streaming import scan_examples
from models.training import TrainResult, fit
from models.training_record import count_rows, describe_spans, describe_training, format_record
from models.transform_graph import TransformGraph
from models.warm_start import WarmStart, keep_weights, read_warm_start
from models.worker_strategy import await_all, build_shared_network, choose_worker_strategy


def run_fn(fn_args: FnArgs) -> None:
    """Train and export one model.

    A run that was killed goes on at its last whole epoch when the same data, settings and code come again and are
    computed in the same way. What the last run that was finished came to is kept, so that an edit of what comes after
    the training repeats that alone, with the training's own record and weights.

    Args:
        fn_args: `custom_config` holds `model`, `trainer`, `training_input` and `export` (JSON of the dataclasses),
            `checkpoint_root` (folder or bucket URI), `code`, `training_code` and `streaming_code` (fingerprints of all
            that is run here, and of what decides the weights in memory and as a stream); `spans`, from our own
            executor of the Trainer, tells what the examples are; `hyperparameters`, where a tuner went before, take
            the place of the settings they name. Where a warm start is asked for, `base_model` is the SavedModel whose
            training is carried on, None before there is one, and `custom_config` has `warm_start_code` too.

    Raises:
        ConfigError: the hyperparameters don't fit the settings of this version, several workers are to train in
            memory, the threads can't be had, or the earlier model's weights don't fit.
        DatasetError: the examples are missing or unreadable.
        TrainingError: the loss is no longer a number.
    """
    settings = read_settings(fn_args)
    recipe = read_recipe(settings)
    threads = use_threads(recipe.trainer.threads)
    strategy = choose_worker_strategy()
    prepare = _prepare_stream if _is_streamed(fn_args, strategy) else _prepare_memory
    transform = TransformGraph(tft.TFTransformOutput(fn_args.transform_output))
    data = prepare(fn_args, strategy, transform)
    computation = settle_computation(recipe.trainer, threads, strategy)
    begin = _Beginning(recipe, computation, strategy, _find_warm_start(fn_args))
    state_dir, finished = _train(fn_args, settings, begin, data)
    if strategy is None or not find_share(strategy).index:  # all workers hold the same weights; the first exports them
        _export(fn_args, settings, finished, data.eval_dataset, transform)
        clear_others(state_dir)
    if strategy is not None:
        await_all(strategy)  # TFX looks for the model wherever `run_fn` was called


def _find_warm_start(fn_args: FnArgs) -> WarmStart | None:
    """The earlier model to begin with; None: with random weights, which the log tells where it was asked for one."""
    if fn_args.base_model:
        warm_start = read_warm_start(fn_args.base_model)
        logging.info("Warm start: begins with the weights %s of %s", warm_start.digest, warm_start.model)
        return warm_start
    if "warm_start_code" in fn_args.custom_config:
        logging.info("Warm start: no model was pushed before these data came; begins with random weights")
    return None


class _Beginning(NamedTuple):
    """What a network is before its first step, on whatever data."""

    recipe: Recipe
    computation: Computation
    strategy: tf.distribute.Strategy | None
    warm_start: WarmStart | None

    def build_network(self) -> keras.Model:
        trainer = replace(self.recipe.trainer, precision=self.computation.precision)
        network = build_shared_network(Recipe(self.recipe.model, trainer), self.strategy)
        if self.warm_start:
            self.warm_start.apply(network, self.recipe.model)
        return network


class _Data(NamedTuple):
    """Both splits, held in memory or read as a stream."""

    digest: str
    eval_dataset: tf.data.Dataset
    fit: Callable[..., TrainResult]
    """Takes the network, the recipe's trainer and the folders."""
    count_rows: Callable[[list[str]], int]
    """Paths of files of the train split -> rows."""


def _train(fn_args: FnArgs, settings: dict[str, str], begin: _Beginning, data: _Data) -> tuple[str, Finished]:
    """The folder of the training's state, and what it came to; nothing is trained where that is known already."""
    first_weights = begin.warm_start.digest if begin.warm_start else ""
    run_key = compute_run_key(settings, begin.computation, data.digest, first_weights)
    state_dir = tf.io.gfile.join(settings["checkpoint_root"], run_key)
    found = find_finished(state_dir, alike=match_run_keys(run_key, begin.recipe.trainer))
    if found:
        logging.info("Finished before, as %s: exported anew", found[0])
        return found
    network = begin.build_network()
    result = data.fit(network, begin.recipe.trainer, checkpoint_dir=state_dir, log_dir=fn_args.model_run_dir)
    spans = describe_spans(fn_args.train_files, settings, data.count_rows)
    record = describe_training(network, settings, begin.computation, spans, result.history, begin.warm_start)
    finished = Finished(record, tuple(network.get_weights()))
    if begin.strategy is None or not find_share(begin.strategy).index:
        keep_finished(state_dir, finished)
    return state_dir, finished


def _export(
    fn_args: FnArgs,
    settings: dict[str, str],
    finished: Finished,
    eval_dataset: tf.data.Dataset,
    transform: TransformGraph,
) -> None:
    # Built anew, without the other workers and as this training left it, on whichever machine that was.
    network = build_network(from_json(ModelConfig, settings["model"]), finished.record["precision"])
    network.set_weights(finished.weights)
    export_config = from_json(ExportConfig, settings["export"])
    served = ServingNetwork(fold_network(network), export_config)
    eval_logits = predict_logits(tf.function(served), eval_dataset)
    calibration = calibrate(*eval_logits, export_config.abstain_accuracy)
    record = format_record(finished.record, settings)
    export_model(served, transform, calibration, record, fn_args.serving_model_dir)
    keep_weights(network, fn_args.serving_model_dir)


def _is_streamed(fn_args: FnArgs, strategy: tf.distribute.Strategy | None) -> bool:
    feed = _read_feed(fn_args)
    if strategy is not None and feed.mode == "memory":
        raise ConfigError("training_input.mode: memory: workers that train together stream; set auto or stream")
    if strategy is not None or feed.mode != "auto":
        return strategy is not None or feed.mode == "stream"
    most = int(min(feed.max_memory_mb * 1e6 / ROW_BYTES, 2**40))
    return count_examples(find_examples(fn_args.train_files), most + 1) > most


def _read_feed(fn_args: FnArgs) -> TrainingInputConfig:
    return from_json(TrainingInputConfig, fn_args.custom_config["training_input"])


def _prepare_memory(fn_args: FnArgs, _: tf.distribute.Strategy | None, transform: TransformGraph) -> _Data:
    train, eval_ = read_examples(fn_args.train_files), find_examples(fn_args.eval_files)

    def fit_held(network: keras.Model, config: TrainerConfig, **dirs: str) -> TrainResult:
        return fit(network, train, eval_, transform, config, **dirs)

    digest = compute_data_digest(train, eval_, transform)
    return _Data(digest, make_eval_dataset(eval_, transform), fit_held, count_rows)


def _prepare_stream(fn_args: FnArgs, strategy: tf.distribute.Strategy | None, transform: TransformGraph) -> _Data:
    train, eval_ = scan_examples(fn_args.train_files), scan_examples(fn_args.eval_files)
    shuffle_rows = _read_feed(fn_args).shuffle_rows
    rows = dict(zip(train.paths, train.row_counts, strict=True))

    def fit_read(network: keras.Model, config: TrainerConfig, **dirs: str) -> TrainResult:
        return fit_streamed(network, train, eval_, transform, config, shuffle_rows=shuffle_rows, **dirs)

    worker_count = 1 if strategy is None else find_share(strategy).count
    how = (shuffle_rows, worker_count, fn_args.custom_config["streaming_code"])
    digest = compute_streamed_digest(train, eval_, transform, *how)
    eval_dataset = make_eval_dataset(eval_, transform)
    return _Data(digest, eval_dataset, fit_read, lambda paths: sum(rows[path] for path in paths))
