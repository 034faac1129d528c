"""A file of votes is read whole, or refused in one line, and joined to the rows of a table."""

import bz2
import io
import zipfile

import pytest

from fer_tfx.errors import DataError
from fer_tfx.reading.choice import reasons_against
from fer_tfx.reading.form import FaceRow, ParsedRow, ReadingLimits
from fer_tfx.reading.vote_file import VoteTable, read_votes

HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
ROWS = [
    "Training,fer0000000.png,4,0,0,1,3,2,0,0,0,0",
    "Training,,0,0,0,0,0,0,0,0,0,10",
    "PublicTest,fer0000001.png,0,10,0,0,0,0,0,0,0,0",
]


def read(text: str | bytes, name: str = "fer2013new.csv") -> VoteTable:
    return read_votes(io.BytesIO(text if isinstance(text, bytes) else text.encode()), name, ReadingLimits())


def lines(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


def row(number: int, usage: str | None, line: int | None = None) -> ParsedRow:
    return ParsedRow("fer2013.csv", number, number + 2 if line is None else line, FaceRow(None, b"", usage))


def test_votes_are_found_by_row_and_split() -> None:
    table = read(lines(*ROWS))
    assert len(table) == 3
    assert table.find(row(0, "train")) == (4, 0, 0, 1, 3, 2, 0, 0, 0, 0)
    assert table.find(row(2, "eval")) == (0, 10, *[0] * 8)
    assert table.find(row(1, None))[-1] == 10
    with pytest.raises(
        DataError, match=r"^fer2013\.csv, line 4: is a row of train, but fer2013new\.csv, line 4, is of"
    ):
        table.find(row(2, "train"))
    with pytest.raises(DataError, match=r"^fer2013\.csv, line 5: has no votes, as fer2013new\.csv has 3 rows of votes"):
        table.find(row(3, "eval"))


def test_votes_must_be_as_many_as_the_rows_of_one_table() -> None:
    table = read(lines(*ROWS))
    assert table.find_fault({"fer2013.csv": 3}) == ""
    assert table.find_fault({"fer2013.csv": 2}).startswith(
        "fer2013.csv: has 2 rows, but fer2013new.csv has votes for 3: give one table of pictures"
    )
    assert "but 2 were read" in table.find_fault({"a.csv": 3, "b.csv": 3})


def test_votes_that_lack_a_row_are_refused_with_the_place_that_the_names_of_pictures_tell() -> None:
    """In FER+ some pictures without a name have a number, some none; a few have the name of their twin elsewhere."""
    numbers = [0, 1, 2, 3, None, 4, 5, None, 7, 8, 9, 10, 90, 12, 13, 14, 15]
    names = ["" if number is None else f"fer{number:07d}.png" for number in numbers]
    rows = [f"Training,{name},1,2,3,4,0,0,0,0,0,0" for name in names]
    assert read(lines(*rows)).find_fault({"a.csv": 17}) == ""
    assert "line" not in read(lines(*rows)).find_fault({"a.csv": 18})
    for missing in (2, 9, 15):
        without = read(lines(*rows[:missing], *rows[missing + 1 :]))
        assert without.find_fault({"a.csv": 17}).startswith(
            "a.csv: has 17 rows, but fer2013new.csv has votes for 16"
            f" (not one after the other at its line {missing + 2}): give one table of pictures"
        )
    with pytest.raises(
        DataError, match=r"^fer2013\.csv, line 18: has no votes, as .* at its line 17\): give one table"
    ):
        without.find(row(16, "train"))
    with pytest.raises(
        DataError, match=r"^fer2013new\.csv, line 5: fer0000002\.png stands there a second time: remove"
    ):
        read(lines(*rows[:3], *rows[2:]))


def test_votes_are_read_in_other_dialects_and_packed() -> None:
    text = lines(*ROWS)
    expected = read(text).counts.tolist()
    columns = HEADER.lower().split(",")
    turned = [";".join(f'"{cell}"' for cell in reversed(each.split(","))) for each in text.split("\n") if each]
    assert read("\r\n".join(turned)).counts.tolist() == expected
    assert read("\ufeff" + text.replace(",4,", ",4.0,")).counts.tolist() == expected
    assert read(bz2.compress(text.encode())).counts.tolist() == expected
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("FERPlus/fer2013new.csv", text)
        file.writestr("FERPlus/README.md", "text")
    assert read(archive.getvalue(), "FERPlus.zip").counts.tolist() == expected
    without = ["\t".join(each.split(",")[2:]) for each in text.split("\n") if each]
    assert read("\n".join(without)).find(row(0, "eval")) == (4, 0, 0, 1, 3, 2, 0, 0, 0, 0)
    assert columns[-1] == "nf"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("emotion,pixels\n0,1 2\n", "line 1: found 'emotion,pixels', expected the columns neutral"),
        (lines("Training,,0,0,0,0,0,0,0,0,0"), "line 2: found 11 columns, expected 12"),
        (
            lines(ROWS[0], "Training,,0,0,x,0,0,0,0,0,0,10"),
            "line 3: not a number of votes: column `surprise`: found 'x'",
        ),
        (lines(ROWS[0].replace("4", "-4")), "line 2: not a number of votes: column `neutral`: found '-4'"),
        (lines(ROWS[0].replace("4", "")), "line 2: not a number of votes: column `neutral`: found ''"),
        (lines(ROWS[0].replace("Training", "Other")), "line 2, column `usage`: found 'Other', expected Training"),
        (lines(ROWS[0], "", ROWS[1]), "line 3: is blank, and rows follow"),
        (lines('"' + ROWS[0]), "line 2: unbalanced quote"),
        ("", "line 1: found ''"),
    ],
)
def test_votes_that_cannot_be_read_are_refused_by_line(text: str, said: str) -> None:
    with pytest.raises(DataError) as caught:
        read(text)
    assert str(caught.value).startswith(f"fer2013new.csv, {said}")
    assert len(str(caught.value)) < 300


def test_file_known_to_hold_votes_is_skipped_beside_others_and_read_alone() -> None:
    reasons = reasons_against(["a/fer2013.csv", "a/fer2013new.csv", "a/fer2013new.csv.xz"], None, lambda name: b"")
    assert reasons["a/fer2013new.csv"] == "holds votes, which are read if data.votes_path names it"
    assert reasons["a/fer2013new.csv.xz"] == reasons["a/fer2013new.csv"]
    assert not reasons["a/fer2013.csv"]
    assert reasons_against(["a/fer2013new.csv", "a/README.md"], None, lambda name: b"")["a/fer2013new.csv"] == ""
