"""`--data -`: standard input becomes a file that later runs know again."""

import errno
import io
import os
import sys
from pathlib import Path

import pytest

from configs.spec import DataConfig
from fer_tfx.errors import ConfigError, DataError, FerError
from pipeline.standard_input import keep_standard_input

CSV = b"emotion,pixels\n0," + b" ".join([b"7"] * 2304) + b"\n"


@pytest.fixture
def send(monkeypatch: pytest.MonkeyPatch):
    def send(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    return send


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_standard_input_is_kept_once_for_each_content(send, tmp_path: Path) -> None:
    paths = []
    for content in (CSV, CSV, CSV + b"\n"):
        send(content)
        given = keep_standard_input(DataConfig(path="-", eval_fraction=0.3), tmp_path)
        assert given.eval_fraction == 0.3
        assert Path(given.path).read_bytes() == content
        paths.append((given.path, Path(given.path).stat().st_mtime_ns))
    assert paths[0] == paths[1] != paths[2]
    assert len(files_in(tmp_path)) == 2
    send(CSV)
    given = keep_standard_input(DataConfig(path=paths[2][0], unlabelled_path="-"), tmp_path)
    assert (given.path, given.unlabelled_path) == (paths[2][0], paths[0][0])


def test_standard_input_takes_the_place_of_a_kept_copy_that_was_damaged(send, tmp_path: Path) -> None:
    for _ in range(2):
        send(CSV)
        kept = Path(keep_standard_input(DataConfig(path="-"), tmp_path).path)
        assert kept.read_bytes() == CSV
        kept.write_bytes(CSV[:100])


def test_standard_input_on_a_full_disk_names_the_place_and_the_remedy(send, tmp_path: Path, monkeypatch) -> None:
    def fill(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fill)
    send(CSV)
    said = f"^{tmp_path}/in: can't be written: No space left on device; make room, or set runtime.root$"
    with pytest.raises(FerError, match=said):
        keep_standard_input(DataConfig(path="-"), tmp_path / "in")
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"^standard input is empty: send a CSV"),
        (b"<!DOCTYPE html>", r"^standard_input: is a web page"),
        (b"image,label\na.png,happy\n", r"^standard input names pictures by paths, .*: give the file itself$"),
        (b'{"file_name": "a.png", "label": "happy"}\n', "^standard input names pictures by paths"),
    ],
)
def test_standard_input_that_is_no_data_is_refused_and_not_kept(
    send, tmp_path: Path, content: bytes, said: str
) -> None:
    send(content)
    with pytest.raises(DataError, match=said):
        keep_standard_input(DataConfig(path="-"), tmp_path)
    assert files_in(tmp_path) == []


def test_standard_input_can_be_given_once_only(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"`-` is given twice"):
        keep_standard_input(DataConfig(path="-", unlabelled_path="-"), tmp_path)
