"""Layers that families share, and how batch normalisation is folded away for inference."""

import keras
import numpy as np
import tensorflow as tf

_LEAST_VARIANCE = 1e-3  # of z-scored pictures: a nearly blank one is not blown up


def standardise(images: keras.KerasTensor) -> keras.KerasTensor:
    """Give each picture zero mean and unit variance, so that its lighting doesn't count: shape is kept."""
    return keras.layers.LayerNormalization(
        axis=(1, 2, 3), epsilon=_LEAST_VARIANCE, center=False, scale=False, dtype="float32", name="standardised"
    )(images)


@keras.saving.register_keras_serializable("fer-tfx")
class BatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Keras's layer, trained with TensorFlow's fused op instead of some ten: (batch, height, width, channels)."""

    def call(self, images: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        if not training:
            return super().call(images)
        normalised, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=images, scale=self.gamma, offset=self.beta, mean=[], variance=[], epsilon=self.epsilon, is_training=True
        )
        self.moving_mean.assign(self.moving_mean * self.momentum + mean * (1.0 - self.momentum))
        self.moving_variance.assign(self.moving_variance * self.momentum + variance * (1.0 - self.momentum))
        return normalised


def fold_batch_norm(network: keras.Model) -> keras.Model:
    """The network as it answers with `training=False`, its batch normalisation merged into the convolutions: float32.

    A convolution without bias, kernel k, then a normalisation with scale g, offset b, mean m and variance v is one with
    kernel k * g / sqrt(v + epsilon) and bias b - m * g / sqrt(v + epsilon) (Jacob et al. 2018, arXiv:1712.05877, 3.2).
    Max pooling in between commutes with ReLU, and with the normalisation if g is above 0; otherwise that stays.
    """
    norm_of = {}
    for norm in (layer for layer in network.layers if isinstance(layer, BatchNormalization)):
        before = _find_source(norm)
        is_pooled = isinstance(before, keras.layers.MaxPooling2D)
        if not is_pooled or (norm.get_weights()[0] > 0).all():
            norm_of[_find_source(before) if is_pooled else before] = norm
    relus = {_find_source(layer): layer for layer in network.layers if isinstance(layer, keras.layers.ReLU)}
    needless = {*norm_of.values(), *(relus[norm] for norm in norm_of.values() if norm in relus)}

    def clone(layer: keras.Layer) -> keras.Layer:
        if isinstance(layer, keras.layers.Dropout) or layer in needless:
            return keras.layers.Identity(name=layer.name)
        settings = {**layer.get_config(), "dtype": "float32"}
        if layer in norm_of:
            settings |= {"use_bias": True, "activation": "relu" if norm_of[layer] in relus else None}
        return type(layer).from_config(settings)

    uncompiled = keras.Model(network.inputs, network.outputs)  # `clone_model` would copy loss and optimiser as well
    folded = keras.models.clone_model(uncompiled, clone_function=clone)
    for target in (layer for layer in folded.layers if layer.weights):
        layer = network.get_layer(target.name)
        weights = layer.get_weights()
        if layer in norm_of:
            scale, offset, mean, variance = (np.asarray(weight, np.float64) for weight in norm_of[layer].get_weights())
            factor = scale / np.sqrt(variance + norm_of[layer].epsilon)
            weights = [weights[0] * factor, offset - mean * factor]
        target.set_weights(weights)
    return folded


def _find_source(layer: keras.Layer) -> keras.Layer:
    """The layer whose output `layer` takes."""
    return layer.input._keras_history.operation
