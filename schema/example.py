"""A row as a tf.Example: the only place that writes one."""

from collections.abc import Sequence

import tensorflow as tf

from fer_tfx.contract import LABEL_KEY, PIXELS_KEY, ROW_KEY, SOURCE_KEY, TARGET_KEY


def to_example(
    pixels: bytes, class_index: int | None, source: str, row: int, target: Sequence[float] = ()
) -> tf.train.Example:
    """The example of one row: 2,304 uint8 pixels, row-major; class index or None; file and position in it, from 0.

    `target` is the share of each class, if there is more to train on than the class.
    """
    example = tf.train.Example()
    feature = example.features.feature
    feature[PIXELS_KEY].bytes_list.value.append(pixels)
    feature[SOURCE_KEY].bytes_list.value.append(source.encode())
    feature[ROW_KEY].int64_list.value.append(row)
    if class_index is not None:
        feature[LABEL_KEY].int64_list.value.append(class_index)
    if target:
        feature[TARGET_KEY].float_list.value.extend(target)
    return example
