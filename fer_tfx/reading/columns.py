"""The header of a table -> which column holds what, however the columns are named and separated."""

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from fer_tfx.contract import LABEL_KEY, PIXEL_COUNT, PIXELS_KEY, USAGE_COLUMN
from fer_tfx.counted import counted
from fer_tfx.errors import DataError
from fer_tfx.reading.form import shown
from fer_tfx.reading.votes import VOTE_COLUMNS, find_vote_columns
from fer_tfx.reading.words import BY_LABEL, BY_VOTES, EXPRESSIONS, UNLABELLED

UNBALANCED_QUOTE = "unbalanced quote"

SPACE = b" \t"
# The first by which there are pixels counts.
DELIMITERS = {b",": "commas", b";": "semicolons", b"\t": "tabs", b"|": "vertical bars"}
# Of several, the first that is there counts.
_LABEL_COLUMNS = (
    LABEL_KEY, "label", "class", "expression", "emotions", "labels", "emotionlabel", "emotionname", "labelname",
    "classname", "category", "target",
)  # fmt: skip
_USAGE_COLUMNS = (USAGE_COLUMN, "split", "set", "subset", "partition", "phase", "datasplit", "settype")
_PATH_COLUMNS = (
    "path", "filepath", "imagepath", "imgpath", "picturepath", "filename", "imagename", "imgname", "imagefile", "file",
    "image", "img", "picture", "pth", "subdirectoryfilepath",
)  # fmt: skip
_NO_SPACE = str.maketrans("", "", " _-")
_PIXEL_COLUMN = re.compile(r"(?:pixels?|px|p)?[ _.]?(\d{1,4})")
_MAX_PIXEL = 255
_FEW = 10  # columns that may be called `1` or `p2` and hold something else
UTF8_MARK = b"\xef\xbb\xbf"


class RowError(Exception):
    """A line is no usable row: `reason` is short and one of few, `detail` says what was found where."""

    pixels = b""  # of its picture, where that could be read

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


class RowLayout(NamedTuple):
    """Which column of a file holds what, counted from 0."""

    pixels: int | None  # None: each pixel has a column of its own, or `path` says where they are
    emotion: int | None
    usage: int | None
    column_count: int
    delimiter: bytes = b","
    pixel_columns: tuple[int, ...] = ()  # in the order of the pixels
    label_name: str = LABEL_KEY
    usage_name: str = USAGE_COLUMN
    path: int | None = None
    path_name: str = ""
    votes: tuple[int, ...] = ()  # in the order of `VOTE_COLUMNS`

    def tell(self) -> str:
        """Which column holds what."""
        pixels = f"pictures in column `{self.path_name}`" if self.path_name else f"pixels in column `{PIXELS_KEY}`"
        classes = "no classes" if self.emotion is None else f"classes in column `{self.label_name}`"
        splits = "no splits" if self.usage is None else f"splits in column `{self.usage_name}`"
        return f"{'a column a pixel' if self.pixel_columns else pixels}, {classes}, {splits}"

    def describe(self) -> str:
        """What differs from FER2013's own files; may be empty."""
        remarks = {
            f"columns separated by {DELIMITERS[self.delimiter]}": self.delimiter != b",",
            f"pictures by the paths in column `{self.path_name}`": self.path is not None,
            "one column a pixel": bool(self.pixel_columns),
            f"classes in column `{self.label_name}`": self.label_name != LABEL_KEY,
            f"splits in column `{self.usage_name}`": self.usage_name != USAGE_COLUMN,
            "votes in columns": bool(self.votes),
        }
        return ", ".join(text for text, is_told in remarks.items() if is_told)


def parse_header(line: bytes, file: str, labelled_by: str = BY_LABEL) -> RowLayout:
    """Find delimiter and columns: any order, case, spaces and quotes; only the pixels if nothing else counts.

    Raises DataError if the file can't be read by them.
    """
    text = line.removeprefix(UTF8_MARK).rstrip(b"\r\n")
    if b"\0" in line:
        raise _header_error(file, "UTF-16 or binary content", "save the file as CSV in UTF-8")
    if b"\r" in text:
        raise _header_error(file, "line ends of a bare carriage return", "save the file with line ends LF or CRLF")
    for delimiter in DELIMITERS:
        try:
            layout = lay_out(_split_names(text, delimiter), labelled_by)
        except RowError as error:
            raise _header_error(file, error.reason, error.detail) from error
        if layout:
            return layout._replace(delimiter=delimiter)
    if any(find_vote_columns(_split_names(text, delimiter)) for delimiter in DELIMITERS):
        remedy = "give them to data.votes_path, with data.targets=majority, and the pixels to --data"
        raise _header_error(file, f"votes, but no column `{PIXELS_KEY}`", remedy)
    if finds_paths(text, UNLABELLED):
        found = f"paths of pictures, but none of the columns {', '.join(_LABEL_COLUMNS[:4])} in {shown(text)!r}"
        raise _header_error(file, found, "name the column of classes so, or give the file to --unlabelled")
    raise _header_error(file, f"no column `{PIXELS_KEY}` in {shown(text)!r}", _remedy_without_pixels(text))


def finds_paths(header: bytes, labelled_by: str) -> bool:
    """Whether this is the header of a table that names pictures, and what they show unless they are to be predicted."""
    text = header.removeprefix(UTF8_MARK).rstrip(b"\r\n")
    with suppress(RowError):
        layouts = [lay_out(_split_names(text, delimiter), labelled_by) for delimiter in DELIMITERS]
        return any(layout and layout.path is not None for layout in layouts)
    return False


def finds_labels_alone(header: bytes) -> bool:
    """Whether this is the header, perhaps cut off, of a table of pixels with classes and without splits."""
    text = header.removeprefix(UTF8_MARK).rstrip(b"\r\n")
    for delimiter in DELIMITERS:
        with suppress(RowError):
            names = _split_names(text, delimiter)
            squeezed = [name.translate(_NO_SPACE) for name in names]
            if PIXELS_KEY in names or len([*filter(_PIXEL_COLUMN.fullmatch, names)]) > _FEW:
                return bool(_first_of(_LABEL_COLUMNS, squeezed)) and not _first_of(_USAGE_COLUMNS, squeezed)
    return False


def _split_names(text: bytes, delimiter: bytes) -> list[str]:
    try:
        return [field.decode("utf-8", "replace").strip().lower() for field in split_fields(text, delimiter)]
    except RowError as error:
        raise RowError(f"{error} in {shown(text)!r}", "fix the quotes of the header") from error


def lay_out(names: Sequence[str], labelled_by: str) -> RowLayout | None:
    """Find the columns by their names in lower case; None: there are neither pixels nor paths with classes.

    Raises RowError, the remedy for its detail: a column is there twice, or those of the votes lack.
    """
    pixels = PIXELS_KEY if PIXELS_KEY in names else ""
    pixel_columns = () if pixels else _find_pixel_columns(names)
    squeezed = [name.translate(_NO_SPACE) for name in names]
    path = "" if pixels or pixel_columns else _first_of(_PATH_COLUMNS, squeezed)
    if path:
        path = names[squeezed.index(path)]
    if not pixels and not pixel_columns and not path:
        return None
    label = _first_of(_LABEL_COLUMNS, squeezed) if labelled_by == BY_LABEL else ""
    if label:
        label = names[squeezed.index(label)]
    elif labelled_by == BY_LABEL and not (path and find_vote_columns(names)):  # the latter may be votes alone
        _require_no_column_a_class(names)
    usage = "" if labelled_by == UNLABELLED else _first_of(_USAGE_COLUMNS, squeezed)
    if usage:
        usage = names[squeezed.index(usage)]
    votes = find_vote_columns(names) if labelled_by == BY_VOTES else ()
    if path and not label and labelled_by == BY_LABEL:
        return None
    if not votes and labelled_by == BY_VOTES:
        found = f"no columns of votes ({', '.join(VOTE_COLUMNS)})"
        raise RowError(found, "give data.votes_path their file, such as FER+'s fer2013new.csv")
    for column in (pixels, path, label, usage):
        if column and names.count(column) > 1:
            raise RowError(f"column `{column}` {names.count(column)} times", "keep one of them")
    pixels_at, label_at, usage_at, path_at = (
        names.index(each) if each else None for each in (pixels, label, usage, path)
    )
    return RowLayout(
        pixels_at, label_at, usage_at, len(names), pixel_columns=pixel_columns, label_name=label or LABEL_KEY,
        usage_name=usage or USAGE_COLUMN, path=path_at, path_name=path, votes=votes,
    )  # fmt: skip


def _require_no_column_a_class(names: Sequence[str]) -> None:
    found = [name for name in names if re.split(r"[ _.-]", name)[-1] in EXPRESSIONS]
    if find_vote_columns(names):
        raise RowError("votes, but no column of classes", "set data.targets=majority or data.targets=votes")
    if len(found) > 1:
        raise RowError(
            "a column for each class", f"write one column `emotion` of names in place of {', '.join(found[:3])}, ..."
        )


def _first_of(columns: tuple[str, ...], names: Sequence[str]) -> str:
    return next((each for each in columns if each in names), "")


def _find_pixel_columns(names: Sequence[str]) -> tuple[int, ...]:
    """The places of `pixel0` to `pixel2303`, `pixel_1` to `pixel_2304` or the numbers alone, in this order."""
    places = {int(found[1]): place for place, name in enumerate(names) if (found := _PIXEL_COLUMN.fullmatch(name))}
    if len(places) <= _FEW or max(places) <= _MAX_PIXEL:  # the latter are pixels without a header
        return ()
    first = min(places)
    if sorted(places) != list(range(first, first + PIXEL_COUNT)):
        found_columns = f"{len(places):,} columns of single pixels"
        raise RowError(found_columns, f"give all {PIXEL_COUNT:,} of pictures of 48x48, numbered from 0 or 1")
    return tuple(places[number] for number in sorted(places))


def _remedy_without_pixels(text: bytes) -> str:
    first = text.split(b",")[0].strip(b' \t"')
    if not first or first[:1].isdigit():
        return "put a header such as `emotion,pixels` into line 1"
    if b"pixels" in text.lower():
        return "separate the columns by commas, semicolons, tabs or vertical bars"
    return "make line 1 a header with the columns `emotion,pixels` and perhaps `Usage`"


def _header_error(file: str, found: str, remedy: str) -> DataError:
    return DataError(f"{file}, line 1: found {found}: {remedy}")


def split_fields(line: bytes, delimiter: bytes = b",") -> list[bytes]:
    """Split at the delimiters outside quotes and strip the quotes; one within a field stays, for its parser to refuse.

    Raises RowError: a quote has no partner.
    """
    if b'"' not in line:
        return line.split(delimiter)
    pieces = line.split(b'"')  # outside, quoted, outside, quoted, ..., outside
    if len(pieces) % 2 == 0:
        raise RowError(UNBALANCED_QUOTE, f"found {counted(len(pieces) - 1, 'double quote')}, expected them in pairs")
    *fields, last = pieces[0].split(delimiter)
    field, is_blank = [last], not last.strip(SPACE)  # joined once: a line may be a million quotes
    for quoted, outside in zip(pieces[1::2], pieces[2::2], strict=True):
        if is_blank:
            field, is_blank = [quoted], not quoted.strip(SPACE)
        else:
            field += (b'"', quoted)
        tail, *others = outside.split(delimiter)
        if tail.strip(SPACE):
            field += (b'"', tail)
            is_blank = False
        if others:
            fields += (b"".join(field), *others[:-1])
            field, is_blank = [others[-1]], not others[-1].strip(SPACE)
    return [*fields, b"".join(field)]
