"""Whatever is handed in as data: every row is used or told why not, or the file is refused in one line."""

import io
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from fault_injection.hostile_inputs import ARCHIVES, LABELS, PIXEL_TEXTS, TEXTS, Case, mutate

from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import DataError
from fer_tfx.reading.form import ParsedRow, ReadingLimits, RejectedRow, SkippedMember
from fer_tfx.reading.sources import Source, read_source
from fer_tfx.reading.words import ClassTable

CLASSES = ClassTable.build(DEFAULT_CLASS_NAMES, {})

CSVS = TEXTS | LABELS | PIXEL_TEXTS
SEEDS = range(8)


def read(content: bytes, name: str = "faces") -> tuple[list[ParsedRow], Counter[str], int]:
    """Usable rows, reasons of the others, and how many members were passed over."""
    items = list(read_source(Source(name, name, False), io.BytesIO(content), ReadingLimits(), CLASSES))
    rows = [each for each in items if isinstance(each, ParsedRow)]
    reasons = Counter(each.reason for each in items if isinstance(each, RejectedRow))
    return rows, reasons, sum(isinstance(each, SkippedMember) for each in items)


def check(case: Case) -> None:
    if case.refusal:
        with pytest.raises(DataError) as refused:
            read(case.content)
        said = str(refused.value)
        assert re.search(case.refusal, said), said
        assert said.isprintable(), "the refusal is no printable line"
        assert len(said) < 500
        return
    rows, reasons, skipped = read(case.content)
    assert (len(rows), dict(reasons), skipped) == (case.used, case.rejected, case.skipped)
    assert all(len(row.face.pixels) == 2304 for row in rows)


def test_hostile_inputs_are_more_than_sixty_kinds() -> None:
    assert len(CSVS) + len(ARCHIVES) >= 60


@pytest.mark.parametrize("case", CSVS.values(), ids=CSVS.keys())
def test_hostile_csv_is_accounted_for_or_refused_in_one_line(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("make", ARCHIVES.values(), ids=ARCHIVES.keys())
def test_hostile_archive_is_accounted_for_or_refused_in_one_line(make: Callable[[], Case]) -> None:
    check(make())


def test_hostile_line_of_two_gigabytes_takes_little_memory_and_spoils_itself_only(tmp_path: Path) -> None:
    """The file is sparse: two gigabytes of NUL bytes without a line end, then a row."""
    path = tmp_path / "fer2013.csv"
    with path.open("wb") as file:
        file.write(TEXTS["header only"].content)
        file.seek(2_000_000_000, io.SEEK_CUR)
        file.write(b"\n" + TEXTS["CRLF"].content.splitlines(keepends=True)[1])
    with path.open("rb") as stream:
        items = list(read_source(Source("fer2013.csv", "fer2013.csv", False), stream, ReadingLimits(), CLASSES))
    assert [type(each) for each in items] == [RejectedRow, ParsedRow]


@pytest.mark.parametrize("seed", SEEDS)
def test_hostile_mutations_of_sound_files_raise_nothing_but_data_errors(seed: int) -> None:
    for content in mutate(seed, 40):
        with suppress(DataError):
            assert all(len(row.face.pixels) == 2304 for row in read(content)[0])
