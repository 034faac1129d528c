"""Answers -> text."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TextIO

from fer_tfx.contract import CLASS_NAMES
from fer_tfx.face_detection import Box
from fer_tfx.pictures import in_one_line
from fer_tfx.predict.subjects import Subject
from fer_tfx.prediction import Prediction

UNSURE, NO_FACE = "unsure", "no face"
TABLE, CSV, JSON_LINES = "table", "csv", "jsonl"
_CLASS_WIDTH = max(len(name) for name in (*CLASS_NAMES, UNSURE))
_ROW_WIDTH = 7
_FACE_COLUMNS = ("face", *Box._fields)


class Row(NamedTuple):
    """One answer as it is shown."""

    subject: Subject
    prediction: Prediction | None
    """None: no face was found."""
    is_sure: bool

    @property
    def class_name(self) -> str | None:
        if self.prediction is None:
            return None
        return self.prediction.class_name if self.is_sure else UNSURE


@dataclass(frozen=True)
class Layout:
    """What tells the subjects of one call apart."""

    has_file: bool = True
    has_row: bool = False
    has_face: bool = False
    width: int = 0
    """Cells that the longest subject takes in a table."""

    @property
    def columns(self) -> list[str]:
        return ["file"] * self.has_file + ["row"] * self.has_row + [*_FACE_COLUMNS] * self.has_face

    def tell(self, subject: Subject) -> str:
        """The subject in a table."""
        if not self.has_file:
            return str(subject.place).rjust(self.width)
        row, face = f" row {subject.place}" * self.has_row, f" #{subject.face}" * (subject.face > 0)
        text = f"{in_one_line(subject.source)}{row}{face}"
        return text + " " * (self.width - _count_cells(text))


@dataclass(frozen=True)
class Format:
    """A text is `head` and then a line for each row."""

    line: Callable[[Row], str]
    head: str = ""


def lay_out_rows(file_names: Sequence[str]) -> Layout:
    """For the rows of these files; which file it is matters only where there are several."""
    if len(file_names) == 1:
        return Layout(has_file=False, has_row=True, width=_ROW_WIDTH)
    return Layout(has_row=True, width=_measure(file_names) + len(" row ") + _ROW_WIDTH)


def lay_out_pictures(file_names: Sequence[str], has_face: bool) -> Layout:
    """For these pictures, or for the faces in them."""
    return Layout(has_face=has_face, width=_measure(file_names) + len(" #1") * has_face)


def build_format(name: str, layout: Layout) -> Format:
    """The format of this name: table, csv or jsonl."""
    if name == TABLE:
        return Format(lambda row: _to_table_line(row, layout))
    if name == CSV:
        return Format(lambda row: _to_csv_line(row, layout), _join_csv([*layout.columns, *_ANSWER_COLUMNS]))
    return Format(lambda row: json.dumps(_to_object(row, layout)) + "\n")


def write_rows(rows: Iterable[Row], form: Format, output: TextIO) -> int:
    """Write one row after the other; the number of rows."""
    count = 0
    output.write(form.head)
    for count, row in enumerate(rows, start=1):  # noqa: B007 (the last count is the number of rows)
        output.write(form.line(row))
    return count


def _to_table_line(row: Row, layout: Layout) -> str:
    if row.prediction is None:
        return f"{layout.tell(row.subject)}  {NO_FACE}\n"
    return f"{layout.tell(row.subject)}  {row.class_name:{_CLASS_WIDTH}}  {row.prediction.confidence:.3f}\n"


_ANSWER_COLUMNS = ("class", "confidence", *CLASS_NAMES)


def _to_csv_line(row: Row, layout: Layout) -> str:
    if row.prediction is None:
        answer: list[Any] = [""] * len(_ANSWER_COLUMNS)
    else:
        answer = [row.class_name, *map(_shorten, (row.prediction.confidence, *row.prediction.probabilities))]
    return _join_csv([*_tell_apart(row.subject, layout), *answer])


def _tell_apart(subject: Subject, layout: Layout) -> list[Any]:
    """The values of `layout.columns`."""
    face = (subject.face, *subject.box) if subject.box else ("",) * len(_FACE_COLUMNS)
    return [subject.source] * layout.has_file + [subject.place] * layout.has_row + [*face] * layout.has_face


def _join_csv(values: Sequence[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue()


def _to_object(row: Row, layout: Layout) -> dict[str, Any]:
    subject, prediction = row.subject, row.prediction
    told = dict(zip(layout.columns, _tell_apart(subject, layout), strict=True))
    if layout.has_face:
        told = {"file": subject.source, "face": subject.box and {"number": subject.face, **subject.box._asdict()}}
    shares = prediction and dict(zip(CLASS_NAMES, map(_shorten, prediction.probabilities), strict=True))
    confidence = None if prediction is None else _shorten(prediction.confidence)
    return told | {"class": row.class_name, "confidence": confidence, "probabilities": shares}


def _shorten(value: float) -> float:
    """What float32 can tell: seven digits."""
    return float(f"{value:.7g}")


def _measure(names: Sequence[str]) -> int:
    return max((_count_cells(in_one_line(name)) for name in names), default=0)


def _count_cells(text: str) -> int:
    """Cells that a text takes in a terminal; some letters take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
