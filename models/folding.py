"""A trained network -> the same function with fewer layers, for serving."""

import keras
import numpy as np
from numpy.typing import NDArray

from models.normalisation import BatchNormalization


def fold_network(network: keras.Model) -> keras.Model:
    """The network as it answers with `training=False`, its batch normalisation put into the convolutions.

    A convolution with kernel k, then a normalisation with scale g, offset b, mean m and variance v is one
    convolution with kernel k * g / sqrt(v + epsilon) and bias b - m * g / sqrt(v + epsilon) (Jacob et al. 2018,
    arXiv:1712.05877, section 3.2). The largest of four places may be taken in between when g is above 0; where it is
    not, that normalisation stays. ReLU goes into the convolution as well: it may come before the pooling as after it,
    and TensorFlow computes all three in one pass.

    Args:
        network: functional; each batch normalisation follows a convolution without bias, pooled or not.

    Returns:
        A float32 network outside any distribution strategy.
    """
    norms = [layer for layer in network.layers if isinstance(layer, BatchNormalization)]
    norm_of = {_find_convolution(norm): norm for norm in norms if _is_foldable(norm)}
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
        target.set_weights(_fold(weights[0], norm_of[layer]) if layer in norm_of else weights)
    return folded


def _find_source(layer: keras.Layer) -> keras.Layer:
    """The layer whose output `layer` takes."""
    return layer.input._keras_history.operation


def _find_convolution(norm: BatchNormalization) -> keras.Layer:
    source = _find_source(norm)
    return _find_source(source) if isinstance(source, keras.layers.MaxPooling2D) else source


def _is_foldable(norm: BatchNormalization) -> bool:
    is_pooled = isinstance(_find_source(norm), keras.layers.MaxPooling2D)
    return not is_pooled or bool((norm.get_weights()[0] > 0).all())


def _fold(kernel: NDArray[np.float32], norm: BatchNormalization) -> list[NDArray[np.float64]]:
    scale, offset, mean, variance = (np.asarray(weight, np.float64) for weight in norm.get_weights())
    factor = scale / np.sqrt(variance + norm.epsilon)
    return [kernel * factor, offset - mean * factor]
