from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from predictor_double import read_numbers

from fer_tfx.commands.inputs import Picture, iter_pictures, list_folder
from fer_tfx.errors import DataError


def write_pictures(folder: Path, count: int) -> list[str]:
    names = [str(folder / f"{number:03}.png") for number in range(count)]
    for number, name in enumerate(names):
        Image.new("L", (48, 48), number).save(name)
    return names


def test_list_folder_gives_pictures_below_it_by_path(tmp_path):
    for name in ("b.PNG", "a/z.jpg", "a/y.jpeg", "c.txt", ".hidden.png", "d.gif", "e.bmp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [name.removeprefix(f"{tmp_path}/") for name in list_folder(str(tmp_path))]
    assert found == ["a/y.jpeg", "a/z.jpg", "b.PNG", "d.gif", "e.bmp"]


def test_list_folder_without_pictures_is_named(tmp_path):
    with pytest.raises(DataError, match=f"^{tmp_path}: no picture in this folder; give files that end in .bmp"):
        list_folder(str(tmp_path))


def test_iter_pictures_each_name_keeps_its_own_pixels_in_the_given_order(tmp_path):
    names = write_pictures(tmp_path, 4)
    given = [names[3], names[0], names[3], names[1]]
    found = read_numbers(iter_pictures([Picture(name) for name in given]))
    assert [(subject.source, subject.place, number) for subject, number in found] == [
        (names[3], 0, 3), (names[0], 1, 0), (names[3], 2, 3), (names[1], 3, 1)
    ]  # fmt: skip


def test_iter_pictures_files_are_read_when_their_turn_comes(tmp_path):
    items = iter_pictures([Picture(name) for name in (*write_pictures(tmp_path, 1), str(tmp_path / "none.png"))])
    assert np.unique(next(items).pixels).tolist() == [0]
    with pytest.raises(DataError, match=r"none\.png: can't be read: No such file or directory; give a PNG"):
        next(items)


def test_iter_pictures_content_that_was_given_needs_no_file(tmp_path):
    content = Path(write_pictures(tmp_path, 8)[7]).read_bytes()
    ((subject, number),) = read_numbers(iter_pictures([Picture("standard input", content)]))
    assert (subject.source, number) == ("standard input", 7)
