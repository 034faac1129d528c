"""What TFX's Tuner calls: unpacks its arguments, hands back the search."""

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.components.tuner.component import TunerFnResult

from configs.load import from_json
from configs.spec import Recipe, TunerConfig
from models.computation import settle_computation, use_threads
from models.data_digest import compute_data_digest
from models.dataset import find_examples, read_examples
from models.run_settings import compute_run_key, read_recipe
from models.search import RecipeSearch
from models.seeded_network import build_seeded_network
from models.training import fit
from models.transform_graph import TransformGraph


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """The search over recipes, each trained by `fit` and judged by its accuracy on the eval split.

    A search that was killed goes on where it stopped when the same data, settings and code come again.

    Args:
        fn_args: `custom_config` holds `model`, `trainer` (with the epochs of a trial) and `tuner` (JSON of the
            dataclasses), `checkpoint_root` (folder or bucket URI) and `code` (fingerprint of this package).

    Raises:
        ConfigError: the threads can't be had.
        DatasetError: the examples are missing or unreadable.
    """
    fn_args.transform_output = fn_args.transform_graph_path  # as Trainer's executor does
    settings = fn_args.custom_config
    recipe = read_recipe(settings)
    threads = use_threads(recipe.trainer.threads)
    transform = TransformGraph(tft.TFTransformOutput(fn_args.transform_output))
    train, eval_ = read_examples(fn_args.train_files), find_examples(fn_args.eval_files)
    digest = compute_data_digest(train, eval_, transform)

    def train_trial(recipe: Recipe, folder: str) -> float:
        keras.utils.clear_session()  # frees what the trial before has built
        network = build_seeded_network(recipe)
        dirs = {"checkpoint_dir": tf.io.gfile.join(folder, "state"), "log_dir": tf.io.gfile.join(folder, "logs")}
        last = fit(network, train, eval_, transform, recipe.trainer, **dirs).history[-1]
        assert last.eval_accuracy is not None, "the last epoch is always measured"
        return last.eval_accuracy

    run_key = compute_run_key(settings, settle_computation(recipe.trainer, threads), digest)
    search = RecipeSearch(
        recipe,
        from_json(TunerConfig, settings["tuner"]),
        train_trial,
        state_dir=tf.io.gfile.join(settings["checkpoint_root"], run_key),
        scratch_dir=fn_args.working_dir,
    )
    return TunerFnResult(tuner=search, fit_kwargs={})
