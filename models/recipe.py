"""The recipe: loss, optimiser, learning rate, averaged weights. `models.augmentation` has the rest."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

from configs.spec import TrainerConfig
from fer_tfx.contract import CLASS_COUNT


def compile_network(network: keras.Model, config: TrainerConfig, steps_per_epoch: int) -> None:
    """Give `network` optimiser and loss of the recipe."""
    with network.distribute_strategy.scope():
        optimizer = build_optimizer(network, config, steps_per_epoch)
        optimizer.build(network.trainable_variables)
        network.compile(
            optimizer,
            loss=build_loss(config.label_smoothing),
            metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
            jit_compile=False,  # XLA on CPU only adds a long compilation
        )


def build_loss(label_smoothing: float) -> keras.losses.Loss:
    """Mean cross entropy of logits against class indices, with smoothed targets (Szegedy et al. 2015)."""

    def compute_loss(class_indices: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        targets = tf.one_hot(tf.cast(tf.reshape(class_indices, [-1]), tf.int32), CLASS_COUNT)
        return keras.losses.categorical_crossentropy(targets, logits, from_logits=True, label_smoothing=label_smoothing)

    return compute_loss


def build_optimizer(network: keras.Model, config: TrainerConfig, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """SGD with Nesterov momentum (Sutskever et al. 2013).

    `weight_decay` means the L2 penalty of the usual recipes. Keras decays weights beside the gradient (Loshchilov and
    Hutter 2017), where momentum doesn't amplify it 1 / (1 - momentum) times, so that factor is put in here. Biases and
    the scales and offsets of batch normalisation, all of rank 1, are not decayed.
    """
    optimizer = keras.optimizers.SGD(
        learning_rate=build_schedule(config, steps_per_epoch),
        momentum=config.momentum,
        nesterov=config.momentum > 0,
        weight_decay=config.weight_decay / (1 - config.momentum),
    )
    optimizer.exclude_from_weight_decay(var_list=[v for v in network.trainable_variables if len(v.shape) < 2])
    return optimizer


def build_schedule(config: TrainerConfig, steps_per_epoch: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Linear warm-up to `peak_learning_rate`, then half a cosine to 0 (Loshchilov and Hutter 2016, "SGDR").

    With w warm-up steps, step t < w has the rate peak * (t + 1) / (w + 1): the first step is not wasted at 0. Warm-up
    takes at most half of the run, so that a run of one epoch still learns.
    """
    total_steps = config.epochs * steps_per_epoch
    warmup_steps = round(min(config.warmup_epochs * steps_per_epoch, total_steps // 2))
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.peak_learning_rate / (warmup_steps + 1),
        warmup_target=config.peak_learning_rate if warmup_steps else None,
        warmup_steps=warmup_steps,
        decay_steps=total_steps - warmup_steps,
    )


class WeightAverage:
    """Exponential moving average of a built network's trainable weights (Polyak and Juditsky 1992).

    Step t, from 1, keeps min(momentum, (1 + t) / (10 + t)) of the average, the ramp of TensorFlow's
    `tf.train.ExponentialMovingAverage`: a short run doesn't export its first weights. Keras's `use_ema` has no ramp.
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
    """Set each batch-norm layer's mean and variance to their average over batches of one size, float32 (b, 48, 48, 1).

    Averaged weights were never trained on, so the statistics that training collected don't belong to them (Izmailov
    et al. 2018, "Averaging Weights Leads to Wider Optima"). Seeds of dropout change as well.
    """
    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    for seen_batches, batch in enumerate(images):
        for layer in layers:  # the running mean of n + 1 values is n / (n + 1) of that of n values plus the rest
            layer.momentum = seen_batches / (seen_batches + 1)
        network(batch, training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
