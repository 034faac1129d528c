"""Whatever the rows: each is used, dropped as a repeat or quarantined, and none twice."""

import io
from collections import Counter
from contextlib import nullcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.face_example_gen.settling import Candidate, settle
from fer_tfx.contract import DEFAULT_CLASS_NAMES, EVAL_SPLIT, PIXEL_COUNT, TEST_SPLIT, TRAIN_SPLIT
from fer_tfx.reading.csv_form import CSV
from fer_tfx.reading.form import ParsedRow, ReadingLimits, RejectedRow
from fer_tfx.reading.words import ClassTable
from reporting.ingestion import DROPPED, EMITTED, QUARANTINED, READ, IngestionReport

CLASSES = ClassTable.build(DEFAULT_CLASS_NAMES, {})

SOUND = b"3," + b" ".join([b"7"] * PIXEL_COUNT)
# No line end and no carriage return within, and not blank: each is one row.
BROKEN = st.binary(min_size=1, max_size=60).map(lambda line: b"x" + line.translate(None, b"\r\n"))
LINES = st.lists(st.one_of(st.just(SOUND), BROKEN, st.just(b""), st.just(b"  ")), max_size=20)
CANDIDATES = st.lists(
    st.builds(
        Candidate,
        digest=st.just(b""),
        split=st.sampled_from([TRAIN_SPLIT, EVAL_SPLIT, TEST_SPLIT]),
        source=st.sampled_from(["a.csv", "b.csv"]),
        row=st.integers(0, 50),
        class_index=st.one_of(st.none(), st.integers(0, 6)),
        pixels=st.just(b""),
    ),
    unique_by=lambda candidate: (candidate.source, candidate.row),
    max_size=20,
)


@settings(deadline=None)
@given(lines=LINES, end=st.sampled_from([b"\n", b"\r\n"]))
def test_iter_rows_of_any_lines_accounts_for_each_that_is_not_blank(lines: list[bytes], end: bytes) -> None:
    stream = io.BytesIO(end.join([b"emotion,pixels", *lines]) + end)
    rows = list(CSV.read(stream, "x.csv", ReadingLimits(), CLASSES))
    kept = [(number, line) for number, line in enumerate(lines, start=2) if line.strip()]
    assert [row.line for row in rows] == [number for number, _ in kept]
    assert [row.row for row in rows] == list(range(len(kept)))
    assert [type(row) for row in rows] == [ParsedRow if line == SOUND else RejectedRow for _, line in kept]


@given(copies=CANDIDATES)
def test_settle_of_any_copies_keeps_held_out_rows_and_at_most_one_for_training(copies: list[Candidate]) -> None:
    settled = list(settle(copies))
    kept = [each for each, drop_reason in settled if not drop_reason]
    held_out = [each for each in copies if each.split != TRAIN_SPLIT]
    assert Counter(each for each, _ in settled) == Counter(copies)
    assert Counter(each for each in kept if each.split != TRAIN_SPLIT) == Counter(held_out)
    assert sum(each.split == TRAIN_SPLIT for each in kept) == (1 if copies and not held_out else 0)


COUNTS = st.integers(0, 10**6)


@given(
    emitted=st.dictionaries(st.tuples(st.sampled_from([TRAIN_SPLIT, EVAL_SPLIT]), st.text(max_size=5)), COUNTS),
    dropped=st.dictionaries(st.text(max_size=5), COUNTS),
    quarantined=st.dictionaries(st.text(max_size=5), COUNTS),
    skipped=st.dictionaries(st.text(max_size=5), st.text(max_size=5)),
    lost=st.integers(-2, 2),
)
def test_ingestion_report_of_any_outcomes_balances_only_when_no_row_is_lost_and_survives_json(
    emitted: dict[tuple[str, str], int],
    dropped: dict[str, int],
    quarantined: dict[str, int],
    skipped: dict[str, str],
    lost: int,
) -> None:
    total = sum(emitted.values()) + sum(dropped.values()) + sum(quarantined.values())
    outcomes = [
        ((READ, "x.csv"), total + lost),
        *(((EMITTED, *key), count) for key, count in emitted.items()),
        *(((DROPPED, key), count) for key, count in dropped.items()),
        *(((QUARANTINED, key), count) for key, count in quarantined.items()),
    ]
    report = IngestionReport.from_outcomes(outcomes, skipped)
    assert IngestionReport.from_json(report.to_json()) == report
    with pytest.raises(RuntimeError, match="a row was lost or counted twice") if lost else nullcontext():
        report.check_balance()
