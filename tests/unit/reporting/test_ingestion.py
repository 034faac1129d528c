"""The account of rows: 12 read = 6 emitted + 3 dropped + 2 left out + 1 quarantined."""

import dataclasses

import pytest

from reporting.ingestion import (
    CONFLICT,
    DROPPED,
    EMITTED,
    KEPT_TWIN,
    LEFT_OUT,
    MAX_LISTED,
    QUARANTINED,
    READ,
    IngestionReport,
)

OUTCOMES = [
    ((READ, "a.csv"), 9),
    ((READ, "b.zip/b.csv"), 3),
    ((EMITTED, "train", "happy"), 3),
    ((EMITTED, "train", "sad"), 1),
    ((EMITTED, "unlabelled", ""), 2),
    ((DROPPED, "repeat within train"), 2),
    ((DROPPED, "also stands in test"), 1),
    ((QUARANTINED, "unknown label"), 1),
    ((LEFT_OUT, "contempt"), 2),
    ((CONFLICT,), 4),
    ((KEPT_TWIN, "eval"), 2),
]
REPORT = IngestionReport(
    read={"a.csv": 9, "b.zip/b.csv": 3},
    emitted={"train": {"happy": 3, "sad": 1}, "unlabelled": {"": 2}},
    dropped={"repeat within train": 2, "also stands in test": 1},
    quarantined={"unknown label": 1},
    left_out={"contempt": 2},
    conflicting_pictures=4,
    skipped_files={"read.me": "no CSV"},
    kept_twins={"eval": 2},
)


def test_from_outcomes_every_account_gets_its_counts():
    assert IngestionReport.from_outcomes(OUTCOMES, {"read.me": "no CSV"}) == REPORT


def test_from_outcomes_unknown_account_is_refused():
    with pytest.raises(KeyError, match="lost"):
        IngestionReport.from_outcomes([(("lost", "a.csv"), 1)], {})


def test_to_json_of_many_files_names_the_first_and_counts_them_all():
    counts = [((READ, f"{number:05d}.csv"), number) for number in range(9_000)]
    whole = IngestionReport.from_outcomes(reversed(counts), {f"{number:04d}.txt": "no CSV" for number in range(1_234)})
    report = IngestionReport.from_json(whole.to_json())
    assert report.rows_read == sum(range(9_000))
    assert len(report.read) == MAX_LISTED + 1
    assert report.read["00099.csv"] == 99
    assert report.read["8,900 further files"] == sum(range(100, 9_000))
    assert (list(report.skipped_files)[-1], len(report.skipped_files)) == ("0099.txt", MAX_LISTED)
    assert report.unlisted_files == 1_134


def test_from_outcomes_nothing_gives_an_empty_balanced_report():
    report = IngestionReport.from_outcomes([], {})
    report.check_balance()
    assert report == IngestionReport({}, {}, {}, {})
    assert report.quarantined_fraction == 0.0


def test_totals_of_a_report_are_sums_of_its_accounts():
    assert (REPORT.rows_read, REPORT.rows_emitted, REPORT.rows_dropped, REPORT.rows_quarantined) == (12, 6, 3, 1)
    assert (REPORT.rows_left_out, REPORT.quarantined_fraction) == (2, 1 / 12)
    assert [REPORT.split_size(split) for split in ("train", "unlabelled", "eval")] == [4, 2, 0]


def test_check_balance_every_row_accounted_for_passes():
    REPORT.check_balance()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"read": {"a.csv": 10, "b.zip/b.csv": 3}},
            "13 rows were read, but 6 emitted + 3 dropped + 2 left out + 1 quarantined make 12: a row was lost or"
            " counted twice",
        ),
        (
            {"quarantined": {"unknown label": 2}},
            "12 rows were read, but 6 emitted + 3 dropped + 2 left out + 2 quarantined make 13: a row was lost or"
            " counted twice",
        ),
        (
            {"emitted": {"train": {"happy": 3}}, "dropped": {}},
            "12 rows were read, but 3 emitted + 0 dropped + 2 left out + 1 quarantined make 6: a row was lost or"
            " counted twice",
        ),
    ],
)
def test_check_balance_row_lost_or_counted_twice_raises_with_every_number(change, expected):
    with pytest.raises(RuntimeError) as caught:
        dataclasses.replace(REPORT, **change).check_balance()
    assert str(caught.value) == expected


def test_from_json_of_to_json_gives_the_same_report():
    assert IngestionReport.from_json(REPORT.to_json()) == REPORT


def test_to_json_equal_reports_of_different_order_give_equal_texts():
    shuffled = IngestionReport.from_outcomes(reversed(OUTCOMES), {"read.me": "no CSV"})
    assert list(shuffled.read) != list(REPORT.read)
    assert shuffled.to_json() == REPORT.to_json()
