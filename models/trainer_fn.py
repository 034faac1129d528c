"""What TFX's Trainer calls: unpacks its arguments, trains, exports."""

import json
from dataclasses import asdict
from typing import NamedTuple

import keras
import tensorflow as tf
import tensorflow_transform as tft
from absl import logging
from tfx.components.trainer.fn_args_utils import FnArgs

from configs.load import from_json
from configs.spec import ExportConfig, Recipe, TrainingInputConfig
from models.calibration import calibrate
from models.checkpoint import keep_last_finished
from models.data_digest import compute_data_digest, compute_streamed_digest
from models.dataset import ROW_BYTES, count_examples, find_examples, make_eval_dataset, read_examples
from models.evaluation import predict_logits
from models.export import ServingNetwork, export_model
from models.folding import fold_network
from models.history import History
from models.run_settings import compute_run_key, read_recipe, read_settings
from models.streamed_training import find_share, fit_streamed
from models.streaming import scan_examples
from models.training import fit
from models.transform_graph import TransformGraph
from models.warm_start import WarmStart, keep_weights, read_warm_start
from models.worker_strategy import await_all, build_shared_network, choose_worker_strategy
from schema.errors import ConfigError


def run_fn(fn_args: FnArgs) -> None:
    """Train and export one model.

    A run that was killed goes on at its last whole epoch when the same data, settings and code come again. The state
    of the last run that was finished is kept, so that an edit of what comes after the training repeats that alone.

    Args:
        fn_args: `custom_config` holds `model`, `trainer`, `training_input` and `export` (JSON of the dataclasses),
            `checkpoint_root` (folder or bucket URI), `code`, `training_code` and `streaming_code` (fingerprints of all
            that is run here, and of what decides the weights in memory and as a stream); `hyperparameters`, where a
            tuner went before, take the place of the settings they name. Where a warm start is asked for, `base_model`
            is the SavedModel whose training is carried on, None before there is one, and `custom_config` has
            `warm_start_code` too.

    Raises:
        ConfigError: the hyperparameters don't fit the settings of this version, several workers are to train in
            memory, or the earlier model's weights don't fit.
        DatasetError: the examples are missing or unreadable.
        TrainingError: the loss is no longer a number.
    """
    strategy = choose_worker_strategy()
    settings = read_settings(fn_args)
    transform = TransformGraph(tft.TFTransformOutput(fn_args.transform_output))
    train = _train_streamed if _is_streamed(fn_args, strategy) else _train_in_memory
    begin = _Beginning(read_recipe(settings), strategy, _find_warm_start(fn_args))
    trained = train(fn_args, begin, transform)
    if strategy is None or not find_share(strategy).index:  # all workers hold the same weights; the first exports them
        _export(fn_args, settings, trained, transform, begin.warm_start)
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


def _export(
    fn_args: FnArgs,
    settings: dict[str, str],
    trained: "_Trained",
    transform: TransformGraph,
    warm_start: WarmStart | None,
) -> None:
    export_config = from_json(ExportConfig, settings["export"])
    served = ServingNetwork(fold_network(trained.network), export_config)
    eval_logits = predict_logits(tf.function(served), trained.eval_dataset)
    calibration = calibrate(*eval_logits, export_config.abstain_accuracy)
    record = format_training_record(trained.network, settings, trained.history, warm_start)
    export_model(served, transform, calibration, record, fn_args.serving_model_dir)
    keep_weights(trained.network, fn_args.serving_model_dir)
    keep_last_finished(trained.checkpoint_dir)


class _Beginning(NamedTuple):
    """What a network is before its first step, on whatever data."""

    recipe: Recipe
    strategy: tf.distribute.Strategy | None
    warm_start: WarmStart | None

    def build_network(self) -> keras.Model:
        network = build_shared_network(self.recipe, self.strategy)
        if self.warm_start:
            self.warm_start.apply(network, self.recipe.model)
        return network


class _Trained(NamedTuple):
    network: keras.Model
    history: History
    eval_dataset: tf.data.Dataset
    checkpoint_dir: str


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


def _train_in_memory(fn_args: FnArgs, begin: _Beginning, transform: TransformGraph) -> _Trained:
    train, eval_ = read_examples(fn_args.train_files), find_examples(fn_args.eval_files)
    checkpoint_dir = _name_state(fn_args, compute_data_digest(train, eval_, transform), begin)
    network = begin.build_network()
    log_dir = fn_args.model_run_dir
    result = fit(network, train, eval_, transform, begin.recipe.trainer, checkpoint_dir=checkpoint_dir, log_dir=log_dir)
    return _Trained(network, result.history, make_eval_dataset(eval_, transform), checkpoint_dir)


def _train_streamed(fn_args: FnArgs, begin: _Beginning, transform: TransformGraph) -> _Trained:
    train, eval_ = scan_examples(fn_args.train_files), scan_examples(fn_args.eval_files)
    shuffle_rows = _read_feed(fn_args).shuffle_rows
    network = begin.build_network()
    how = (shuffle_rows, find_share(network.distribute_strategy).count, fn_args.custom_config["streaming_code"])
    checkpoint_dir = _name_state(fn_args, compute_streamed_digest(train, eval_, transform, *how), begin)
    result = fit_streamed(
        network, train, eval_, transform, begin.recipe.trainer,
        shuffle_rows=shuffle_rows, checkpoint_dir=checkpoint_dir, log_dir=fn_args.model_run_dir,
    )  # fmt: skip
    return _Trained(network, result.history, make_eval_dataset(eval_, transform), checkpoint_dir)


def _name_state(fn_args: FnArgs, data_digest: str, begin: _Beginning) -> str:
    root: str = fn_args.custom_config["checkpoint_root"]
    first_weights = begin.warm_start.digest if begin.warm_start else ""
    return str(tf.io.gfile.join(root, compute_run_key(fn_args, data_digest, first_weights)))


def format_training_record(
    network: keras.Model, settings: dict[str, str], history: History, warm_start: WarmStart | None
) -> str:
    """JSON that tells a reader of the exported model how it came about."""
    record = {
        "parameters": network.count_params(),
        "precision": network.dtype_policy.name,
        "code": settings["code"],
        "warm_start": {"model": warm_start.model, "weights": warm_start.digest} if warm_start else None,
        **{section: json.loads(settings[section]) for section in ("model", "trainer", "export")},
        "history": [asdict(metrics) for metrics in history],
    }
    return json.dumps(record, indent=1) + "\n"
