"""What a training is fed with has one name wherever it lies, and another when a bit of it changes."""

import hashlib

import numpy as np
import pytest
import tensorflow as tf
from model_doubles import build_examples, draw_pixels, stub_transform, to_raw
from test_dataset import write_examples

from models.dataset import compute_data_digest, find_examples, read_examples
from models.streaming import scan_examples

PIXELS, CLASSES = draw_pixels(4), [0, 1, 2, 3]


def digest(
    pixels: np.ndarray = PIXELS, classes: list[int] = CLASSES, transform=stub_transform, how: object = ""
) -> str:
    return compute_data_digest([build_examples(pixels, classes), build_examples(PIXELS[:2], [5, 6])], transform, how)


def test_compute_data_digest_same_rows_give_the_same():
    assert digest() == digest(PIXELS.copy(), list(CLASSES))


def test_compute_data_digest_is_that_of_pixels_and_classes_of_one_split_after_the_other():
    plain = hashlib.sha256()
    for pixels, classes in ((PIXELS, CLASSES), (PIXELS[:2], [5, 6])):
        plain.update(pixels.tobytes() + np.array(classes, np.int64).tobytes())
    every_value = (np.arange(48 * 48) % 256).astype(np.uint8).tobytes()
    plain.update(stub_transform(tf.constant([every_value])).numpy().tobytes())
    assert digest() == plain.hexdigest()


def test_compute_data_digest_rows_on_disk_have_the_name_of_the_same_rows_in_memory(tmp_path):
    write_examples(tmp_path / "a.gz", to_raw(PIXELS[:1]), [5])
    write_examples(tmp_path / "b.gz", to_raw(PIXELS[1:2]), [6])
    train, eval_ = build_examples(PIXELS, CLASSES), find_examples([str(tmp_path / "*")], 7)
    assert compute_data_digest([train, eval_], stub_transform) == digest()


def change_one_pixel() -> np.ndarray:
    changed = PIXELS.copy()
    changed[3, 47, 47, 0] ^= 1
    return changed


@pytest.mark.parametrize(
    "changed",
    [
        {"pixels": change_one_pixel()},
        {"pixels": PIXELS[::-1], "classes": CLASSES},
        {"classes": [0, 1, 2, 4]},
        {"pixels": PIXELS[:3], "classes": CLASSES[:3]},
        {"transform": lambda raw: stub_transform(raw) * (1 + 1e-6)},
        {"how": (50, 1, "c0de")},
    ],
)
def test_compute_data_digest_any_change_gives_another(changed):
    assert digest(**changed) != digest()


def test_compute_data_digest_covers_targets_in_memory_and_on_disk(tmp_path):
    """A resumed training must not mix two sets of targets."""
    soft = {row: np.eye(7)[row].tolist() for row in (0, 2)}
    changed = {**soft, 2: [0.5, 0.5, 0, 0, 0, 0, 0]}
    names = []
    for folder, targets in (("none", {}), ("some", soft), ("again", soft), ("changed", changed)):
        (tmp_path / folder).mkdir()
        write_examples(tmp_path / folder / "a.gz", to_raw(PIXELS), CLASSES, targets)
        patterns = [str(tmp_path / folder / "*")]
        held, stored, stream = read_examples(patterns, 7), find_examples(patterns, 7), scan_examples(patterns, 7, 8)
        name = compute_data_digest([held], stub_transform)
        assert compute_data_digest([stored], stub_transform) == name
        names.append((name, stream.digest))
    assert names[1] == names[2]
    assert len({each for pair in names for each in pair}) == 6


def test_compute_data_digest_splits_exchanged_give_another():
    one, other = build_examples(PIXELS, CLASSES), build_examples(PIXELS[:2], [5, 6])
    assert compute_data_digest([one, other], stub_transform) != compute_data_digest([other, one], stub_transform)
