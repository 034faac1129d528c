"""Batch normalisation as one op."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("fer-tfx")
class BatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Keras's layer, trained with TensorFlow's fused op.

    Keras 3 spells the training step out in some ten ops, each of which reads and writes the whole feature map.
    The fused op takes one pass and keeps bfloat16 maps as they are (`benchmarks/results/experiments.md` has the gain).
    The last axis is normalised; there is no mask.

    Input and output shape: (batch, height, width, channels), float32 or bfloat16.
    """

    def call(self, images: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        if not training:
            return super().call(images)
        normalised, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=images,
            scale=self.gamma,
            offset=self.beta,
            mean=[],
            variance=[],
            epsilon=self.epsilon,
            is_training=True,
        )
        self.moving_mean.assign(self.moving_mean * self.momentum + mean * (1.0 - self.momentum))
        self.moving_variance.assign(self.moving_variance * self.momentum + variance * (1.0 - self.momentum))
        return normalised
