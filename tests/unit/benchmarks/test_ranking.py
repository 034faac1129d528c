import hashlib

import numpy as np
import pytest
from evaluation_doubles import draw_pixels, write_data

from benchmarks.model.fer2013 import RankingRows, StrictRows, read_ranking_rows, split_rows
from fer_tfx.errors import DataError


def build_rows(pixels: np.ndarray) -> StrictRows:
    digests = tuple(hashlib.sha256(picture.tobytes()).digest() for picture in pixels)
    return StrictRows(pixels, np.arange(len(pixels)) % 7, digests)


def name_scored(rows: RankingRows) -> dict[bytes, bool]:
    return {
        picture.tobytes(): bool(scored) for picture, scored in zip(rows.pictures.pixels, rows.is_scored, strict=True)
    }


def draw_noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 48, 48), dtype=np.uint8)


def test_split_rows_three_tenths_of_the_digests_are_scored():
    pixels = draw_noise(400)
    rows = build_rows(pixels)
    found = split_rows(rows).is_scored
    assert found.tolist() == [digest[0] / 256 < 0.3 for digest in rows.digests]
    assert 0.2 < found.mean() < 0.4


def test_split_rows_picture_keeps_its_part_in_any_order_and_company():
    pixels = draw_noise(60)
    whole = name_scored(split_rows(build_rows(pixels)))
    some = name_scored(split_rows(build_rows(pixels[::-3])))
    assert len(set(whole.values())) == 2
    assert some == {picture: whole[picture] for picture in some}


def test_split_rows_part_without_a_picture_is_refused():
    with pytest.raises(DataError, match=r"^train\.csv\.xz: 1 different pictures are too few"):
        split_rows(build_rows(draw_noise(1)))


def test_ranking_rows_select_every_row_is_in_one_part_with_its_label():
    rows = split_rows(build_rows(draw_noise(60)))
    parts = [rows.select(is_scored) for is_scored in (False, True)]
    pictures = [picture.tobytes() for part in parts for picture in part.pixels]
    assert len(pictures) == len(set(pictures)) == 60
    labels = {
        picture.tobytes(): label
        for part in parts
        for picture, label in zip(part.pixels, part.class_indices, strict=True)
    }
    assert [labels[picture.tobytes()] for picture in rows.pictures.pixels] == rows.pictures.class_indices.tolist()


def test_read_ranking_rows_equal_pictures_never_part(tmp_path):
    pixels = draw_noise(20)
    folder = write_data(tmp_path / "data", np.concatenate([pixels, pixels[::-1]]), draw_pixels([1]), [0])
    rows = read_ranking_rows(folder, tmp_path / "state")
    assert len(rows.pictures.pixels) == len(name_scored(rows)) == 20


def test_read_ranking_rows_again_takes_what_was_kept_of_the_same_files_only(tmp_path):
    state = tmp_path / "state"
    folder = write_data(tmp_path / "data", draw_noise(9), draw_pixels([1]), [0], [1] * 9)
    first = read_ranking_rows(folder, state)
    (kept,) = state.iterdir()
    with np.load(kept) as arrays:
        np.savez(kept, **{**arrays, "class_indices": arrays["class_indices"] + 4})
    assert read_ranking_rows(folder, state).pictures.class_indices.tolist() == [5] * 9
    write_data(folder, draw_noise(8), draw_pixels([1]), [0])
    again = read_ranking_rows(folder, state)
    assert len(again.is_scored) == 8
    assert first.pictures.class_indices.tolist() == [1] * 9


def test_read_ranking_rows_missing_file_is_named(tmp_path):
    with pytest.raises(
        DataError, match=r"train\.csv\.xz: can't be read: No such file or directory; give --data a fold"
    ):
        read_ranking_rows(tmp_path, tmp_path / "state")
    assert not (tmp_path / "state").exists()
