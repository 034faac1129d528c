"""Whether this process trains alone or as one of several machines."""

import keras
import tensorflow as tf

from configs.spec import Recipe
from models.network import build_network
from models.precision import choose_policy
from models.seeded_network import build_seeded_network


def choose_worker_strategy() -> tf.distribute.Strategy | None:
    """A MultiWorkerMirroredStrategy where `TF_CONFIG` names several workers, as Vertex AI and Kubeflow's training
    operator set it; None: this process trains alone.

    Call it before anything of TensorFlow has run: collective operations can't be set up later.
    """
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    workers = resolver.cluster_spec().as_dict()
    if len(workers.get("chief", [])) + len(workers.get("worker", [])) <= 1:
        return None
    return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)


def build_shared_network(recipe: Recipe, strategy: tf.distribute.Strategy | None) -> keras.Model:
    """The network as each training begins with it, for all workers of `strategy`; None: for this machine's devices."""
    if strategy is None:
        return build_seeded_network(recipe)
    keras.utils.set_random_seed(recipe.trainer.seed)
    with strategy.scope():
        return build_network(recipe.model, choose_policy(recipe.trainer.precision))


def await_all(strategy: tf.distribute.Strategy) -> None:
    """Return when every worker of `strategy` has called this."""
    strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(lambda: tf.constant(1.0)), axis=None).numpy()
