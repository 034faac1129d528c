"""The residual network: images -> logits."""

import keras

from configs.spec import ModelConfig
from models.blocks import add_residual_block, convolve_and_normalise
from schema.contract import CLASS_COUNT, IMAGE_SHAPE


def build_network(config: ModelConfig) -> keras.Model:
    """Small residual network, after He et al. 2015.

    The stem halves the picture, so that the stages work at 24, 12 and 6 px, where a CPU is fast. Initial
    weights come from Keras's seed: call `keras.utils.set_random_seed` first for the same ones again.

    Returns:
        Model: images float32 (batch, 48, 48, 1), z-scored -> logits float32 (batch, 7).
    """
    images = keras.Input(IMAGE_SHAPE, name="images")
    features = keras.layers.ReLU()(convolve_and_normalise(images, config.stem_filters, stride=2))
    for stage, filters in enumerate(config.stage_filters):
        for block in range(config.blocks_per_stage):
            is_halved = stage > 0 and block == 0
            features = add_residual_block(features, filters, stride=2 if is_halved else 1)
    features = keras.layers.GlobalAveragePooling2D()(features)
    features = keras.layers.Dropout(config.dropout_fraction)(features)
    logits = keras.layers.Dense(CLASS_COUNT, dtype="float32", name="logits")(features)
    return keras.Model(images, logits, name="residual_network")
