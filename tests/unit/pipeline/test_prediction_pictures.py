import io
from pathlib import Path

import pytest
from PIL import Image
from predictor_double import BROKEN, PredictorDouble, build_prediction

from pipeline.prediction import pictures
from pipeline.prediction.pictures import in_one_line, list_pictures, predict_pictures
from schema.errors import DataError


def encode(size: tuple[int, int] = (4, 4), form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("L", size).save(buffer, form)
    return buffer.getvalue()


def write_pictures(folder: Path, count: int) -> list[str]:
    """Pictures of different file sizes, by which the double tells them apart: bytes behind a PNG's end are no fault."""
    names = [str(folder / f"{number:03}.png") for number in range(count)]
    for number, name in enumerate(names):
        Path(name).write_bytes(encode() + bytes(number))
    return names


def test_list_pictures_files_stay_in_the_given_order_with_repeats(tmp_path):
    given = [str(tmp_path / "b.png"), str(tmp_path / "a.unknown"), str(tmp_path / "b.png")]
    assert list_pictures(given) == given


def test_list_pictures_folder_gives_pictures_below_it_by_path(tmp_path):
    for name in ("b.PNG", "a/z.jpg", "a/y.jpeg", "c.txt", ".hidden.png", "d.gif", "e.bmp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [name.removeprefix(f"{tmp_path}/") for name in list_pictures([str(tmp_path)])]
    assert found == ["a/y.jpeg", "a/z.jpg", "b.PNG", "d.gif", "e.bmp"]


def test_list_pictures_folder_without_pictures_is_named(tmp_path):
    with pytest.raises(DataError, match=f"^{tmp_path}: no picture in this folder; give files that end in .bmp"):
        list_pictures([str(tmp_path)])


@pytest.mark.parametrize("count", [1, 64, 65, 130])
def test_predict_pictures_each_name_keeps_its_own_answer_over_batches(tmp_path, count):
    names, double = write_pictures(tmp_path, count), PredictorDouble()
    answers = list(predict_pictures(double, names))
    assert answers == [(name, build_prediction(len(encode()) + number)) for number, name in enumerate(names)]
    assert double.batch_sizes == [64] * (count // 64) + [count % 64] * bool(count % 64)


def test_predict_pictures_files_are_read_when_their_batch_comes(tmp_path):
    names = write_pictures(tmp_path, 65)
    answers = predict_pictures(PredictorDouble(), [*names, str(tmp_path / "none.png")])
    assert next(answers)[0] == names[0]


def test_predict_pictures_many_pixels_make_smaller_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "_MAX_BATCH_PIXELS", 40)  # of two pictures of 16
    double = PredictorDouble()
    assert len(list(predict_pictures(double, write_pictures(tmp_path, 5)))) == 5
    assert double.batch_sizes == [2, 2, 1]


def fail(*names: Path) -> str:
    with pytest.raises(DataError) as caught:
        list(predict_pictures(PredictorDouble(), [str(name) for name in names]))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_predict_pictures_one_that_the_model_refuses_is_named_among_sound_ones(tmp_path):
    names = [Path(name) for name in write_pictures(tmp_path, 5)]
    names[3].write_bytes(encode() + BROKEN)
    assert fail(*names) == f"{names[3]}: is damaged or ends early; replace it, or leave it out"


def test_predict_pictures_missing_file_is_named(tmp_path):
    expected = f"{tmp_path}/a.png: can't be read: No such file or directory; give a PNG or JPEG file"
    assert fail(tmp_path / "a.png") == expected


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n"])
def test_predict_pictures_file_that_is_no_picture_is_named(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    assert fail(tmp_path / "a.png") == f"{tmp_path}/a.png: is no picture; give a PNG or JPEG file"


def test_predict_pictures_format_that_the_model_cannot_decode_is_named(tmp_path):
    (tmp_path / "a.png").write_bytes(encode(form="WEBP"))
    assert fail(tmp_path / "a.png") == f"{tmp_path}/a.png: a WEBP picture can't be read; save it as PNG or JPEG"


@pytest.mark.parametrize("size", [(10_001, 10_000), (20_000, 20_000)])
def test_predict_pictures_one_that_would_fill_the_memory_is_refused(tmp_path, size):
    (tmp_path / "a.png").write_bytes(encode(size))
    assert fail(tmp_path / "a.png") == f"{tmp_path}/a.png: more than 100,000,000 pixels; scale it down"


def test_predict_pictures_large_file_is_refused_unread(tmp_path):
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate(200_000_001)
    assert fail(tmp_path / "a.png") == f"{tmp_path}/a.png: larger than 200,000,000 bytes; give a smaller picture"


def test_predict_pictures_device_is_refused_unread():
    assert fail(Path("/dev/zero")) == "/dev/zero: is no regular file; give a picture"


def test_in_one_line_breaks_and_undecodable_bytes_are_escaped():
    assert in_one_line("ä\n\x1b\udcff.png") == "ä\\n\\x1b\\udcff.png"
