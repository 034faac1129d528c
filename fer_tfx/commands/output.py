"""Answers -> text, all of it or none: a file is renamed into place, standard output gets a complete text."""

import csv
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TextIO, cast

from fer_tfx.commands.inputs import Subject
from fer_tfx.errors import ConfigError, DataError, in_one_line
from fer_tfx.face_detection import Box
from fer_tfx.files import replacing
from fer_tfx.prediction import Prediction

UNSURE, NO_FACE = "unsure", "no face"
_ROW_WIDTH = 7
_NO_BOX = ("",) * len(Box._fields)
_MEMORY_BYTES = 8_000_000


class Row(NamedTuple):
    """One answer as it is shown."""

    subject: Subject
    prediction: Prediction | None  # None: no face was found
    is_sure: bool

    @property
    def class_name(self) -> str | None:
        if self.prediction is None:
            return None
        return self.prediction.label if self.is_sure else UNSURE


class Layout(NamedTuple):
    """What tells the subjects of one call apart."""

    has_file: bool = True
    has_row: bool = False
    has_face: bool = False
    has_time: bool = False  # of videos, whose faces have tracks
    width: int = 0  # cells that the longest subject takes in a table

    @property
    def columns(self) -> list[str]:
        faces = ["track" if self.has_time else "face", *Box._fields] * self.has_face
        return ["file"] * self.has_file + ["row"] * self.has_row + ["time_s"] * self.has_time + faces

    def values(self, subject: Subject) -> list[Any]:
        """Of the columns."""
        time_s = [round(subject.time_s or 0.0, 6)] * self.has_time
        faces = [subject.face or "", *(subject.box or _NO_BOX)] * self.has_face
        return [subject.source] * self.has_file + [subject.place] * self.has_row + time_s + faces

    def tell(self, subject: Subject) -> str:
        """The subject in a table."""
        if not self.has_file:
            return str(subject.place).rjust(self.width)
        row, face = f" row {subject.place}" * self.has_row, f" #{subject.face}" * (subject.face > 0)
        time_s = f" {subject.time_s:8.2f} s" if subject.time_s is not None else ""
        text = f"{in_one_line(subject.source)}{row}{time_s}{face}"
        return text + " " * (self.width - _count_cells(text))


def lay_out(
    file_names: Sequence[str], *, has_row: bool = False, has_face: bool = False, has_time: bool = False
) -> Layout:
    """For pictures, faces in them or in videos, or rows of files, which are named only where there are several."""
    if has_row and len(file_names) == 1:
        return Layout(has_file=False, has_row=True, width=_ROW_WIDTH)
    longest = max((_count_cells(in_one_line(name)) for name in file_names), default=0)
    width = longest + (len(" row ") + _ROW_WIDTH) * has_row + len(" 12345.67 s") * has_time + len(" #1") * has_face
    return Layout(has_row=has_row, has_face=has_face, has_time=has_time, width=width)


def _count_cells(text: str) -> int:
    """Cells that a text takes in a terminal; some letters take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def write_rows(
    rows: Iterable[Row], form: str, layout: Layout, class_names: Sequence[str], output: TextIO
) -> tuple[int, int | None]:
    """Write one row after the other as `table`, `csv` or `jsonl`; the number of rows, and of views in each answer."""
    answer_columns = ("class", "confidence", *class_names, "views")
    table = csv.writer(output, lineterminator="\n")
    if form == "csv":
        table.writerow([*layout.columns, *answer_columns])
    count, views = 0, None
    for row in rows:
        if form == "csv":
            table.writerow(_to_csv_row(row, layout, len(answer_columns)))
        else:
            output.write(_to_json_line(row, layout) if form == "jsonl" else _to_table_line(row, layout))
        count += 1
        views = row.prediction.views if row.prediction else views
    return count, views


def _to_table_line(row: Row, layout: Layout) -> str:
    if row.prediction is None:
        return f"{layout.tell(row.subject)}  {NO_FACE}\n"
    width = max(map(len, (*row.prediction.probabilities, UNSURE)))
    return f"{layout.tell(row.subject)}  {row.class_name:{width}}  {row.prediction.confidence:.3f}\n"


def _to_csv_row(row: Row, layout: Layout, width: int) -> list[Any]:
    answer: list[Any] = [""] * width
    if row.prediction:
        shares = row.prediction.probabilities.values()
        answer = [row.class_name, *map(_shorten, (row.prediction.confidence, *shares)), row.prediction.views]
    return [*layout.values(row.subject), *answer]


def _to_json_line(row: Row, layout: Layout) -> str:
    subject, prediction = row.subject, row.prediction
    told = dict(zip(layout.columns, layout.values(subject), strict=True))
    if layout.has_face:
        number = {"track" if layout.has_time else "number": subject.face}
        face = number | (subject.box._asdict() if subject.box else {}) if subject.face else None
        told = {name: told[name] for name in ("file", "time_s") if name in told} | {"face": face}
    shares = prediction and {name: _shorten(share) for name, share in prediction.probabilities.items()}
    confidence = None if prediction is None else _shorten(prediction.confidence)
    answer = {"class": row.class_name, "confidence": confidence, "probabilities": shares}
    return json.dumps(told | answer | {"views": prediction and prediction.views}) + "\n"


def _shorten(value: float) -> float:
    """The seven digits of a float32."""
    return float(f"{value:.7g}")


def check_output(out: Path, sources: Iterable[str], option: str = "--out") -> None:
    """Raise ConfigError or DataError if `out` can't be written to, or holds what is read."""
    if not out.absolute().parent.is_dir():
        raise DataError(f"{out}: its folder does not exist; make it first")
    if out.exists() and not out.is_file():
        raise ConfigError(f"{out}: is no regular file; omit {option} or give it another name")
    for source in sources:
        with suppress(OSError, ValueError):  # reading the source will report why, and a new file is none
            if out.samefile(source):
                raise ConfigError(f"{out}: {option} is a file to read; give another one")


@contextmanager
def open_output(out: Path | None) -> Iterator[TextIO]:
    """Yield a text stream to a file, or to standard output (None): its content arrives only if the block ends well."""
    if out is None:
        with tempfile.SpooledTemporaryFile(
            _MEMORY_BYTES, "w+", encoding="utf-8", errors="surrogateescape", newline=""
        ) as spool:
            yield cast(TextIO, spool)
            spool.seek(0)
            sys.stdout.flush()
            raw = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="surrogateescape", newline="")
            try:
                with suppress(BrokenPipeError), raw:  # the reader, such as `head`, may close the pipe at any time
                    shutil.copyfileobj(spool, raw)
            except OSError as error:
                raise OSError(error.errno, error.strerror, "standard output") from None
            except KeyboardInterrupt:
                raise KeyboardInterrupt("not all answers were written to standard output") from None
        return
    try:
        with replacing(out.resolve()) as file:
            yield file
    except OSError as error:
        raise DataError(f"{out}: can't be written: {error.strerror}; make room, or give another --out") from None
