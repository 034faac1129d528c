"""A row as a tf.Example: the only place that writes one."""

import tensorflow as tf

from fer_tfx.contract import LABEL_KEY, PIXELS_KEY, ROW_KEY, SOURCE_KEY


def to_example(pixels: bytes, class_index: int | None, source: str, row: int) -> tf.train.Example:
    """The example of one row: 2,304 uint8 pixels, row-major; class 0-6 or None; file and position in it, from 0."""
    example = tf.train.Example()
    feature = example.features.feature
    feature[PIXELS_KEY].bytes_list.value.append(pixels)
    feature[SOURCE_KEY].bytes_list.value.append(source.encode())
    feature[ROW_KEY].int64_list.value.append(row)
    if class_index is not None:
        feature[LABEL_KEY].int64_list.value.append(class_index)
    return example
