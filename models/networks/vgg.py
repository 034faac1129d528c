"""Plain convolutional network after Simonyan and Zisserman 2014 ("VGG"), with batch normalisation.

The stem works at 48 px, the stages at 24, 12 and 6 px. `benchmarks/results/experiments.md` has each choice.
"""

import keras

from configs.spec import ModelConfig
from models.networks.layers import BatchNormalization, fold_batch_norm, standardise


def build(config: ModelConfig, class_count: int) -> keras.Model:
    """See `models.networks.Family`."""
    images = keras.Input((None, None, 1), name="images")
    features = _add_convolution(standardise(images), config.stem_filters, is_halved=True)
    for stage, filters in enumerate(config.stage_filters, start=1):
        for number in range(1, config.convolutions_per_stage + 1):
            is_halved = number == config.convolutions_per_stage and stage < len(config.stage_filters)
            has_skip = config.skips and not is_halved and features.shape[-1] == filters
            features = _add_convolution(features, filters, is_halved=is_halved, has_skip=has_skip)
    features = keras.layers.GlobalAveragePooling2D()(features)
    features = keras.layers.Dropout(config.dropout_fraction)(features)
    logits = keras.layers.Dense(class_count, dtype="float32", name="logits")(features)
    return keras.Model(images, logits, name="vgg")


fold = fold_batch_norm
"""See `models.networks.Family`."""


def _add_convolution(
    images: keras.KerasTensor, filters: int, *, is_halved: bool, has_skip: bool = False
) -> keras.KerasTensor:
    """Pooling comes before normalisation and ReLU, which so have a quarter of the work (Jordan 2024, 2404.00498).

    With a skip the result is ReLU(normalised + images), as in He et al. 2015, arXiv:1512.03385.
    """
    features = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(images)
    if is_halved:
        features = keras.layers.MaxPooling2D(2, padding="same")(features)
    features = BatchNormalization()(features)
    return keras.layers.ReLU()(keras.layers.Add()([features, images]) if has_skip else features)
