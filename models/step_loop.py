"""The loop over epochs and steps, for workers that train together.

Keras 3.15's `fit` can't run under a MultiWorkerMirroredStrategy: before the first step it reduces a whole batch, a
tuple, across workers, which TensorFlow's collective operations refuse. Steps, metrics and callbacks are Keras's.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf


def run_epochs(
    network: keras.Model,
    dataset: tf.distribute.DistributedDataset,
    callbacks: Sequence[keras.callbacks.Callback],
    *,
    initial_epoch: int,
    epochs: int,
    steps_per_epoch: int,
) -> None:
    """Train `network`, compiled, on the batches of `dataset`, one after the other, as `network.fit` would.

    Args:
        network: built within the scope of its strategy.
        dataset: elements (images, class_indices), of this worker alone; at least as many as there are steps.
        callbacks: in their order.
        initial_epoch: epochs that are done.
        epochs: those there are in all.
        steps_per_epoch: the same for all workers, who take each step together.
    """
    listeners = keras.callbacks.CallbackList(list(callbacks), add_history=False, model=network)
    batches = iter(dataset)
    take_step = _build_step(network)
    listeners.on_train_begin()
    for epoch in range(initial_epoch, epochs):
        network.reset_metrics()
        listeners.on_epoch_begin(epoch)
        for step in range(steps_per_epoch):
            take_step(batches)
            logs = network.get_metrics_result()
            listeners.on_train_batch_end(step, logs)
        listeners.on_epoch_end(epoch, dict(logs))
    listeners.on_train_end()


def _build_step(network: keras.Model) -> tf.types.experimental.GenericFunction:
    strategy = network.distribute_strategy

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def take_step(batches: tf.distribute.DistributedIterator) -> None:
        strategy.run(network.train_step, args=(next(batches),))

    return take_step
