"""What TFX's Trainer calls: trains, exports, and records how the model came to be."""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from typing import Any

import keras
import tensorflow as tf
from absl import logging

from configs.load import from_json
from configs.spec import ExportConfig, Recipe, TrainingInputConfig
from fer_tfx.errors import ConfigError
from fer_tfx.views import VIEW_COUNTS
from models import computation, dataset
from models.calibration import calibrate_views
from models.checkpoint import Finished, History, clear_others, find_finished, keep_finished
from models.computation import Computation
from models.dataset import Examples
from models.ensemble import join_networks, read_member, require_distinct, restore_network
from models.export import ServingNetwork, export_model
from models.gpu_precision import settle_gpu_precision
from models.networks import build_seeded_network
from models.signatures import build_view_logits
from models.streaming import scan_examples
from models.tfx_adapter import Task, compute_run_key, match_run_keys
from models.training import TrainExamples, fit, predict_logits
from models.transform_graph import TransformGraph
from models.warm_start import WarmStart, keep_weights, read_warm_start

_PACKAGES = ("tensorflow", "keras", "tensorflow-transform", "tfx", "apache-beam", "numpy")


def run_fn(fn_args: Any) -> None:
    """Train and export one model, from TFX's `FnArgs`. Raises ConfigError, DatasetError or TrainingError.

    A killed run resumes after its last whole epoch if data, settings, code and way of computing are the same. A
    finished training is kept, so an edit of what comes after it repeats only that.

    `custom_config` holds `model`, `trainer`, `training_input` and `export` (JSON of the dataclasses), `checkpoint_root`
    (folder or bucket URI), `classes` (JSON of their names by class index), `spans` (the examples) and `members` (of an
    ensemble, whose networks are exported with this one), both from our own executor of the Trainer, `earlier_models`
    (which join it: JSON of pairs of place and fingerprint), a teacher's `unseen` (JSON of its Fold), a taught model's
    `distillation`, and fingerprints: `code`, of all that runs here; `training_code`, `streaming_code` and, if used,
    `warm_start_code`, of what decides the weights.
    """
    task = Task(fn_args)
    # Both only before TensorFlow begins to work, as it does when it reads a file.
    threads = computation.use_threads(task.recipe.trainer.threads)
    strategy = computation.choose_worker_strategy()
    members = [read_member(each, task.class_names) for each in task.members]
    transform = task.load_transform()
    train, eval_, digest = _read_splits(task, strategy, transform)
    settled = computation.settle_computation(settle_gpu_precision(task.recipe.trainer), threads, strategy)
    warm_start = read_warm_start(task.base_model) if task.base_model else None
    if warm_start:
        logging.info("Warm start: begins with the weights %s of %s", warm_start.digest, warm_start.model)
    elif "warm_start_code" in task.settings:
        logging.info("Warm start: no model was pushed before this data came; begins with random weights")
    run_key = compute_run_key(task.settings, settled, digest, warm_start.digest if warm_start else "")
    state_dir = tf.io.gfile.join(task.settings["checkpoint_root"], run_key)
    is_first = not computation.find_share(strategy).index  # all workers hold the same weights; the first exports them
    found = find_finished(state_dir, alike=match_run_keys(run_key, task.recipe.trainer))
    if found:
        state_dir, finished = found
        logging.info("Finished before, as %s: exported again", state_dir)
    else:
        trainer = replace(task.recipe.trainer, precision=settled.precision)
        network = build_seeded_network(Recipe(task.recipe.model, trainer), len(task.class_names), strategy)
        if warm_start:
            warm_start.apply(network, task.recipe.model, task.class_names)
        dirs = {"checkpoint_dir": state_dir, "log_dir": task.log_dir}
        result = fit(network, train, eval_, transform, task.recipe.trainer, **dirs)
        record = describe_training(network, task, settled, result.history, warm_start)
        finished = Finished(record, tuple(network.get_weights()))
        if is_first:
            keep_finished(state_dir, finished)
    if is_first:
        _export(task, [finished, *members], eval_, transform)
        clear_others(state_dir)
    if strategy is not None:
        # All wait for the first one: TFX expects the model wherever `run_fn` was called.
        strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(lambda: tf.constant(1.0)), axis=None).numpy()


def _read_splits(
    task: Task, strategy: tf.distribute.Strategy | None, transform: TransformGraph
) -> tuple[TrainExamples, Examples, str]:
    """Both splits, and the name of what a training makes of them."""
    config = from_json(TrainingInputConfig, task.settings["training_input"])
    if strategy is not None and config.mode == "memory":
        raise ConfigError("training_input.mode: memory: workers that train together stream; set auto or stream")
    is_streamed = strategy is not None or config.mode == "stream"
    class_count = len(task.class_names)
    if config.mode == "auto" and not is_streamed:
        most = int(min(config.max_memory_mb * 1e6 / dataset.ROW_BYTES, 2**40))
        is_streamed = (
            dataset.count_examples(dataset.find_examples(task.train_patterns, class_count, task.unseen), most + 1)
            > most
        )
    eval_ = dataset.find_examples(task.eval_patterns, class_count)
    if not is_streamed:
        held = dataset.read_examples(task.train_patterns, class_count, task.unseen)
        return held, eval_, dataset.compute_data_digest([held, eval_], transform)
    stream = scan_examples(task.train_patterns, class_count, config.shuffle_rows, task.unseen)
    worker_count = computation.find_share(strategy).count
    # The rows of each file decide what is read when.
    how = (stream.digest, stream.row_counts, config.shuffle_rows, worker_count, task.settings["streaming_code"])
    return stream, eval_, dataset.compute_data_digest([eval_], transform, how)


def describe_training(
    network: keras.Model, task: Task, settled: Computation, history: History, warm_start: WarmStart | None
) -> dict[str, Any]:
    """What decided the weights of `network`, and how it went: JSON, which the card and the page of its model copy."""
    unknown = {"span": None, "fingerprint": None}  # another executor than our own ran the Trainer
    spans = json.loads(task.settings.get("spans", "null")) or [unknown] * len(task.train_patterns)
    counts = [dataset.count_rows(pattern, task.unseen) for pattern in task.train_patterns]  # 0: all in the fold
    return {
        "parameters": network.count_params(),
        "precision": settled.precision,
        "threads": list(settled.threads),
        "device": computation.describe_device(),
        "versions": {"Python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
        "spans": [{**span, "train_rows": count} for span, count in zip(spans, counts, strict=True)],
        "warm_start": {"model": warm_start.model, "weights": warm_start.digest} if warm_start else None,
        **{section: json.loads(task.settings[section]) for section in ("model", "trainer", "training_input")},
        "history": [asdict(metrics) for metrics in history],
    }


def _export(task: Task, trainings: Sequence[Finished], eval_: Examples, transform: TransformGraph) -> None:
    require_distinct(trainings)
    finished, *members = trainings
    # Built again, without the other workers and as its training left it, on whichever machine that was.
    networks = [restore_network(each, len(task.class_names)) for each in trainings]
    config = from_json(ExportConfig, task.settings["export"])
    served = ServingNetwork(join_networks(networks), config)
    compute = build_view_logits(served, transform, max(VIEW_COUNTS))
    answers = predict_logits(compute, dataset.make_eval_dataset(eval_, tf.identity))
    calibrations = calibrate_views(*answers, config.abstain_accuracy, config.views)
    record = {**finished.record, "code": task.settings["code"], "export": json.loads(task.settings["export"])}
    if members:
        records = [each.record for each in members]
        record |= {"members": records, "parameters": sum(each["parameters"] for each in (record, *records))}
    text = json.dumps(record, indent=1) + "\n"
    export_model(served, transform, calibrations, task.class_names, text, task.model_dir)
    keep_weights(finished.weights, task.model_dir)
