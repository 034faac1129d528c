"""Lines of JSON, each an object with pixels or the path of a picture, and perhaps a class and a split -> rows."""

import json
import re
from contextlib import suppress
from functools import lru_cache, partial
from typing import BinaryIO

from fer_tfx.reading.columns import RowError, RowLayout, lay_out
from fer_tfx.reading.form import FaceRow, ReadingLimits, shown
from fer_tfx.reading.lines import LineForm, ParseLine
from fer_tfx.reading.values import find_split_of_file, make_face
from fer_tfx.reading.words import ClassTable, LeftOut, find_labelling

NO_OBJECT = "no JSON object"
NO_PIXELS = "neither pixels nor a picture"
_KEY = re.compile(rb'"([^"\\]{1,60})"\s*:')


class JsonLinesForm(LineForm):
    """Keys are those of the columns of a table; pixels may be text, 2,304 numbers or 48 lists of 48."""

    suffixes: tuple[str, ...] = (".jsonl", ".ndjson")
    header_lines = 0

    def recognises(self, head: bytes, name: str) -> bool:
        return name.lower().endswith(self.suffixes) or head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")

    def open(
        self, stream: BinaryIO, name: str, limits: ReadingLimits, classes: ClassTable | None
    ) -> tuple[ParseLine, str]:
        split = find_split_of_file(name, classes)
        parse = partial(parse_line, classes=classes, split=split, max_side_px=limits.max_crop_px)
        return parse, "lines of JSON"

    def tell(self, stream: BinaryIO, name: str, limits: ReadingLimits, classes: ClassTable | None) -> str:
        layout = self._find_layout(stream.readline(limits.max_line_bytes), classes)
        return f"lines of JSON, {layout.tell().replace('column', 'key')}" if layout else "lines of JSON"

    def lists_pictures(self, head: bytes, classes: ClassTable | None) -> bool:
        layout = self._find_layout(head.partition(b"\n")[0], classes)
        return layout is not None and layout.path is not None

    @staticmethod
    def _find_layout(line: bytes, classes: ClassTable | None) -> RowLayout | None:
        """By the keys of a line, of which the end may be missing."""
        keys = dict.fromkeys(key.decode("utf-8", "replace") for key in _KEY.findall(line))
        with suppress(RowError):  # which reading says again of each line
            return _lay_out(tuple(keys), find_labelling(classes))
        return None


JSON_LINES = JsonLinesForm()


def parse_line(
    line: bytes, classes: ClassTable | None, split: str | None, max_side_px: int | None = None
) -> FaceRow | LeftOut:
    """Parse one line. Raises RowError and nothing else; see `make_face`."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise RowError(NO_OBJECT, f"found {shown(line.strip())!r}, expected an object on each line")
    layout = _lay_out(tuple(record), find_labelling(classes))
    if layout is None:
        found = shown(", ".join(record).encode("utf-8", "replace"))
        expected = "`pixels`, or `file_name` or the like" + (" with `label` or `emotion`" if classes else "")
        raise RowError(NO_PIXELS, f"found the keys {found!r}, expected {expected}")
    return make_face(layout, classes, list(record.values()), split, max_side_px)


@lru_cache(maxsize=100)
def _lay_out(keys: tuple[str, ...], labelled_by: str) -> RowLayout | None:
    return lay_out([key.strip().lower() for key in keys], labelled_by)
