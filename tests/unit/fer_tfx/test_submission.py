"""fer-tfx submission, with a double for the model."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
from predictor_double import PredictorDouble

from fer_tfx.cli import main
from fer_tfx.commands import predict as submission
from fer_tfx.commands.predict import BackEnd
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.model import Model


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[BackEnd]:
    """Who was asked; a double answers instead."""
    asked: list[BackEnd] = []

    @contextmanager
    def open_double(back_end: BackEnd) -> Iterator[Model]:
        asked.append(back_end)
        yield Model(PredictorDouble())

    monkeypatch.setattr(submission, "open_model", open_double)
    return asked


def build_csv(*numbers: int) -> str:
    return "\n".join(["pixels", *(" ".join([str(number), *["0"] * 2303]) for number in numbers), ""])


def write(path: Path, *numbers: int) -> Path:
    path.write_text(build_csv(*numbers), "ascii")
    return path


def submit(data: Path, out: Path, *words: str) -> int:
    return main(["submission", "--data", str(data), "--out", str(out), *words])


def test_main_submission_holds_one_class_index_a_row_in_order_without_a_header(capfd, tmp_path, asked):
    numbers = [(37 * row) % 256 for row in range(300)]
    assert submit(write(tmp_path / "test.csv", *numbers), tmp_path / "s.csv") == 0
    assert (tmp_path / "s.csv").read_text("ascii") == "".join(f"{number % 7}\n" for number in numbers)
    assert capfd.readouterr() == (f"300 rows written to {tmp_path}/s.csv\n", "")


def test_main_submission_whoever_is_named_is_asked(tmp_path, asked):
    submit(write(tmp_path / "a", 1), tmp_path / "s", "--url", "http://h:1", "--server-model", "own", "--timeout", "3")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "saved_model.pb").touch()
    submit(tmp_path / "a", tmp_path / "s", "--model", str(tmp_path / "model"), "--trust")
    submit(tmp_path / "a", tmp_path / "s", "--views", "4")
    assert asked == [
        BackEnd(None, "http://h:1", "own", 3.0),
        BackEnd(str(tmp_path / "model"), is_trusted=True),
        BackEnd(views=4),
    ]


def complain(capfd: pytest.CaptureFixture[str], tmp_path: Path, data: Path) -> tuple[int, str]:
    """Exit code and the one line on standard error; the old file stays, and nothing stands beside it."""
    out = tmp_path / "s.csv"
    out.write_text("old", "ascii")
    before = sorted(tmp_path.iterdir())
    code = submit(data, out)
    printed, error = capfd.readouterr()
    assert (printed, error.count("\n")) == ("", 1)
    assert out.read_text("ascii") == "old"
    assert sorted(tmp_path.iterdir()) == before
    return code, error.rstrip("\n")


def test_main_submission_broken_row_is_named_by_its_line(capfd, tmp_path, asked):
    path = write(tmp_path / "a.csv", *range(200), 256, *range(9))
    code, line = complain(capfd, tmp_path, path)
    assert code == 2
    assert line.startswith(f"fer-tfx: {path}, line 202: pixel out of 0-255: ")


def test_main_submission_rows_of_a_second_file_in_an_archive_are_refused(capfd, tmp_path, asked):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("b.csv", build_csv(1, 2))
        archive.writestr("c.csv", build_csv(3))
    assert complain(capfd, tmp_path, path) == (
        2, f"fer-tfx: {path}/c.csv: a second file of rows beside {path}/b.csv; give one of them"
    )  # fmt: skip


def test_main_submission_picture_is_refused(capfd, tmp_path, asked):
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    code, line = complain(capfd, tmp_path, path)
    assert (code, line.startswith(f"fer-tfx: {path}")) == (2, True)


@pytest.mark.parametrize("class_names", [("sad", "happy"), (*DEFAULT_CLASS_NAMES[1:], DEFAULT_CLASS_NAMES[0])])
def test_main_submission_model_of_other_classes_is_refused(capfd, tmp_path, monkeypatch, class_names):
    monkeypatch.setattr(submission, "open_model", lambda _: nullcontext(Model(PredictorDouble(class_names))))
    assert complain(capfd, tmp_path, write(tmp_path / "a", 1)) == (
        2, f"fer-tfx: small: its classes are {', '.join(class_names)}; a submission needs angry, disgust, fear, happy,"
        " sad, surprise, neutral, in this order: name another model",
    )  # fmt: skip


def test_main_submission_over_its_own_data_is_refused(capfd, tmp_path, asked):
    path = write(tmp_path / "s.csv", 1)
    assert submit(path, path) == 2
    assert capfd.readouterr().err == f"fer-tfx: {path}: --out is a file to read; give another one\n"


def test_main_submission_interrupt_says_that_nothing_was_written(capfd, tmp_path, monkeypatch):
    def interrupt(back_end: BackEnd) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(submission, "open_model", interrupt)
    assert complain(capfd, tmp_path, write(tmp_path / "a", 1)) == (1, "fer-tfx: interrupted; nothing was written")
