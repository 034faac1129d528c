"""A file of votes beside a table of pictures, such as FER+'s fer2013new.csv, joined row by row."""

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from fer_tfx.contract import LABELLED_SPLITS, USAGE_COLUMN
from fer_tfx.counted import counted
from fer_tfx.errors import DataError
from fer_tfx.reading.archives import iter_members
from fer_tfx.reading.columns import DELIMITERS, UTF8_MARK, RowError, split_fields
from fer_tfx.reading.form import ParsedRow, ReadingLimits, SkippedMember, shown
from fer_tfx.reading.lines import is_blank, iter_lines
from fer_tfx.reading.values import parse_votes
from fer_tfx.reading.votes import VOTE_COLUMNS, Votes, find_vote_columns
from fer_tfx.reading.words import find_split

VOTES_INPUT = "votes"
_NAME_COLUMN = "image name"
_NAME = re.compile(rb"fer(\d{7})\.png")


@dataclass(frozen=True, eq=False)
class VoteTable:
    """The votes of all rows of a table, in its order: some 25 bytes of memory each."""

    name: str
    counts: npt.NDArray[np.uint16]  # (n, 10), columns as `VOTE_COLUMNS`
    splits: bytes  # (n,) positions in `LABELLED_SPLITS`; empty: the file names none
    numbers: npt.NDArray[np.int32]  # (n,) of the pictures, by the names that FER+ gives them; -1: it has none

    def __len__(self) -> int:
        return len(self.counts)

    def find(self, row: ParsedRow) -> Votes:
        """The votes of a row of that table. Raises DataError: there are none, or they are for another split."""
        place = f"{row.source}, line {row.line}"
        if not row.line or row.row >= len(self):
            found = (
                f"{self.name} has {counted(len(self), 'row')} of votes{self._find_break()}"
                if row.line
                else "votes are joined to rows of a table"
            )
            raise DataError(f"{place}: has no votes, as {found}: {_REMEDY}")
        if self.splits and row.face.usage and LABELLED_SPLITS[self.splits[row.row]] != row.face.usage:
            theirs = f"{self.name}, line {row.row + 2}, is of {LABELLED_SPLITS[self.splits[row.row]]}"
            raise DataError(f"{place}: is a row of {row.face.usage}, but {theirs}: {_REMEDY}")
        return tuple(self.counts[row.row].tolist())

    def find_fault(self, read: dict[str, int]) -> str:
        """What is wrong unless these, rows read by file, are one table with as many rows as there are votes."""
        if len(read) > 1:
            return f"{self.name}: holds the votes of one table, but {len(read)} were read: {_REMEDY}"
        wrong = [(file, count) for file, count in read.items() if count != len(self)]
        return "".join(
            f"{file}: has {counted(count, 'row')}, but {self.name} has votes for {len(self):,}"
            f"{self._find_break()}: {_REMEDY}"
            for file, count in wrong
        )

    def _find_break(self) -> str:
        """Where, by the pictures' numbers, rows seem to be missing or out of order; empty: nowhere.

        They rise by one from row to row. FER+ gives some of the unnamed pictures a number and some none, and a few
        single rows the name of the same picture elsewhere.
        """
        rows = np.flatnonzero(self.numbers >= 0)
        steps = np.diff(self.numbers[rows])
        is_break = (steps < 1) | (steps > np.diff(rows))
        is_lone = is_break & ~np.append(is_break[1:], False) & ~np.insert(is_break[:-1], 0, False)
        first = next(iter(rows[1:][is_lone]), None)
        return "" if first is None else f" (not one after the other at its line {first + 2})"


_REMEDY = "give one table of pictures, and as data.votes_path the votes of its very rows in their order"


def read_votes(stream: BinaryIO, name: str, limits: ReadingLimits) -> VoteTable:
    """Read a CSV of votes, plain or packed, from its start. Raises DataError that names file, line and remedy."""
    tables = [
        _read_table(member.stream, member.name, limits.max_line_bytes)
        for member in iter_members(stream, name, limits, classes=None)
        if not isinstance(member, SkippedMember)
    ]
    if len(tables) > 1:
        names = " and ".join(each.name for each in tables[:2])
        raise DataError(f"{name}: holds several tables, {names}: unpack it and give the one with the votes")
    return tables[0]


def _read_table(stream: BinaryIO, name: str, limit: int) -> VoteTable:
    header = stream.readline(limit + 1).removeprefix(UTF8_MARK).rstrip(b"\r\n")
    for delimiter in DELIMITERS:
        names = [
            field.decode("utf-8", "replace").strip().lower() for field in _split(header, delimiter, f"{name}, line 1")
        ]
        if columns := find_vote_columns(names):
            break
    else:
        expected = f"the columns {', '.join(VOTE_COLUMNS)}, as in FER+'s fer2013new.csv"
        raise DataError(f"{name}, line 1: found {shown(header)!r}, expected {expected}: give that file")
    usage = names.index(USAGE_COLUMN) if USAGE_COLUMN in names else None
    picture = names.index(_NAME_COLUMN) if _NAME_COLUMN in names else None
    counts, splits, numbers = array("H"), bytearray(), array("i")
    for number, fields in _iter_rows(stream, name, limit, delimiter, len(names)):
        try:
            counts.extend(parse_votes([fields[each] for each in columns]))
        except RowError as error:
            raise DataError(f"{name}, line {number}: {error}: correct it") from None
        named = None if picture is None else _NAME.fullmatch(fields[picture])
        numbers.append(int(named[1]) if named else -1)
        if named and numbers[-2:] == array("i", [numbers[-1]] * 2):
            raise DataError(f"{name}, line {number}: {named[0].decode()} stands there a second time: remove the line")
        if usage is not None:
            split = find_split(fields[usage])
            if split is None:
                found = f"column `{USAGE_COLUMN}`: found {shown(fields[usage])!r}"
                raise DataError(
                    f"{name}, line {number}, {found}, expected Training, PublicTest or PrivateTest: correct it"
                )
            splits.append(LABELLED_SPLITS.index(split))
    votes = np.frombuffer(counts, np.uint16).reshape(-1, len(VOTE_COLUMNS))
    return VoteTable(name, votes, bytes(splits), np.frombuffer(numbers, np.int32))


def _iter_rows(
    stream: BinaryIO, name: str, limit: int, delimiter: bytes, column_count: int
) -> Iterator[tuple[int, list[bytes]]]:
    """Line number and fields of each row; blank lines are none, but only at the end, as a row is known by its line."""
    blank = 0
    for number, line in enumerate(iter_lines(stream, limit), start=2):
        if is_blank(line, limit):
            blank = blank or number
            continue
        if blank:
            raise DataError(f"{name}, line {blank}: is blank, and rows follow: remove it")
        fields = _split(line.rstrip(b"\r\n"), delimiter, f"{name}, line {number}")
        if len(fields) != column_count:
            raise DataError(
                f"{name}, line {number}: found {counted(len(fields), 'column')}, expected {column_count}: correct it"
            )
        yield number, fields


def _split(line: bytes, delimiter: bytes, place: str) -> list[bytes]:
    try:
        return split_fields(line, delimiter)
    except RowError as error:
        raise DataError(f"{place}: {error}: correct it") from None
