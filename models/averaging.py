"""An exponential moving average of the weights, and batch-norm statistics that fit it."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf


class WeightAverage:
    """Moving average of a network's trainable weights (Polyak and Juditsky 1992).

    Step t, from 1, keeps min(momentum, (1 + t) / (10 + t)) of the average, the ramp of TensorFlow's
    `tf.train.ExponentialMovingAverage`: the memory grows with the run, so that a short run doesn't export its
    first weights. Keras's own `use_ema` has no such ramp.

    Args:
        network: must be built.
        momentum: 0 to below 1; 0: the average is always the last weights.
    """

    def __init__(self, network: keras.Model, momentum: float) -> None:
        self._network = network
        self._momentum = momentum
        self.variables = [tf.Variable(weight.numpy()) for weight in network.trainable_variables]
        """The average, one tf.Variable for each trainable weight."""
        self.update = tf.function(self._update)
        """Takes in the weights as they are after `step` steps, int64 ()."""

    def _update(self, step: tf.Tensor) -> None:
        count = tf.cast(step, tf.float32)
        kept_fraction = tf.minimum(self._momentum, (1.0 + count) / (10.0 + count))
        for average, weight in zip(self.variables, self._network.trainable_variables, strict=True):
            average.assign_sub((1.0 - kept_fraction) * (average - weight.value))

    def apply(self, images: tf.data.Dataset) -> None:
        """Give the network the averaged weights and the batch-norm statistics that they have on `images`."""
        for weight, average in zip(self._network.trainable_variables, self.variables, strict=True):
            weight.assign(average.numpy())
        calibrate_batch_norm(self._network, images)

    @contextmanager
    def applied(self, images: tf.data.Dataset) -> Iterator[None]:
        """Within the block the network is as after `apply`; afterwards it is as it was before."""
        saved = [variable.numpy() for variable in self._network.variables]
        self.apply(images)
        try:
            yield
        finally:
            for variable, value in zip(self._network.variables, saved, strict=True):
                variable.assign(value)


def calibrate_batch_norm(network: keras.Model, images: tf.data.Dataset) -> None:
    """Set each batch-norm layer's mean and variance to their average over the batches of `images`.

    Averaged weights were never trained on, so the statistics that training collected don't belong to them
    (Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima").

    Args:
        network: its other variables stay as they are, but for the seeds of dropout.
        images: elements float32 (batch, 48, 48, 1) of one batch size.
    """
    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    for seen_batches, batch in enumerate(images):
        for layer in layers:  # the running mean of n + 1 values is n / (n + 1) of that of n values plus the rest
            layer.momentum = seen_batches / (seen_batches + 1)
        network(batch, training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
