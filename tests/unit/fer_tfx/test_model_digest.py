"""Equal models have equal digests though a process has numbered their functions otherwise, and others have not.

What real exports come to is tested in tests/unit/models/test_export.py.
"""

import pytest

from fer_tfx.versions.model_digest import compute_digest

Fields = list[tuple[int, "bytes | int | Fields"]]


def encode(fields: Fields) -> bytes:
    """A message of texts, numbers and messages, as Protocol Buffers write them; all sizes below 128."""
    written = b""
    for number, value in fields:
        if isinstance(value, int):
            written += bytes([number << 3, value])
        else:
            content = encode(value) if isinstance(value, list) else value
            written += bytes([number << 3 | 2, len(content)]) + content
    return written


def build_graph(
    number: int, inputs: tuple[bytes, ...] = (b"x", b"y"), constant: bytes = b"\x00\x01", is_turned: bool = False
) -> bytes:
    functions: Fields = [
        (1, [(1, b"__inference_serve_pixels_%d" % number), (3, [(3, each) for each in inputs])]),
        (1, [(1, b"map_while_body_%d" % (number + 1)), (8, constant), (2, 5)]),
        (1, [(1, b"%d" % (number + 2))]),
    ]
    return encode([(2, functions[::-1] if is_turned else functions)])


def digest(graph: bytes, weights: bytes = b"weights") -> str:
    return compute_digest([("saved_model.pb", graph), ("variables/variables.data-00000-of-00001", weights)])


@pytest.mark.parametrize("other", [build_graph(7), build_graph(12345), build_graph(980, is_turned=True)])
def test_compute_digest_other_numbers_and_another_order_of_functions_are_the_same_model(other):
    assert other != build_graph(98)
    assert digest(other) == digest(build_graph(98))


@pytest.mark.parametrize(
    "other",
    [
        build_graph(98, inputs=(b"y", b"x")),
        build_graph(98, inputs=(b"x",)),
        build_graph(98, constant=b"\x00\x02"),
        build_graph(98) + build_graph(98),
        b"",
        b"no message",
        build_graph(98)[:-1],
    ],
)
def test_compute_digest_another_graph_is_another_model(other):
    assert digest(other) != digest(build_graph(98))


def test_compute_digest_counts_names_and_contents_of_the_other_files_byte_for_byte():
    files = [("saved_model.pb", b"graph"), ("variables/a", b"1"), ("variables/b", b"2")]
    others = [
        files[:2],
        [*files[:2], ("variables/b", b"3")],
        [files[0], ("variables/a", b"2"), ("variables/b", b"1")],
        [*files[:2], ("variables/c", b"2")],
        [("saved_model.pb", b"graphs"), *files[1:]],
    ]
    assert compute_digest(files[::-1]) == compute_digest(files)
    assert len({compute_digest(each) for each in [files, *others]}) == 6


def test_compute_digest_a_graph_nested_without_end_is_told_from_others():
    deep = b"x"
    for _ in range(63):
        deep = b"\x0a" + bytes([len(deep)]) + deep
    assert digest(deep) != digest(deep[:-1] + b"y")


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("saved_model.pb", True),
        ("variables/variables.index", True),
        ("assets/vocabulary", True),
        ("another", True),
        ("fingerprint.pb", False),
        ("assets.extra/MODEL_CARD.md", False),
        ("assets.extra/training_record.json", False),
    ],
)
def test_compute_digest_leaves_out_what_is_for_readers(name, counts):
    assert (compute_digest([(name, b"x")]) != compute_digest([])) is counts
