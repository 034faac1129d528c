"""Predictions -> text."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TextIO

from rich.cells import cell_len

from pipeline.prediction.pictures import in_one_line
from schema.contract import CLASS_NAMES

UNSURE = "unsure"
TABLE, CSV, JSON, SUBMISSION = "table", "csv", "json", "submission"
_CLASS_WIDTH = max(len(name) for name in (*CLASS_NAMES, UNSURE))


class Row(NamedTuple):
    """One answer as it is shown."""

    subject: str | int
    """File name of a picture, or position of a row from 0."""
    class_index: int
    is_sure: bool
    confidence: float
    probabilities: Sequence[float]

    @property
    def class_name(self) -> str:
        return CLASS_NAMES[self.class_index] if self.is_sure else UNSURE


@dataclass(frozen=True)
class Format:
    """A text is `head`, the lines of the rows with `between` between them, and `tail`."""

    line: Callable[[Row], str]
    head: str = ""
    between: str = ""
    tail: str = ""


def build_format(name: str, subject_title: str, subject_width: int) -> Format:
    """The format of this name.

    Args:
        name: table, csv, json or submission.
        subject_title: what to call the first column, `file` or `row`.
        subject_width: cells that the longest subject takes in a terminal.
    """
    if name == TABLE:
        return Format(line=lambda row: _to_table_line(row, subject_width))
    if name == CSV:
        return Format(line=_to_csv_line, head=_join_csv([subject_title, "class", "confidence", *CLASS_NAMES]))
    if name == JSON:
        line = lambda row: json.dumps(_to_object(row, subject_title))  # noqa: E731 (binds the title)
        return Format(line=line, head="[\n", between=",\n", tail="\n]\n")
    return Format(line=lambda row: f"{row.class_index}\n")


def write_rows(rows: Iterable[Row], form: Format, output: TextIO) -> int:
    """Write one row after the other; the number of rows."""
    count = 0
    output.write(form.head)
    for row in rows:
        output.write((form.between if count else "") + form.line(row))
        count += 1
    output.write(form.tail)
    return count


def measure_width(subjects: Iterable[str]) -> int:
    """Cells that the longest subject takes in a terminal; some letters take two."""
    return max((cell_len(in_one_line(subject)) for subject in subjects), default=0)


def _to_table_line(row: Row, width: int) -> str:
    subject = in_one_line(str(row.subject))
    padding = " " * (width - cell_len(subject))
    shown = padding + subject if isinstance(row.subject, int) else subject + padding
    return f"{shown}  {row.class_name:{_CLASS_WIDTH}}  {row.confidence:.3f}\n"


def _to_csv_line(row: Row) -> str:
    numbers = [_shorten(value) for value in (row.confidence, *row.probabilities)]
    return _join_csv([row.subject, row.class_name, *numbers])


def _join_csv(values: Sequence[str | int | float]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue()


def _to_object(row: Row, subject_title: str) -> dict[str, object]:
    shares = zip(CLASS_NAMES, map(_shorten, row.probabilities), strict=True)
    return {
        subject_title: row.subject,
        "class": row.class_name,
        "confidence": _shorten(row.confidence),
        "probabilities": dict(shares),
    }


def _shorten(value: float) -> float:
    """What float32 can tell: seven digits."""
    return float(f"{value:.7g}")
