"""What the network is built of."""

import keras

from models.normalisation import BatchNormalization

_LEAST_VARIANCE = 1e-3  # of z-scored pictures: a nearly blank one is not blown up


def standardise(images: keras.KerasTensor) -> keras.KerasTensor:
    """Give each picture zero mean and unit variance, so that its lighting doesn't count: shape is kept."""
    return keras.layers.LayerNormalization(
        axis=(1, 2, 3), epsilon=_LEAST_VARIANCE, center=False, scale=False, dtype="float32", name="standardised"
    )(images)


def add_convolution(images: keras.KerasTensor, filters: int, *, is_halved: bool = False) -> keras.KerasTensor:
    """Convolution, pooling where `is_halved`, batch normalisation, ReLU.

    Pooling comes first, so that normalisation and ReLU have a quarter of the work (Jordan 2024, arXiv:2404.00498).

    Args:
        images: (batch, height, width, channels).
        filters: number of channels of the result.
        is_halved: whether the largest of each 2x2 square is kept.
    """
    features = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(images)
    if is_halved:
        features = keras.layers.MaxPooling2D(2, padding="same")(features)
    return keras.layers.ReLU()(BatchNormalization()(features))


def add_stage(images: keras.KerasTensor, filters: int, convolution_count: int, *, is_halved: bool) -> keras.KerasTensor:
    """Several convolutions, the last of which may halve the picture: (b, h, w, c) -> (b, h/2, w/2, filters)."""
    for number in range(1, convolution_count + 1):
        images = add_convolution(images, filters, is_halved=is_halved and number == convolution_count)
    return images
