import numpy as np
import tensorflow as tf

from benchmarks.warm_start import draw_span, format_rows


def decode(raw: tf.Tensor) -> np.ndarray:
    return tf.io.decode_raw(raw, tf.uint8).numpy().astype(float)


def test_draw_span_other_seed_or_split_shares_no_picture_and_noise_changes_all():
    first, second, noisy = draw_span(20, 20, 1), draw_span(20, 20, 2), draw_span(20, 20, 2, noise=40.0)
    pictures = [raw for span in (first, second) for part in (span.train, span.eval_) for raw in part.pixels.numpy()]
    assert len(set(pictures)) == 80
    difference = decode(noisy.train.pixels) - decode(second.train.pixels)
    assert 25 < difference.std() < 41  # clipped at both ends
    assert noisy.train.class_indices.numpy().tolist() == second.train.class_indices.numpy().tolist()


def test_format_rows_way_without_weights_has_no_accuracy_before_the_first_epoch():
    table = format_rows([("random", [None, 0.25, 0.5, 0.75]), ("warm", [0.5, 0.625, 0.75, 1.0])]).splitlines()
    assert table[0] == "| begins with | 0 epochs | 1 | 2 | 3 |"
    assert table[2:] == ["| random | - | 0.250 | 0.500 | 0.750 |", "| warm | 0.500 | 0.625 | 0.750 | 1.000 |"]
