"""The residual network: images -> logits."""

import keras

from configs.spec import ModelConfig
from models.blocks import add_residual_block, convolve_and_normalise
from models.precision import dtype_policy
from schema.contract import CLASS_COUNT


def build_network(config: ModelConfig, policy: str = "float32") -> keras.Model:
    """Small residual network, after He et al. 2015.

    The stem halves the picture, so that the stages work at 24, 12 and 6 px, where a CPU is fast. The head takes
    the mean over all places, so that pictures of other sizes than 48 px are accepted. Initial weights come from
    Keras's seed: call `keras.utils.set_random_seed` first for the same ones again.

    Args:
        config: numbers of filters and blocks.
        policy: Keras's dtype policy; with `mixed_bfloat16` weights and logits are float32 all the same.

    Returns:
        Model: images float32 (batch, height, width, 1), z-scored -> logits float32 (batch, 7).
    """
    with dtype_policy(policy):
        images = keras.Input((None, None, 1), name="images")
        features = convolve_and_normalise(images, config.stem_filters, size=config.stem_size_px, stride=2)
        features = keras.layers.ReLU()(features)
        for stage, (filters, blocks) in enumerate(zip(config.stage_filters, config.blocks_per_stage, strict=True)):
            for block in range(blocks):
                is_halved = stage > 0 and block == 0
                features = add_residual_block(features, filters, stride=2 if is_halved else 1)
        features = keras.layers.GlobalAveragePooling2D()(features)
        features = keras.layers.Dropout(config.dropout_fraction)(features)
        logits = keras.layers.Dense(CLASS_COUNT, dtype="float32", name="logits")(features)
        return keras.Model(images, logits, name="residual_network")
