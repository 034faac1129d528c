"""Whatever the bytes: a rendered row is read back as it was, and nothing but a `RowError` comes of any other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_tfx.contract import DEFAULT_CLASS_NAMES, PIXEL_COUNT, SPLIT_OF_USAGE
from fer_tfx.reading.columns import RowError, parse_header
from fer_tfx.reading.csv_form import parse_row
from fer_tfx.reading.form import FaceRow
from fer_tfx.reading.words import ClassTable

CLASSES = ClassTable.build(DEFAULT_CLASS_NAMES, {})

SPACES = st.text(" \t", max_size=3).map(str.encode)
PIXELS = st.binary(min_size=PIXEL_COUNT, max_size=PIXEL_COUNT)


def render(columns: list[str], values: dict[str, bytes]) -> bytes:
    return b",".join(values[name] for name in columns)


@given(
    columns=st.permutations(["emotion", "pixels", "Usage"]),
    class_index=st.integers(0, len(DEFAULT_CLASS_NAMES) - 1),
    pixels=PIXELS,
    usage=st.sampled_from(sorted(SPLIT_OF_USAGE)),
    is_quoted=st.booleans(),
    margin=SPACES,
    end=st.sampled_from([b"", b"\n", b"\r\n"]),
)
def test_parse_row_of_a_rendered_row_gives_it_back(
    columns: list[str], class_index: int, pixels: bytes, usage: str, is_quoted: bool, margin: bytes, end: bytes
) -> None:
    text = " ".join(map(str, pixels)).encode()
    values = {
        "emotion": margin + str(class_index).encode() + margin,
        "pixels": b'"' + text + b'"' if is_quoted else margin + text + margin,
        "Usage": margin + usage.encode() + margin,
    }
    layout = parse_header(",".join(columns).encode(), "x.csv")
    assert parse_row(render(columns, values) + end, layout, CLASSES) == FaceRow(
        class_index, pixels, SPLIT_OF_USAGE[usage]
    )


@given(line=st.binary(max_size=200), header=st.sampled_from([b"emotion,pixels", b"pixels", b"emotion,pixels,Usage"]))
def test_parse_row_of_any_bytes_is_a_row_error_of_one_line(line: bytes, header: bytes) -> None:
    """No 200 bytes hold 2,304 numbers."""
    layout = parse_header(header, "x.csv")
    with pytest.raises(RowError) as caught:
        parse_row(line, layout, CLASSES)
    assert str(caught.value).isprintable()
