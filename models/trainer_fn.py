"""What TFX's Trainer calls: unpacks its arguments, trains, exports."""

import hashlib
import json

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from configs.load import from_json
from configs.spec import ModelConfig, TrainerConfig
from models.dataset import read_examples
from models.export import export_model
from models.network import build_network
from models.strategy import choose_strategy
from models.training import fit
from models.transform_graph import TransformGraph


def run_fn(fn_args: FnArgs) -> None:
    """Train and export one model.

    A run that was killed goes on at its last whole epoch when the same data, settings and code come again.

    Args:
        fn_args: `custom_config` holds `model` and `trainer` (JSON of the dataclasses), `checkpoint_root` (folder
            or bucket URI) and `code` (fingerprint of this package).

    Raises:
        DatasetError: the examples are missing or unreadable.
        TrainingError: the loss is no longer a number.
    """
    settings = fn_args.custom_config
    model_config = from_json(ModelConfig, settings["model"])
    trainer_config = from_json(TrainerConfig, settings["trainer"])
    transform = TransformGraph(tft.TFTransformOutput(fn_args.transform_output))
    train, eval_ = read_examples(fn_args.train_files), read_examples(fn_args.eval_files)
    checkpoint_dir = tf.io.gfile.join(settings["checkpoint_root"], compute_run_key(fn_args))
    keras.utils.set_random_seed(trainer_config.seed)
    with choose_strategy().scope():
        network = build_network(model_config)
    log_dir = fn_args.model_run_dir
    fit(network, train, eval_, transform, trainer_config, checkpoint_dir=checkpoint_dir, log_dir=log_dir)
    export_model(_copy_to_one_device(network, model_config), transform, fn_args.serving_model_dir)
    if tf.io.gfile.exists(checkpoint_dir):
        tf.io.gfile.rmtree(checkpoint_dir)


def compute_run_key(fn_args: FnArgs) -> str:
    """Name of all that decides the outcome of a run: settings, code and data."""
    settings = fn_args.custom_config
    parts = [
        settings["model"],
        settings["trainer"],
        settings["code"],
        fn_args.transform_output,
        *sorted(fn_args.train_files),
        *sorted(fn_args.eval_files),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _copy_to_one_device(network: keras.Model, config: ModelConfig) -> keras.Model:
    """The network outside its strategy, so that the export holds each variable once, not once per GPU."""
    copy = build_network(config)
    copy.set_weights(network.get_weights())
    return copy
