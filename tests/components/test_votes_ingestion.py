"""FerExampleGen on rows with votes, in columns or in a file beside them: labels by majority, targets by shares."""

import json
import lzma
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from configs.spec import DataConfig
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import DataError
from fer_tfx.reading.votes import VOTE_COLUMNS
from pipeline.inputs import look_into_input

EIGHT = (*DEFAULT_CLASS_NAMES, "contempt")
HEADER = f"Usage,Image name,{','.join(VOTE_COLUMNS)}"
USAGES = ("Training", "Training", "PublicTest", "Training", "PrivateTest")
# Ten votes each, and what becomes of them: a class by majority, or why a row is left out.
BALLOTS = [
    ("8,0,0,2,0,0,0,0,0,0", "neutral"),
    ("0,9,1,0,0,0,0,0,0,0", "happy"),
    ("0,0,6,0,0,0,4,0,0,0", "surprise"),
    ("4,0,0,4,2,0,0,0,0,0", "no majority of the votes"),
    ("0,0,0,0,0,0,0,0,0,10", "no face, by the votes"),
    ("1,0,0,1,0,0,0,0,8,0", "unknown expression, by the votes"),
    ("2,0,0,0,0,0,0,8,0,0", "contempt"),
]
ROWS = 70


def draw(row: int) -> str:
    return " ".join(map(str, np.random.default_rng(row).integers(0, 256, 2304)))


def usage_of(row: int) -> str:
    return USAGES[row % len(USAGES)]


def write_pixels(folder: Path, name: str = "fer2013.csv", rows: range = range(ROWS)) -> Path:
    """The labels are nonsense: where votes count, nobody looks at them."""
    lines = [f"x,{draw(row)},{usage_of(row)}" for row in rows]
    (folder / name).write_text("\n".join(["emotion,pixels,Usage", *lines, ""]))
    return folder / name


def write_votes(folder: Path, rows: range = range(ROWS)) -> Path:
    lines = [f"{usage_of(row)},fer{row:07d}.png,{BALLOTS[row % len(BALLOTS)][0]}" for row in rows]
    (folder / "fer2013new.csv").write_text("\n".join([HEADER, *lines, ""]))
    return folder / "fer2013new.csv"


def write_joined(folder: Path) -> Path:
    lines = [f"{usage_of(row)};{draw(row)};{BALLOTS[row % 7][0].replace(',', ';')}" for row in range(ROWS)]
    (folder / "joined.csv").write_text("\n".join([f"Usage;pixels;{';'.join(VOTE_COLUMNS)}", *lines, ""]))
    return folder / "joined.csv"


def list_examples(done: Any) -> dict[tuple[str, int], tuple[str, list[float]]]:
    """Class and target by split and row."""
    found = {}
    for split, examples in done.examples.items():
        for feature in (example.features.feature for example in examples):
            label = EIGHT[feature["emotion"].int64_list.value[0]]
            target = list(feature["target"].float_list.value) if "target" in feature else []
            found[split, feature["row"].int64_list.value[0]] = (label, target)
    return found


def expect(targets: str, classes: tuple[str, ...]) -> dict[tuple[str, int], str]:
    """The class of each row that is used, by a rule written down once more."""
    split_of = {"Training": "train", "PublicTest": "eval", "PrivateTest": "test"}
    expected = {}
    for row in range(ROWS):
        split, label = split_of[usage_of(row)], BALLOTS[row % len(BALLOTS)][1]
        if label.startswith("no majority") and targets == "votes" and split == "train":
            label = "neutral"  # the first of those with the most
        if label in classes:
            expected[split, row] = label
    return expected


@pytest.mark.parametrize("classes", [DEFAULT_CLASS_NAMES, EIGHT], ids=["seven", "eight"])
@pytest.mark.parametrize("targets", ["majority", "votes"])
def test_rows_get_the_class_of_the_majority_and_those_without_one_are_counted(
    ingest: Any, tmp_path: Path, targets: str, classes: tuple[str, ...]
) -> None:
    settings = {"votes_path": str(write_votes(tmp_path)), "targets": targets, "classes": classes}
    done = ingest(write_pixels(tmp_path), **settings)
    found = list_examples(done)
    assert {place: label for place, (label, _) in found.items()} == expect(targets, classes)
    assert done.report.rows_read == ROWS
    left_out = Counter(
        BALLOTS[row % 7][1] for row in range(ROWS) if not any(place[1] == row for place in expect(targets, classes))
    )
    if count := left_out.pop("contempt", 0):
        left_out["contempt, which is no class"] = count
    assert done.report.left_out == left_out
    for (_, row), (_, target) in found.items():
        counts = np.array(BALLOTS[row % 7][0].split(","), float)
        counts[counts == 1] = 0
        order = [4, 5, 6, 1, 3, 2, 0, 7][: len(classes)]
        shares = (counts[order] / counts[order].sum()).astype(np.float32).tolist()
        assert target == (shares if targets == "votes" else [])


def test_votes_join_alike_in_parts_archives_and_columns(ingest: Any, tmp_path: Path) -> None:
    targets = "votes"
    table, votes = write_pixels(tmp_path), write_votes(tmp_path)
    expected = list_examples(ingest(table, votes_path=str(votes), targets=targets))
    in_parts = ingest(table, votes_path=str(votes), targets=targets, part_bytes=50_000)
    assert list_examples(in_parts) == expected
    with tarfile.open(tmp_path / "fer2013.tar.gz", "w:gz") as archive:
        archive.add(table, "fer2013/fer2013.csv")
    (tmp_path / "fer2013new.csv.xz").write_bytes(lzma.compress(votes.read_bytes()))
    packed = ingest(tmp_path / "fer2013.tar.gz", votes_path=str(tmp_path / "fer2013new.csv.xz"), targets=targets)
    assert list_examples(packed) == expected
    joined = write_joined(tmp_path)
    assert list_examples(ingest(joined, votes_path=str(joined), targets=targets)) == expected
    in_columns = ingest(joined, targets=targets, part_bytes=50_000)
    assert list_examples(in_columns) == expected
    assert any("votes in columns" in remark for remark in in_columns.report.remarks)


def test_votes_are_read_beside_the_paths_of_pictures_in_every_kind_of_table(ingest: Any, tmp_path: Path) -> None:
    rows, expected = range(14), expect("votes", DEFAULT_CLASS_NAMES)
    records = []
    for row in rows:
        folder = tmp_path / usage_of(row)
        folder.mkdir(exist_ok=True)
        pixels = np.array(draw(row).split(), np.uint8).reshape(48, 48)
        Image.fromarray(pixels).save(folder / f"fer{row:07d}.png")
        counts = dict(zip(VOTE_COLUMNS, map(int, BALLOTS[row % 7][0].split(",")), strict=True))
        records.append({"Usage": usage_of(row), "Image name": f"{usage_of(row)}/fer{row:07d}.png", **counts})
    table = tmp_path / "fer2013new.csv"
    table.write_text("\n".join([HEADER, *(",".join(map(str, each.values())) for each in records), ""]))
    wanted = {place: label for place, label in expected.items() if place[1] in rows}
    done = ingest(table, targets="votes")
    assert {place: label for place, (label, _) in list_examples(done).items()} == wanted
    assert done.report.rows_left_out == len(rows) - len(wanted)
    lines = tmp_path / "votes.jsonl"
    lines.write_text("".join(json.dumps(each) + "\n" for each in records))
    assert list_examples(ingest(lines, targets="votes")) == list_examples(done)
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "votes.parquet")
    assert list_examples(ingest(tmp_path / "votes.parquet", targets="votes")) == list_examples(done)


def test_pictures_by_class_have_no_votes(ingest: Any, tmp_path: Path) -> None:
    (tmp_path / "happy").mkdir()
    Image.new("L", (48, 48)).save(tmp_path / "happy" / "1.png")
    with pytest.raises(DataError, match=r"happy/1\.png: has no votes: give a table with them"):
        ingest(tmp_path, targets="votes")


def test_rejected_rows_keep_their_place_beside_the_votes(ingest: Any, tmp_path: Path) -> None:
    table, votes = write_pixels(tmp_path), write_votes(tmp_path)
    expected = list_examples(ingest(table, votes_path=str(votes), targets="majority"))
    lines = table.read_text().split("\n")
    lines[1] = "0,1 2 3,Training"
    table.write_text("\n".join(lines))
    done = ingest(table, votes_path=str(votes), targets="majority", max_quarantined_fraction=0.1)
    assert done.report.quarantined == {"wrong number of pixels": 1}
    assert list_examples(done) == {place: each for place, each in expected.items() if place[1] != 0}


def test_without_a_split_for_eval_no_row_without_a_majority_is_taken_for_it(ingest: Any, tmp_path: Path) -> None:
    lines = [f"{draw(row)},{BALLOTS[row % 7][0]}" for row in range(ROWS)]
    (tmp_path / "a.csv").write_text("\n".join([f"pixels,{','.join(VOTE_COLUMNS)}", *lines, ""]))
    (tmp_path / "b.csv").write_text(
        "\n".join([f"usage,pixels,{','.join(VOTE_COLUMNS)}", *(f"Training,{line}" for line in lines), ""])
    )
    for name in ("a.csv", "b.csv"):
        found = list_examples(ingest(tmp_path / name, targets="votes", eval_fraction=0.5))
        by_split = {split: {row % 7 for place, row in found if place == split} for split in ("train", "eval")}
        assert 3 in by_split["train"]
        assert by_split["eval"] == {0, 1, 2}


def test_votes_in_the_folder_of_the_table_are_known_and_named(ingest: Any, tmp_path: Path) -> None:
    table = write_pixels(tmp_path)
    table.write_text(table.read_text().replace("\nx,", "\n3,"))
    votes = write_votes(tmp_path)
    by_label = ingest(tmp_path)
    assert by_label.report.read == {"fer2013.csv": ROWS}
    assert by_label.report.skipped_files == {
        "fer2013new.csv": "holds votes, which are read if data.votes_path names it"
    }
    renamed = votes.rename(tmp_path / "votes.csv")
    by_votes = ingest(tmp_path, votes_path=str(renamed), targets="majority")
    assert by_votes.report.skipped_files == {"votes.csv": "the votes, as data.votes_path says"}
    with pytest.raises(
        DataError, match=r"votes\.csv, line 1: found votes, but no column `pixels`: give them to data\.votes_path"
    ):
        look_into_input(DataConfig(path=str(renamed)))


def test_votes_that_do_not_fit_the_table_are_refused_in_one_line(ingest: Any, tmp_path: Path) -> None:
    table = write_pixels(tmp_path)
    other = write_pixels(tmp_path, "more.csv", range(ROWS, 2 * ROWS))
    votes = write_votes(tmp_path)

    def refuse(said: str, path: Path = table, **settings: Any) -> None:
        with pytest.raises(DataError, match=said) as caught:
            ingest(path, **{"votes_path": str(votes), "targets": "majority", **settings})
        assert len(str(caught.value)) < 400

    write_votes(tmp_path, range(ROWS - 1))
    refuse(r"^fer2013\.csv, line 71: has no votes, as fer2013new\.csv has 69 rows of votes")
    write_votes(tmp_path, range(ROWS + 5))
    refuse(r"^fer2013\.csv: has 70 rows, but fer2013new\.csv has votes for 75: give one table")
    write_votes(tmp_path, range(1, ROWS + 1))
    refuse(r"^fer2013\.csv, line 3: is a row of train, but fer2013new\.csv, line 3, is of eval")
    refuse(r"^fer2013\.csv, line \d+: is a row of \w+, but fer2013new\.csv, line \d+, is of", part_bytes=50_000)
    write_votes(tmp_path)
    (tmp_path / "two").mkdir()
    table.rename(tmp_path / "two" / "a.csv")
    other.rename(tmp_path / "two" / "b.csv")
    refuse("holds the votes of one table, but 2 were read", tmp_path / "two")
    refuse("a.csv, line 1: found no columns of votes", tmp_path / "two" / "a.csv", votes_path="")
    with pytest.raises(DataError, match=r"^data\.votes_path: .*/none\.csv: no such file"):
        look_into_input(DataConfig(path=str(tmp_path / "two"), votes_path=str(tmp_path / "none.csv"), targets="votes"))
