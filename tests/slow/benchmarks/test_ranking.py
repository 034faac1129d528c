import hashlib

import numpy as np
import pytest
from evaluation_doubles import draw_pixels, write_data

from benchmarks.model.fer2013 import choose_scored, read_ranking_rows
from fer_tfx.errors import DataError


def digest_all(pixels: np.ndarray) -> list[bytes]:
    return [hashlib.sha256(picture.tobytes()).digest() for picture in pixels]


def draw_noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 48, 48), dtype=np.uint8)


def test_choose_scored_three_tenths_of_the_digests_in_any_order_and_company():
    digests = digest_all(draw_noise(400))
    found = choose_scored(digests)
    assert found.tolist() == [digest[0] / 256 < 0.3 for digest in digests]
    assert 0.2 < found.mean() < 0.4
    assert choose_scored(digests[::-3]).tolist() == found[::-3].tolist()


def test_choose_scored_part_without_a_picture_is_refused():
    with pytest.raises(DataError, match=r"^train\.csv\.xz: 1 different pictures are too few"):
        choose_scored(digest_all(draw_noise(1)))


def test_read_ranking_rows_every_row_is_in_one_part_with_its_label(tmp_path):
    pixels = draw_noise(60)
    labels = {picture.tobytes(): number % 7 for number, picture in enumerate(pixels)}
    folder = write_data(tmp_path / "data", pixels, draw_pixels([1]), [0], list(labels.values()))
    pictures, is_scored = read_ranking_rows(folder, tmp_path / "state")
    parts = [pictures.select(is_scored), pictures.select(~is_scored)]
    found = [(picture.tobytes(), label) for part in parts for picture, label in zip(*part, strict=True)]
    assert len(found) == 60
    assert dict(found) == labels


def test_read_ranking_rows_equal_pictures_never_part(tmp_path):
    pixels = draw_noise(20)
    folder = write_data(tmp_path / "data", np.concatenate([pixels, pixels[::-1]]), draw_pixels([1]), [0])
    pictures, _ = read_ranking_rows(folder, tmp_path / "state")
    assert len(pictures.pixels) == len({picture.tobytes() for picture in pictures.pixels}) == 20


def test_read_ranking_rows_again_takes_what_was_kept_of_the_same_files_only(tmp_path):
    state = tmp_path / "state"
    folder = write_data(tmp_path / "data", draw_noise(9), draw_pixels([1]), [0], [1] * 9)
    first, _ = read_ranking_rows(folder, state)
    (kept,) = state.iterdir()
    with np.load(kept) as arrays:
        np.savez(kept, **{**arrays, "class_indices": arrays["class_indices"] + 4})
    assert read_ranking_rows(folder, state)[0].class_indices.tolist() == [5] * 9
    write_data(folder, draw_noise(8), draw_pixels([1]), [0])
    assert len(read_ranking_rows(folder, state)[1]) == 8
    assert first.class_indices.tolist() == [1] * 9


def test_read_ranking_rows_missing_file_is_named(tmp_path):
    with pytest.raises(
        DataError, match=r"train\.csv\.xz: can't be read: No such file or directory; give --data a fold"
    ):
        read_ranking_rows(tmp_path, tmp_path / "state")
    assert not (tmp_path / "state").exists()
