"""The network: images -> logits."""

import keras

from configs.spec import ModelConfig
from fer_tfx.contract import CLASS_COUNT
from models.blocks import add_convolution, add_stage, standardise
from models.precision import dtype_policy


def build_network(config: ModelConfig, policy: str = "float32") -> keras.Model:
    """Plain convolutional network, after Simonyan and Zisserman 2014 ("VGG"), with batch normalisation.

    A stem looks at the whole picture, 48 px; stages work at 24, 12 and 6 px. Dense 3x3 convolutions with many filters
    are what a CPU does best. The head takes the mean over all places, so that pictures of other sizes than 48 px are
    accepted. What each choice is worth: `benchmarks/results/experiments.md`. Initial weights come from Keras's seed:
    call `keras.utils.set_random_seed` first for the same ones again.

    Args:
        config: numbers of filters and convolutions.
        policy: Keras's dtype policy; with `mixed_bfloat16` weights and logits are float32 all the same.

    Returns:
        Model: images float32 (batch, height, width, 1), z-scored -> logits float32 (batch, 7).
    """
    with dtype_policy(policy):
        images = keras.Input((None, None, 1), name="images")
        features = add_convolution(standardise(images), config.stem_filters, is_halved=True)
        for number, filters in enumerate(config.stage_filters, start=1):
            is_last = number == len(config.stage_filters)
            features = add_stage(features, filters, config.convolutions_per_stage, is_halved=not is_last)
        features = keras.layers.GlobalAveragePooling2D()(features)
        features = keras.layers.Dropout(config.dropout_fraction)(features)
        logits = keras.layers.Dense(CLASS_COUNT, dtype="float32", name="logits")(features)
        return keras.Model(images, logits, name="plain_network")
