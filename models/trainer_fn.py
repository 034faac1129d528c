"""What TFX's Trainer calls: unpacks its arguments, trains, exports."""

import json
from dataclasses import asdict

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from configs.load import from_json
from configs.spec import ExportConfig
from models.calibration import calibrate
from models.checkpoint import keep_last_finished
from models.data_digest import compute_data_digest
from models.dataset import make_eval_dataset, read_examples
from models.evaluation import predict_logits
from models.export import ServingNetwork, export_model
from models.folding import fold_network
from models.history import History
from models.run_settings import compute_run_key, read_recipe, read_settings
from models.seeded_network import build_seeded_network
from models.training import fit
from models.transform_graph import TransformGraph


def run_fn(fn_args: FnArgs) -> None:
    """Train and export one model.

    A run that was killed goes on at its last whole epoch when the same data, settings and code come again. The state
    of the last run that was finished is kept, so that an edit of what comes after the training repeats that alone.

    Args:
        fn_args: `custom_config` holds `model`, `trainer` and `export` (JSON of the dataclasses), `checkpoint_root`
            (folder or bucket URI), `code` and `training_code` (fingerprints of all that is run here, and of what
            decides the weights); `hyperparameters`, where a tuner went
            before, take the place of the settings they name.

    Raises:
        ConfigError: the hyperparameters don't fit the settings of this version.
        DatasetError: the examples are missing or unreadable.
        TrainingError: the loss is no longer a number.
    """
    settings = read_settings(fn_args)
    recipe = read_recipe(settings)
    export_config = from_json(ExportConfig, settings["export"])
    transform = TransformGraph(tft.TFTransformOutput(fn_args.transform_output))
    train, eval_ = read_examples(fn_args.train_files), read_examples(fn_args.eval_files)
    run_key = compute_run_key(fn_args, compute_data_digest(train, eval_, transform))
    checkpoint_dir = tf.io.gfile.join(settings["checkpoint_root"], run_key)
    network = build_seeded_network(recipe)
    log_dir = fn_args.model_run_dir
    result = fit(network, train, eval_, transform, recipe.trainer, checkpoint_dir=checkpoint_dir, log_dir=log_dir)
    served = ServingNetwork(fold_network(network), export_config)
    eval_logits = predict_logits(tf.function(served), make_eval_dataset(eval_, transform))
    calibration = calibrate(*eval_logits, export_config.abstain_accuracy)
    record = format_training_record(network, settings, result.history)
    export_model(served, transform, calibration, record, fn_args.serving_model_dir)
    keep_last_finished(checkpoint_dir)


def format_training_record(network: keras.Model, settings: dict[str, str], history: History) -> str:
    """JSON that tells a reader of the exported model how it came about."""
    record = {
        "parameters": network.count_params(),
        "precision": network.dtype_policy.name,
        "code": settings["code"],
        **{section: json.loads(settings[section]) for section in ("model", "trainer", "export")},
        "history": [asdict(metrics) for metrics in history],
    }
    return json.dumps(record, indent=1) + "\n"
