"""Parquet, as Hugging Face's datasets write pictures and as pandas writes tables -> rows."""

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, BinaryIO, cast

from fer_tfx.errors import DataError
from fer_tfx.reading.columns import RowError, RowLayout, lay_out
from fer_tfx.reading.form import (
    Bounds,
    Counts,
    FaceRow,
    Item,
    LeftOutRow,
    ParsedRow,
    Part,
    ReadingLimits,
    RejectedRow,
    Remark,
    shown,
)
from fer_tfx.reading.unpacking import FileLayer, Layer
from fer_tfx.reading.values import find_split_of_file, make_face
from fer_tfx.reading.words import BY_LABEL, ClassTable, LeftOut, find_labelling

_MAGIC = b"PAR1"
_BATCH_ROWS = 64  # pictures may be large
_BUFFER_BYTES = 1 << 18  # of each column; without it a whole group of rows is read at once
_SPOOLED_BYTES = 16_000_000
_MAX_SAID_CHARS = 100
_SAFE_VERSION = 15
_INDEX = re.compile(r"\s*([0-9]{1,4})(?:\.0*)?\s*")


class ParquetForm:
    """A part is a run of row groups, whose numbers of rows stand at the end of the file."""

    suffixes: tuple[str, ...] = (".parquet",)

    def recognises(self, head: bytes, name: str) -> bool:
        return head.startswith(_MAGIC) or name.lower().endswith(self.suffixes)

    def read(self, stream: BinaryIO, name: str, limits: ReadingLimits, classes: ClassTable | None) -> Iterator[Item]:
        with _opening(stream, name, limits) as file:
            yield from _read_groups(file, range(file.num_row_groups), 0, name, limits, classes)

    def tell(self, stream: BinaryIO, name: str, limits: ReadingLimits, classes: ClassTable | None) -> str:
        with _opening(stream, name, limits) as file:
            return f"Parquet, {_lay_out(file, find_labelling(classes), name).tell()}"

    def cut(self, stream: BinaryIO, head: bytes, limits: ReadingLimits) -> list[Bounds]:
        starts, size = [0], 0
        with suppress(DataError), _translating(""):  # which reading says again
            metadata = _open(stream, "", limits).metadata
            for group in range(1, metadata.num_row_groups):
                size += metadata.row_group(group - 1).total_byte_size
                if size >= limits.part_bytes:
                    starts.append(group)
                    size = 0
            ends = [*starts[1:], metadata.num_row_groups]
            return list(zip(starts, ends, strict=True)) if starts[1:] else []
        return []

    def count(self, stream: BinaryIO, bounds: Bounds, limits: ReadingLimits) -> Counts:
        metadata = _open(stream, "", limits).metadata
        rows = sum(metadata.row_group(group).num_rows for group in range(*bounds))
        return rows, rows

    def read_part(
        self, stream: BinaryIO, name: str, part: Part, limits: ReadingLimits, classes: ClassTable | None
    ) -> Iterator[Item]:
        with _translating(name):
            file = _open(stream, name, limits)
            yield from _read_groups(file, range(*part.bounds), part.first_row, name, limits, classes)


PARQUET = ParquetForm()


@contextmanager
def _translating(name: str) -> Iterator[None]:
    """Arrow's errors are ValueErrors and such, and OSErrors without a number."""
    try:
        yield
    except (ValueError, KeyError, TypeError, NotImplementedError, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        said = str(error).partition("\n")[0][:_MAX_SAID_CHARS]
        raise DataError(f"{name}: is damaged, or no Parquet file ({said}): write or download it again") from error


@contextmanager
def _opening(stream: BinaryIO, name: str, limits: ReadingLimits) -> Iterator[Any]:
    """Yield the file that a stream holds, which is read from its end: what is packed is copied first."""
    with tempfile.SpooledTemporaryFile(_SPOOLED_BYTES) as spool:
        layer = getattr(stream, "raw", None)
        if not stream.seekable() or (isinstance(layer, Layer) and not isinstance(layer, FileLayer)):
            shutil.copyfileobj(stream, spool)
            stream = cast(BinaryIO, spool)
        with _translating(name):
            yield _open(stream, name, limits)


def _open(stream: BinaryIO, name: str, limits: ReadingLimits) -> Any:
    try:
        import pyarrow
        from pyarrow import parquet

        if int(pyarrow.__version__.partition(".")[0]) < _SAFE_VERSION:  # as TFX 1.16 asks for
            import pyarrow_hotfix  # noqa: F401 (without which a hostile file could run code: CVE-2023-47248)
    except ImportError:
        raise DataError(f"{name}: to read Parquet, `pip install 'fer-tfx[parquet]'`, or convert it to CSV") from None
    file = parquet.ParquetFile(stream, buffer_size=_BUFFER_BYTES)
    groups = map(file.metadata.row_group, range(file.num_row_groups))
    if sum(group.total_byte_size for group in groups) > limits.max_decompressed_bytes:
        found = f"unpacks to more than {limits.max_decompressed_bytes:,} bytes"
        raise DataError(f"{name}: {found}: give it in shards, or raise data.max_decompressed_bytes")
    return file


def _read_groups(
    file: Any, groups: Iterable[int], row: int, name: str, limits: ReadingLimits, classes: ClassTable | None
) -> Iterator[Item]:
    layout = _lay_out(file, find_labelling(classes), name)
    class_names = _find_class_names(file, layout) if classes else []
    yield Remark(name, _describe(layout, class_names))
    split = find_split_of_file(name, classes)
    wanted = (layout.pixels, layout.path, layout.emotion, layout.usage, *layout.pixel_columns, *layout.votes)
    places = sorted(place for place in wanted if place is not None)
    columns = [file.schema_arrow.names[place] for place in places]
    for batch in file.iter_batches(_BATCH_ROWS, row_groups=list(groups), columns=columns, use_threads=False):
        cells: list[Sequence[object]] = [[None] * len(batch)] * layout.column_count
        for place, column in zip(places, columns, strict=True):
            cells[place] = _to_cells(batch.column(batch.schema.get_field_index(column)), place != layout.path)
        if class_names and layout.emotion is not None:
            cells[layout.emotion] = [_name_class(each, class_names) for each in cells[layout.emotion]]
        for each in zip(*cells, strict=True):
            yield _to_item(name, row, partial(make_face, layout, classes, each, split, limits.max_crop_px))
            row += 1


def _to_item(name: str, row: int, make: Callable[[], FaceRow | LeftOut]) -> Item:
    try:
        face = make()
    except RowError as error:
        return RejectedRow(name, row, row + 1, error.reason, error.detail, "", error.pixels)
    if isinstance(face, LeftOut):
        return LeftOutRow(name, row, row + 1, face.word)
    return ParsedRow(name, row, row + 1, face)


def _lay_out(file: Any, labelled_by: str, name: str) -> RowLayout:
    """By the names of the columns, else the first that holds bytes of pictures."""
    from pyarrow import types

    names = [column.strip().lower() for column in file.schema_arrow.names]
    try:
        if layout := lay_out(names, labelled_by):
            return layout
        for place, field in enumerate(file.schema_arrow):
            holds_bytes = types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0
            renamed = [*names[:place], "image", *names[place + 1 :]]
            if (holds_bytes or _is_bytes(field.type)) and (layout := lay_out(renamed, labelled_by)):
                return layout._replace(path_name=names[place])
    except RowError as error:
        raise DataError(f"{name}: found {error}") from None
    found = shown(", ".join(names).encode(), 100)
    expected = "`pixels` or `image`" + (", and `emotion` or `label`" if labelled_by == BY_LABEL else "")
    raise DataError(f"{name}: found the columns {found}, expected {expected}: rename them")


def _find_class_names(file: Any, layout: RowLayout) -> list[str]:
    """As Hugging Face's datasets note them in the file; empty: none are noted."""
    if layout.emotion is None:
        return []
    metadata = (file.schema_arrow.metadata or {}).get(b"huggingface", b"{}")
    with suppress(ValueError, LookupError, TypeError):
        feature = json.loads(metadata)["info"]["features"][file.schema_arrow.names[layout.emotion]]
        return [str(name) for name in feature["names"]]
    return []


def _name_class(cell: object, names: list[str]) -> object:
    """Numbers may also be floats, as pandas makes them where some lack, or text."""
    number = _INDEX.fullmatch(str(cell))
    return names[int(number[1])] if number and int(number[1]) < len(names) else cell


def _describe(layout: RowLayout, class_names: list[str]) -> str:
    parts = ["Parquet", *filter(None, [layout._replace(path=None).describe()])]
    if layout.path is not None:
        parts.append(f"pictures in column `{layout.path_name}`")
    if class_names:
        parts.append(f"classes by the file's own names ({shown(', '.join(class_names).encode(), 100)})")
    return ", ".join(parts)


def _to_cells(array: Any, has_numbers: bool) -> list[object]:
    """Values of Python; `has_numbers`: bytes are numbers, as is what lists hold."""
    from pyarrow import types

    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if has_numbers and _is_bytes(array.type):
        return [cell if cell is None else list(cell) for cell in array.to_pylist()]
    if not _is_list(array.type):
        return cast(list[object], array.to_pylist())
    return [_flatten(cell.values) if cell.is_valid else None for cell in array]


def _flatten(array: Any) -> list[object]:
    while _is_list(array.type):
        array = array.flatten()
    return cast(list[object], array.to_numpy(zero_copy_only=False).tolist())


def _is_bytes(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _is_list(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))
