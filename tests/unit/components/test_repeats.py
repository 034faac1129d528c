"""Pictures that stand in the data more than once: which rows stay."""

import itertools

import pytest

from components.face_example_gen.settling import Candidate, has_conflict, settle


def face(split: str, source: str = "a.csv", row: int = 0, class_index: int | None = 3) -> Candidate:
    return Candidate(b"digest", source, row, split, class_index, f"{source}:{row}".encode())


def fates(copies: list[Candidate]) -> list[tuple[str, str]]:
    """Where each row stands, and why it goes; nothing if it stays."""
    return [(f"{row.source}:{row.row}", drop_reason) for row, drop_reason in settle(copies)]


@pytest.mark.parametrize(
    ("copies", "expected"),
    [
        ([], []),
        ([face("train")], [("a.csv:0", "")]),
        ([face("eval")], [("a.csv:0", "")]),
        (
            [face("train", row=9), face("train", row=2), face("train", row=5)],
            [("a.csv:2", ""), ("a.csv:5", "repeat within train"), ("a.csv:9", "repeat within train")],
        ),
        (
            [face("train", "b.csv", 0), face("train", "a.csv", 7)],
            [("a.csv:7", ""), ("b.csv:0", "repeat within train")],
        ),
        (
            [face("train", "angry/10.png"), face("train", "happy/9.png"), face("train", "sad/9.png")],
            [("happy/9.png:0", ""), ("sad/9.png:0", "repeat within train"), ("angry/10.png:0", "repeat within train")],
        ),
        (
            [face("train", row=0), face("eval", row=1), face("train", row=2)],
            [("a.csv:0", "also stands in eval"), ("a.csv:1", ""), ("a.csv:2", "also stands in eval")],
        ),
        (
            [face("test", row=0), face("eval", row=1), face("train", row=2)],
            [("a.csv:0", ""), ("a.csv:1", ""), ("a.csv:2", "also stands in eval")],
        ),
        ([face("test", row=0), face("test", row=1)], [("a.csv:0", ""), ("a.csv:1", "")]),
        (
            [face("train", row=0), face("unlabelled", "test.csv", 1, class_index=None)],
            [("a.csv:0", "also stands in unlabelled"), ("test.csv:1", "")],
        ),
    ],
    ids=["none", "alone", "alone held out", "first by row", "first by file", "first by number", "held out once",
         "held out twice", "repeats held out", "asked for prediction"],
)  # fmt: skip
def test_settle_copies_of_one_picture_leave_held_out_rows_or_the_first_of_train(copies, expected):
    assert fates(copies) == expected


def test_settle_keep_twins_leaves_the_first_of_train_beside_held_out_rows():
    copies = [face("train", row=4), face("eval", row=1), face("train", row=2), face("unlabelled", "test.csv", 0, None)]
    fates_of = {f"{each.source}:{each.row}": reason for each, reason in settle(copies, keep_twins=True)}
    assert fates_of == {"a.csv:1": "", "a.csv:2": "", "a.csv:4": "repeat within train", "test.csv:0": ""}


def test_settle_any_order_of_the_copies_gives_the_same_fates():
    copies = [face("train", row=0), face("eval", row=1), face("train", row=2), face("test", "b.csv", 0)]
    expected = fates(copies)
    assert all(fates(list(order)) == expected for order in itertools.permutations(copies))


def test_settle_rows_come_out_whole():
    copy = face("train", row=4)
    assert [row for row, _ in settle(iter([copy]))] == [copy]


@pytest.mark.parametrize(
    ("class_indices", "expected"),
    [((), False), ((3,), False), ((3, 3), False), ((3, 4), True), ((3, 3, 0), True), ((3, None), False),
     ((None, None), False), ((0, None, 6), True)],
)  # fmt: skip
def test_has_conflict_labels_of_one_picture_tell_whether_they_differ(class_indices, expected):
    copies = [face("train", row=row, class_index=class_index) for row, class_index in enumerate(class_indices)]
    assert has_conflict(copies) is expected
