import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from predictor_double import build_prediction

from fer_tfx.commands.inputs import Picture, Subject
from fer_tfx.commands.output import Row
from fer_tfx.commands.photos import draw_answers, open_album
from fer_tfx.errors import DataError
from fer_tfx.face_detection import Box

BOX = Box(10, 20, 60, 60)


def encode(size: tuple[int, int] = (120, 100), form: str = "PNG", grey: int = 90) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", size, grey).save(buffer, form)
    return buffer.getvalue()


def build_row(place: int = 0, face: int = 1, box: Box | None = BOX) -> Row:
    return Row(Subject("a", place, face, box), build_prediction(200) if box else None, is_sure=True)


def test_draw_answers_box_and_text_are_drawn_and_the_rest_stays():
    drawn = Image.open(io.BytesIO(draw_answers(encode(), "a", [build_row()])))
    assert (drawn.format, drawn.size) == ("PNG", (120, 100))
    pixels = np.asarray(drawn)
    rim = [pixels[y, x].tolist() for x, y in ((10, 50), (69, 50), (40, 20), (40, 79))]
    assert rim == [[255, 210, 0]] * 4
    assert (pixels[:, :, 2] == 0).sum() > 4 * 60  # and the text's ground
    assert np.unique(pixels[81:]).tolist() == np.unique(pixels[:, :10]).tolist() == [90]


def test_draw_answers_jpeg_stays_a_jpeg_and_without_a_face_it_is_as_it_was():
    drawn = Image.open(io.BytesIO(draw_answers(encode(form="JPEG"), "a", [build_row(box=None)])))
    assert drawn.format == "JPEG"
    assert np.abs(np.asarray(drawn).astype(int) - 90).max() <= 1


def list_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.is_file())


def save(folder: Path, photos: list[Picture]) -> None:
    before = list_files(folder)
    with open_album(folder, photos) as pass_on:
        rows = [build_row(place) for place in range(len(photos))]
        assert list(pass_on(iter(rows))) == rows
        assert list_files(folder) == before


def test_open_album_names_that_clash_get_a_number_and_suffixes_tell_the_form(tmp_path):
    names = ["x/a.png", "y/a.png", "b.GIF", "c.jpeg", "a"]
    save(tmp_path / "out", [Picture(name, encode(form="JPEG" if "c" in name else "PNG")) for name in names])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a-2.png", "a-3.png", "a.png", "b.png",
                                                                          "c.jpg"]  # fmt: skip


def test_open_album_neither_the_source_nor_any_other_file_is_written_over(tmp_path):
    source = tmp_path / "a.png"
    source.write_bytes(encode())
    save(tmp_path, [Picture(str(source))])
    assert source.read_bytes() == encode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-2.png", "a.png"]


@pytest.mark.parametrize("is_there", [True, False])
def test_open_album_error_leaves_the_folder_as_it_was(tmp_path, is_there):
    folder = tmp_path / "out"
    if is_there:
        folder.mkdir()

    def fail() -> None:
        with open_album(folder, [Picture("a.png", encode())]) as pass_on:
            list(pass_on([build_row()]))
            raise DataError("b.png is torn")

    with pytest.raises(DataError, match=r"b\.png is torn"):
        fail()
    assert folder.exists() == is_there
    assert not is_there or list(folder.iterdir()) == []


def test_open_album_place_that_is_no_folder_is_named(tmp_path):
    (tmp_path / "out").touch()
    with (
        pytest.raises(DataError, match=rf"^{tmp_path}/out: can't be written to: File exists; give --save another"),
        open_album(tmp_path / "out", []),
    ):
        pass


def test_open_album_takes_back_what_it_saved_if_a_name_does_not_fit(tmp_path):
    long = "x" * 251
    (tmp_path / f"{long}.png").write_bytes(b"mine")
    with pytest.raises(DataError, match="File name too long"):
        save(tmp_path, [Picture("a.png", encode()), Picture(f"{long}.png", encode())])
    assert [path.name for path in tmp_path.iterdir()] == [f"{long}.png"]
