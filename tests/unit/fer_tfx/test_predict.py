"""fer-tfx predict: arguments to options, what is refused before a model is loaded, and the whole way with a double."""

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from predictor_double import PredictorDouble, build_face, build_prediction

from fer_tfx import model as model_module
from fer_tfx.cli import main
from fer_tfx.commands import predict as predict_command
from fer_tfx.commands.predict import BackEnd, PredictOptions, predict
from fer_tfx.errors import FerError
from fer_tfx.face_detection import Box, Face
from fer_tfx.model import Model


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[PredictOptions]:
    """Options that the command line hands on; nothing is predicted."""
    options: list[PredictOptions] = []
    monkeypatch.setattr(predict_command, "predict", lambda each: options.append(each) or 0)
    return options


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> PredictorDouble:
    """Who answers instead of any model."""
    answering = PredictorDouble()

    @contextmanager
    def open_double(back_end: BackEnd) -> Iterator[Model]:
        yield Model(answering)

    monkeypatch.setattr(predict_command, "open_model", open_double)
    return answering


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    names = [str(tmp_path / f"{number}.png") for number in (200, 100)]
    for name in names:
        Image.new("L", (48, 48), int(Path(name).stem)).save(name)
    return names


def write_csv(path: Path, *numbers: int) -> str:
    lines = [" ".join([str(number), *["0"] * 2303]) for number in numbers]
    path.write_text("\n".join(["pixels", *lines, ""]), "ascii")
    return str(path)


def test_main_predict_every_option_reaches_the_command(given):
    assert main(["predict", "a.png", "b.png"]) == 0
    words = "--model m --trust --format csv --out o.csv --abstain-below 0.4 --whole --save s --strict"
    main(["predict", "a", *words.split()])
    main(["predict", "a", "--views", "2"])
    words = "--abstain --url http://h:1 --server-model own --timeout 2"
    main(["predict", "-", *words.split()])
    assert given == [
        PredictOptions(paths=("a.png", "b.png")),
        PredictOptions(("a",), BackEnd("m", is_trusted=True), "csv", Path("o.csv"), 0.4, False, True, Path("s"), True),
        PredictOptions(("a",), BackEnd(views=2)),
        PredictOptions(("-",), BackEnd(None, "http://h:1", "own", 2.0), is_abstaining=True),
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "Missing argument 'PATH'; usage: fer-tfx predict [OPTIONS] {PATH}...; see `fer-tfx predict"),
        ("a --format xml", "Invalid value for '--format': "),
        ("a --abstain-below x", "Invalid value for '--abstain-below': "),
        ("a --abstain-below 0.1 --abstain", "--abstain and --abstain-below: give one of them"),
        ("a --model m --url u", "--model and --url: give one of them"),
    ],
)
def test_main_predict_wrong_option_is_one_line(words, said, capsys):
    assert main(["predict", *words.split()]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"fer-tfx: {said}")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--abstain-below 1.5", "--abstain-below: expected a number from 0 to 1, got 1.5"),
        ("--abstain-below nan", "--abstain-below: expected a number from 0 to 1, got nan"),
        ("--save s --whole", "--save draws the faces that were found, and --whole looks for none; give one of them"),
        ("--out none/x.csv", "none/x.csv: its folder does not exist; make it first"),
        ("--server-model own", "--server-model is for a server; give --url, or omit it"),
        ("--timeout 3 --model m", "--timeout is for a server; give --url, or omit it"),
        ("--timeout 0 --url http://h", "--timeout: expected seconds above 0, got 0.0"),
        ("--timeout nan --url http://h", "--timeout: expected seconds above 0, got nan"),
        ("--views 3", "--views: expected 1, 2 or 4, got 3"),
        (
            "--views 2 --url http://h",
            "--views: a server averages the views that its model was exported with; omit --views",
        ),
        ("--model none", "none: no such folder; give a model or a folder of its versions"),
    ],
)
def test_main_predict_options_that_do_not_go_together_are_one_line(words, said, capsys, double):
    assert main(["predict", "a.png", *words.split()]) == 2
    assert capsys.readouterr() == ("", f"fer-tfx: {said}\n")


def test_main_predict_rows_have_no_faces_to_draw(capsys, tmp_path, double):
    assert main(["predict", write_csv(tmp_path / "a", 1), "--save", "s"]) == 2
    said = "--save draws the faces in pictures, and rows are faces already; omit --save"
    assert capsys.readouterr() == ("", f"fer-tfx: {said}\n")


def test_main_predict_output_that_is_an_input_is_refused(capsys, pictures, double):
    assert main(["predict", *pictures, "--out", pictures[1]]) == 2
    assert capsys.readouterr().err == f"fer-tfx: {pictures[1]}: --out is a file to read; give another one\n"


def test_main_predict_pictures_are_answered_in_order(capfd, pictures, double):
    assert main(["predict", *pictures, pictures[0]]) == 0
    expected = [build_prediction(number) for number in (200, 100, 200)]
    lines = [f"{name}     {each.label:8}  {each.confidence:.3f}" for name, each in zip(
        [*pictures, pictures[0]], expected, strict=True)]  # fmt: skip
    assert capfd.readouterr() == ("\n".join([*lines, ""]), "")


@pytest.mark.parametrize(
    ("words", "classes"),
    [("", ["neutral", "disgust"]), ("--abstain", ["neutral", "unsure"]), ("--abstain-below 0.8", ["unsure", "unsure"])],
)
def test_main_predict_answers_below_a_threshold_are_unsure(capfd, tmp_path, double, words, classes):
    path = write_csv(tmp_path / "a", 202, 99)  # the double's own threshold lies between them
    main(["predict", path, "--format", "csv", *words.split()])
    assert [row["class"] for row in csv.DictReader(capfd.readouterr().out.splitlines())] == classes


def test_main_predict_rows_of_two_files_name_their_file(capfd, tmp_path, double):
    first, second = write_csv(tmp_path / "a", 1, 2), write_csv(tmp_path / "b", 3)
    main(["predict", first, second, "--format", "csv"])
    rows = list(csv.DictReader(capfd.readouterr().out.splitlines()))
    assert [(row["file"], row["row"]) for row in rows] == [(first, "0"), (first, "1"), (second, "0")]
    assert double.batch_sizes == [3]


@pytest.mark.parametrize(("count", "words", "views"), [(128, [], 4), (129, [], 1), (129, ["--views", "2"], 2)])
def test_main_predict_many_pictures_are_not_averaged_unless_asked_for(pictures, double, count, words, views):
    assert main(["predict", *pictures[:1] * count, *words]) == 0
    assert set(double.views) == {views}


@pytest.mark.parametrize(("words", "views"), [([], 1), (["--views", "2"], 2)])
def test_main_predict_rows_are_not_averaged_unless_asked_for(tmp_path, double, words, views):
    assert main(["predict", write_csv(tmp_path / "a", 1), *words]) == 0
    assert double.views == [views]


def test_main_predict_out_gets_the_answers_and_the_terminal_their_number(capfd, tmp_path, pictures, double):
    out = tmp_path / "o.jsonl"
    assert main(["predict", *pictures, "--format", "jsonl", "--out", str(out)]) == 0
    assert capfd.readouterr() == (f"2 predictions written to {out}\n", "")
    assert [json.loads(line)["file"] for line in out.read_text("utf-8").splitlines()] == pictures


class DetectorDouble:
    """Finds one face in pictures that aren't black."""

    def detect(self, picture: Image.Image) -> list[Face]:
        return [build_face(Box(8, 8, 32, 32))] if picture.getpixel((0, 0)) else []


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A black one and a grey one."""
    monkeypatch.setattr(model_module, "_open_detector", DetectorDouble)
    names = [str(tmp_path / name) for name in ("black.png", "grey.png")]
    for name, grey in zip(names, (0, 200), strict=True):
        Image.new("L", (80, 60), grey).save(name)
    return names


def test_main_predict_answers_for_each_face_and_each_crop_and_saves_them_all(capfd, tmp_path, photos, pictures, double):
    words = ["--save", str(tmp_path / "s"), "--format", "jsonl"]
    assert main(["predict", *photos, pictures[1], *words]) == 0
    none, found, crop = map(json.loads, capfd.readouterr().out.splitlines())
    assert (none["file"], none["face"], none["class"]) == (photos[0], None, None)
    assert found["face"] == {"number": 1, "x": 8, "y": 8, "width": 32, "height": 32}
    assert (found["class"], crop["class"]) == (build_prediction(200).label, build_prediction(100).label)
    assert crop["face"] is None
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == ["100.png", "black.png", "grey.png"]


def test_main_predict_whole_pictures_are_not_searched(capfd, photos, double):
    assert main(["predict", *photos, "--whole", "--format", "csv"]) == 0
    rows = list(csv.DictReader(capfd.readouterr().out.splitlines()))
    assert [row["class"] for row in rows] == [build_prediction(grey).label for grey in (0, 200)]
    assert {"face", "x"} & {*rows[0]} == set()


def test_main_predict_picture_without_a_face_has_a_line_that_says_so(capfd, photos, double):
    assert main(["predict", photos[0]]) == 0
    assert capfd.readouterr().out == f"{photos[0]}     no face\n"


@pytest.mark.parametrize("words", [[], ["--save"]])
def test_main_predict_strict_torn_picture_is_named_and_nothing_is_written(
    capfd, tmp_path, pictures, double, monkeypatch, words
):
    monkeypatch.setattr(model_module, "_open_detector", DetectorDouble)
    torn = tmp_path / "torn.png"
    torn.write_bytes(Path(pictures[0]).read_bytes()[:-30])
    before = sorted(tmp_path.iterdir())
    more = [*words, str(tmp_path / "s")] if words else []
    words = [str(torn), "--strict", "--out", str(tmp_path / "o"), *more]
    assert main(["predict", *pictures * 65, *words]) == 2
    assert capfd.readouterr() == (
        "",
        f"fer-tfx: {torn}: this PNG is damaged or ends early; replace it, or leave it out\n",
    )
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("words", [[], ["--whole"]])
def test_main_predict_folder_answers_for_what_it_can_read_and_lists_the_rest(
    capfd, tmp_path, pictures, double, monkeypatch, words
):
    monkeypatch.setattr(model_module, "_open_detector", DetectorDouble)
    for name in ("a.webp", "b.tiff", "c.jfif", "d.AVIF"):
        Image.new("L", (48, 48), 90).save(tmp_path / name, {".jfif": "JPEG"}.get(Path(name).suffix))
    (tmp_path / "torn.png").write_bytes(Path(pictures[0]).read_bytes()[:-30])
    (tmp_path / "e.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".hidden").touch()
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert main(["predict", str(tmp_path), *words, "--format", "csv"]) == 2
    out, error = capfd.readouterr()
    assert [Path(row["file"]).name for row in csv.DictReader(out.splitlines())] == [
        "100.png", "200.png", "a.webp", "b.tiff", "c.jfif", "d.AVIF"
    ]  # fmt: skip
    assert error.splitlines() == [
        f"fer-tfx: 1 file is no picture by name, passed over: {tmp_path}/notes.txt",
        f"fer-tfx: {tmp_path}/e.heic: HEIC needs pillow-heif: `pip install pillow-heif`, or save it as PNG or JPEG",
        f"fer-tfx: {tmp_path}/torn.png: this PNG is damaged or ends early; replace it, or leave it out",
        "fer-tfx: 2 of 8 pictures could not be read and have no answer; --strict stops at the first",
    ]


@pytest.mark.usefixtures("_folders_called_locked")
def test_main_predict_folder_within_that_cannot_be_read_is_named_and_the_rest_answered(
    capfd, tmp_path, pictures, double
):
    (tmp_path / "locked").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "locked")
    said = f"fer-tfx: {tmp_path}/locked: can't be read: Permission denied; fix its permissions"
    assert main(["predict", str(tmp_path), "--format", "csv"]) == 2
    out, error = capfd.readouterr()
    assert len(out.splitlines()) == 1 + len(pictures)
    link = f"fer-tfx: links to folders are not followed: {tmp_path}/link; give them themselves"
    assert error.splitlines() == [link, said]
    assert main(["predict", str(tmp_path), "--strict"]) == 2
    assert capfd.readouterr() == ("", f"{said}\n")


@pytest.mark.parametrize(("count", "said"), [(1, ""), (2, "no picture could be read; the first: ")])
def test_main_predict_without_a_readable_picture_writes_nothing(capfd, tmp_path, double, count, said):
    paths = [str(tmp_path / f"{number}.png") for number in range(count)]
    for path in paths:
        Path(path).write_bytes(b"torn")
    assert main(["predict", *paths, "--out", str(tmp_path / "o")]) == 2
    assert capfd.readouterr() == ("", f"fer-tfx: {said}{paths[0]}: is no picture; give a PNG or JPEG file\n")
    assert not (tmp_path / "o").exists()


def test_predict_interrupt_says_that_nothing_was_written(monkeypatch, tmp_path):
    def interrupt(back_end: BackEnd) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(predict_command, "open_model", interrupt)
    with pytest.raises(FerError, match="interrupted; nothing was written") as caught:
        predict(PredictOptions(("a.png",), out=tmp_path / "o.csv"))
    assert caught.value.exit_code == 1
    assert list(tmp_path.iterdir()) == []
