"""FerExampleGen's executor on files in all their forms: every row is accounted for, none leaks."""

import base64
import gzip
import io
import json
import lzma
import os
import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.face_example_gen.component import FerExampleGen
from configs.spec import DataConfig
from fer_tfx.errors import DataError
from pipeline.inputs import resolve_input

TOLERANT = {"max_quarantined_fraction": 1.0}


def picture(seed: int) -> str:
    """2,304 numbers, different for each seed."""
    return " ".join(map(str, np.random.default_rng(seed).integers(0, 256, 2304)))


def fer2013_csv(rows: list[tuple[int, int, str]]) -> str:
    """Rows of (label, picture seed, Usage)."""
    lines = [f"{label},{picture(seed)},{usage}" for label, seed, usage in rows]
    return "\n".join(["emotion,pixels,Usage", *lines, ""])


def pixels_of(example: tf.train.Example) -> bytes:
    return example.features.feature["pixels"].bytes_list.value[0]


def test_ingest_by_usage_gives_each_split_its_rows_with_label_source_and_row(ingest: Any, tmp_path: Path) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_text(fer2013_csv([(3, 1, "Training"), (4, 2, "PublicTest"), (6, 3, "PrivateTest"), (0, 4, "Training")]))

    done = ingest(path)

    assert done.split_names == ["train", "eval", "test"]
    found = {
        split: sorted(
            (
                feature["row"].int64_list.value[0],
                feature["emotion"].int64_list.value[0],
                feature["source"].bytes_list.value[0],
            )
            for feature in (example.features.feature for example in examples)
        )
        for split, examples in done.examples.items()
    }
    source = b"fer2013.csv"
    assert found == {"train": [(0, 3, source), (3, 0, source)], "eval": [(1, 4, source)], "test": [(2, 6, source)]}
    expected = bytes(map(int, picture(2).split()))
    assert pixels_of(done.examples["eval"][0]) == expected


def test_ingest_of_a_hostile_csv_accounts_for_every_row(ingest: Any, tmp_path: Path) -> None:
    good = picture(1)
    rows = {
        f"0,{good}": None,
        f"1,{good.rpartition(' ')[0]}": "wrong number of pixels",
        f"2,{good} 7": "wrong number of pixels",
        f"3,256{good[good.index(' ') :]}": "pixel out of 0-255",
        f"4,-1{good[good.index(' ') :]}": None,  # whichever reason: it must not get through
        f"5,x{good[good.index(' ') :]}": "pixel is not an integer",
        f"7,{good}": "unknown label",
        f",{good}": "unknown label",
        f"0,{good},extra": "wrong number of columns",
        f'0,"{good}': "unbalanced quote",
        "0": "wrong number of columns",
        f"6,{picture(2)}": None,
        f"6,{good[:40]}": "wrong number of pixels",
    }
    path = tmp_path / "train.csv"
    path.write_bytes(b"\xef\xbb\xbfEmotion , PIXELS\r\n" + "\r\n".join(rows).encode() + b"\r\n\xff\xfe,\x00 1 2")

    done = ingest(path, **TOLERANT)

    assert done.report.rows_read == len(rows) + 1
    assert done.report.rows_emitted == 2
    assert done.report.rows_quarantined == len(done.quarantined) == len(rows) + 1 - 2
    by_line = {row["line"]: row for row in done.quarantined}
    for line, reason in enumerate(rows.values(), start=2):
        if reason:
            assert by_line[line]["reason"] == reason
            assert by_line[line]["source"] == "train.csv"
    assert 6 in by_line, "a negative pixel was let through"
    assert len(rows) + 2 in by_line, "undecodable bytes were let through"


def test_ingest_drops_repeats_within_train_and_pictures_that_are_held_out(ingest: Any, tmp_path: Path) -> None:
    rows = [
        (0, 1, "Training"), (0, 1, "Training"), (5, 1, "Training"),  # one stays
        (1, 2, "Training"), (1, 2, "PublicTest"),  # leaves train
        (2, 3, "Training"), (2, 3, "PrivateTest"),  # leaves train
        (3, 4, "PublicTest"), (3, 4, "PublicTest"), (3, 4, "PrivateTest"),  # held-out rows stay as published
        (4, 5, "Training"),
    ]  # fmt: skip
    path = tmp_path / "fer2013.csv"
    path.write_text(fer2013_csv(rows))

    done = ingest(path)

    assert done.report.dropped == {"repeat within train": 2, "also stands in eval": 1, "also stands in test": 1}
    assert {split: done.report.split_size(split) for split in ("train", "eval", "test")} == {
        "train": 2,
        "eval": 3,
        "test": 2,
    }
    assert done.report.conflicting_pictures == 1
    held_out = {pixels_of(example) for split in ("eval", "test") for example in done.examples[split]}
    assert not held_out & {pixels_of(example) for example in done.examples["train"]}


def test_ingest_with_the_switch_off_keeps_repeats(ingest: Any, tmp_path: Path) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_text(fer2013_csv([(0, 1, "Training"), (0, 1, "Training"), (0, 1, "PublicTest")]))
    report = ingest(path, drop_repeats=False).report
    assert (report.rows_emitted, report.kept_twins) == (3, {"eval": 2})


def test_ingest_that_keeps_twins_drops_repeats_within_train_alone_and_counts_what_it_kept(
    ingest: Any, tmp_path: Path
) -> None:
    rows = [(0, 1, "Training"), (0, 1, "Training"), (0, 1, "PublicTest"), (1, 2, "Training"), (1, 2, "PrivateTest"),
            (2, 3, "Training"), (2, 4, "Training")]  # fmt: skip
    path, other = tmp_path / "fer2013.csv", tmp_path / "test.csv"
    path.write_text(fer2013_csv(rows))
    other.write_text(f"pixels\n{picture(1)}\n{picture(4)}\n")
    report = ingest(path, unlabelled=other, keep_twins=True).report
    assert [report.split_size(split) for split in ("train", "eval", "test", "unlabelled")] == [4, 1, 1, 2]
    assert report.dropped == {"repeat within train": 1}
    assert report.kept_twins == {"eval": 1, "test": 1, "unlabelled": 1}


def test_ingest_without_usage_never_parts_equal_pictures_and_splits_alike_every_time(
    ingest: Any, tmp_path: Path
) -> None:
    lines = [f"{seed % 7},{picture(seed % 150)}" for seed in range(300)]
    path = tmp_path / "train.csv"
    path.write_text("\n".join(["emotion,pixels", *lines]))
    reordered = tmp_path / "reordered.csv"
    reordered.write_text("\n".join(["emotion,pixels", *reversed(lines)]))

    settings = {"eval_fraction": 0.2, "test_fraction": 0.1, "drop_repeats": False}
    first, second = ingest(path, **settings), ingest(reordered, **settings)

    pictures = {split: {pixels_of(example) for example in examples} for split, examples in first.examples.items()}
    assert sum(map(len, pictures.values())) == 150, "a picture stands in two splits"
    assert {
        split: {pixels_of(example) for example in examples} for split, examples in second.examples.items()
    } == pictures
    assert 15 <= len(pictures["eval"]) <= 45
    assert 5 <= len(pictures["test"]) <= 28


def _as_zip(text: bytes, folder: Path) -> Path:
    path = folder / "data.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("fer2013/fer2013.csv", text)
    return path


def _as_tar_gz(text: bytes, folder: Path) -> Path:
    (folder / "inner.csv").write_bytes(text)
    with tarfile.open(folder / "fer2013.tar.gz", "w:gz") as archive:
        archive.add(folder / "inner.csv", "fer2013/fer2013.csv")
    (folder / "inner.csv").unlink()
    return folder / "fer2013.tar.gz"


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


FORMS: dict[str, Callable[[bytes, Path], Path]] = {
    "plain": lambda text, folder: _written(folder / "a.csv", text),
    "crlf": lambda text, folder: _written(folder / "a.csv", text.replace(b"\n", b"\r\n")),
    "gz": lambda text, folder: _written(folder / "a.csv.gz", gzip.compress(text)),
    "xz": lambda text, folder: _written(folder / "a.csv.xz", lzma.compress(text)),
    "zip": _as_zip,
    "tar.gz": _as_tar_gz,
}


@pytest.mark.parametrize("form", FORMS)
def test_ingest_reads_every_form_of_file(ingest: Any, tmp_path: Path, form: str) -> None:
    text = fer2013_csv([(0, 1, "Training"), (1, 2, "PublicTest")]).encode()
    report = ingest(FORMS[form](text, tmp_path)).report
    assert (report.rows_read, report.split_size("train"), report.split_size("eval")) == (2, 1, 1)


@pytest.mark.parametrize("drop_repeats", [True, False])
def test_ingest_of_kaggles_whole_zip_reads_each_row_once_and_says_what_it_left(
    ingest: Any, tmp_path: Path, drop_repeats: bool
) -> None:
    rows = [(0, 1, "Training"), (1, 2, "PublicTest"), (2, 3, "PrivateTest")]
    icml = "\n".join(["emotion, Usage, pixels", *(f"{label},{usage},{picture(seed)}" for label, seed, usage in rows)])
    path = tmp_path / "kaggle.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("icml_face_data.csv", icml)
        archive.writestr("train.csv", f'emotion,pixels\n0,"{picture(1)}"\n')
        archive.writestr("test.csv", f'pixels\n"{picture(2)}"\n"{picture(3)}"\n')
        archive.writestr("example_submission.csv", "3\n4\n")
        archive.write(_as_tar_gz(fer2013_csv(rows).encode(), tmp_path), "fer2013.tar.gz")

    done = ingest(path, unlabelled=path, drop_repeats=drop_repeats)

    assert sum(done.report.emitted["train"].values()) == 1
    assert done.report.split_size("unlabelled") == 2
    assert [example.features.feature["emotion"].int64_list.value[:] for example in done.examples["unlabelled"]] == [
        [],
        [],
    ]
    assert any(name.endswith("example_submission.csv") for name in done.report.skipped_files)


def test_ingest_labels_of_rows_to_predict_are_not_looked_at(ingest: Any, tmp_path: Path) -> None:
    rows = [(label, seed, "Training") for seed, label in enumerate((0, 1, 2, 3))]
    (tmp_path / "train.csv").write_text(fer2013_csv(rows), "ascii")
    lines = ["emotion,pixels,Usage", f"7,{picture(8)},", f",{picture(9)},Holdout"]
    (tmp_path / "new.csv").write_text("\n".join([*lines, ""]), "ascii")
    done = ingest(tmp_path / "train.csv", unlabelled=tmp_path / "new.csv")
    assert done.report.split_size("unlabelled") == 2


def _same_path(path: Path) -> str:
    return str(path)


def _relative(path: Path) -> str:
    return os.path.relpath(path)


def _link(path: Path) -> str:
    link = path.with_name("link.csv")
    link.symlink_to(path.name)
    return str(link)


def _folder_link(path: Path) -> str:
    link = path.parent.with_name("folder")
    link.symlink_to(path.parent)
    return str(link / path.name)


def _glob(path: Path) -> str:
    return str(path.with_name("[a-c].cs?"))


@pytest.mark.parametrize(
    ("form", "spell", "settings"),
    [
        *((form, _same_path, {}) for form in FORMS),
        *(("plain", spell, {}) for spell in (_relative, _link, _folder_link, _glob)),
        ("plain", _same_path, {"drop_repeats": False}),
        ("plain", _same_path, {"part_bytes": 9_000}),
    ],
)
def test_ingest_of_one_file_to_learn_from_and_to_predict_says_so(
    ingest: Any, tmp_path: Path, form: str, spell: Callable[[Path], str], settings: dict[str, Any]
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    path = FORMS[form](fer2013_csv([(0, 1, "Training"), (1, 2, "PublicTest")]).encode(), folder)
    with pytest.raises(
        DataError, match=rf"^(data/)?{path.name}.*: is read for --data and for --unlabelled, .*: give"
    ) as said:
        ingest(path, unlabelled=Path(spell(path)), **settings)
    assert "\n" not in str(said.value)


def test_ingest_of_a_glob_that_holds_what_is_to_be_predicted_says_so(ingest: Any, tmp_path: Path) -> None:
    for name, seed in (("a1.csv", 1), ("a2.csv", 2)):
        (tmp_path / name).write_text(fer2013_csv([(0, seed, "Training")]))
    with pytest.raises(DataError, match=r"^a2\.csv: is read for --data and for --unlabelled"):
        ingest(tmp_path / "a*.csv", unlabelled=tmp_path / "a2.csv")


def test_ingest_of_a_copy_of_the_training_rows_to_predict_says_where_they_went(ingest: Any, tmp_path: Path) -> None:
    path, copy = tmp_path / "train.csv", tmp_path / "copy.csv.gz"
    path.write_text(fer2013_csv([(0, 1, "Training"), (3, 2, "Training"), (1, 3, "PublicTest")]))
    copy.write_bytes(gzip.compress(path.read_bytes()))
    message = (
        r"^copy\.csv\.gz; train\.csv: no labelled row is left to train on: 2 also stand in the rows to predict"
        r" \(--unlabelled\), which are never trained on: give --unlabelled other pictures, or omit it$"
    )
    with pytest.raises(DataError, match=message):
        ingest(path, unlabelled=copy)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(0, 1, "Training"), (0, 1, "PublicTest")], "all 1 also stand in eval or test: give further rows to train on"),
        ([(0, 1, "PrivateTest")], "all went to eval and test: give rows of the usage Training"),
    ],
)
def test_ingest_without_a_row_to_train_on_says_where_they_went(
    ingest: Any, tmp_path: Path, rows: list[tuple[int, int, str]], message: str
) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_text(fer2013_csv(rows))
    with pytest.raises(DataError, match=f"^fer2013.csv: no labelled row is left to train on: {message}"):
        ingest(path)


@pytest.mark.parametrize("form", ["plain", "gz"])
def test_ingest_of_a_header_without_rows_says_so_and_names_the_file(ingest: Any, tmp_path: Path, form: str) -> None:
    path = tmp_path / ("fer2013.csv" if form == "plain" else "fer2013.csv.gz")
    content = b"emotion,pixels,Usage\n"
    path.write_bytes(content if form == "plain" else gzip.compress(content))
    with pytest.raises(DataError, match=rf"^{path.name}: no row in it, at most a header; give a file with rows$"):
        ingest(path)


def test_ingest_of_a_file_and_a_link_to_it_reads_it_once(ingest: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(fer2013_csv([(0, 1, "Training"), (1, 2, "PublicTest")]))
    _link(path)
    report = ingest(tmp_path / "*.csv").report
    assert (report.read, report.split_size("eval")) == ({"a.csv": 2}, 1)
    assert report.skipped_files == {"link.csv": "the same file as a.csv"}


@pytest.mark.parametrize("name", ["a\nb.csv", "a\x1b[2J.csv", "a\u202fb.csv"])
def test_ingest_shows_the_name_of_a_file_in_one_printable_line(ingest: Any, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(fer2013_csv([(0, 1, "Training"), (1, 2, "PublicTest")]))
    (shown,) = ingest(path).report.read
    assert shown.isprintable()
    path.write_text("emotion/pixels\n3/4\n")
    with pytest.raises(DataError, match=f"^{re.escape(shown)}, line 1: ") as said:
        ingest(path)
    assert str(said.value).isprintable()


def test_ingest_cuts_the_name_of_a_member_in_all_that_it_writes(ingest: Any, tmp_path: Path) -> None:
    """A tar may give a member a name of megabytes, which would go on into ingestion.json, page and card."""
    rows = fer2013_csv([(0, 1, "Training"), (1, 2, "PublicTest")]).encode()
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.GNU_FORMAT) as archive:
        for name in ("train.csv", "n" * 1_000_000 + ".csv"):
            member = tarfile.TarInfo(name)
            member.size = len(rows)
            archive.addfile(member, io.BytesIO(rows))
    done = ingest(path)
    assert done.report.read == {"a.tar.gz/train.csv": 2}
    assert len(done.report.to_json()) < 2_000


@pytest.mark.parametrize("form", ["tar", "zip"])
def test_ingest_of_an_archive_with_a_member_twice_counts_its_rows_once(ingest: Any, tmp_path: Path, form: str) -> None:
    """Eval rows that counted double would make each of their mistakes two."""
    rows = fer2013_csv([(0, 1, "Training"), (1, 2, "PublicTest")])
    path = tmp_path / f"a.{form}"
    if form == "tar":
        with tarfile.open(path, "w") as archive:
            for _ in range(2):
                member = tarfile.TarInfo("faces.csv")
                member.size = len(rows)
                archive.addfile(member, io.BytesIO(rows.encode()))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            for name in ("faces.csv", "./faces.csv"):
                archive.writestr(name, rows)
    report = ingest(path, drop_repeats=False).report
    assert (report.rows_read, report.split_size("train"), report.split_size("eval")) == (2, 1, 1)


def test_ingest_of_an_archive_of_many_files_says_a_few_of_them(ingest: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(300):
            archive.writestr(f"{number:03d}.csv", "emotion,pixels\n0,1 2 3\n")
            archive.writestr(f"{number:03d}.txt", "")
    with pytest.raises(DataError) as said:
        ingest(path)
    assert "300 of 300 rows (100.0%) of a.zip/000.csv; a.zip/001.csv; a.zip/002.csv; and 297 more" in str(said.value)


def test_ingest_never_trains_on_rows_given_as_unlabelled_even_if_they_carry_labels(ingest: Any, tmp_path: Path) -> None:
    labelled, other = tmp_path / "train.csv", tmp_path / "more.csv"
    labelled.write_text(f"emotion,pixels\n0,{picture(1)}\n")
    other.write_text(f"emotion,pixels\n5,{picture(2)}\n6,{picture(1)}\n")

    done = ingest(labelled, unlabelled=other, eval_fraction=0.0, drop_repeats=False)

    assert {split: len(examples) for split, examples in done.examples.items()} == {"train": 1, "unlabelled": 2}


def messy_csv() -> str:
    """Rows of all fates: used, repeated, held out, broken, blank."""
    rows = [(seed % 7, seed % 30, "PublicTest" if seed % 11 == 0 else "Training") for seed in range(40)]
    lines = fer2013_csv(rows).splitlines()
    return "\n".join([*lines[:9], "", f"9,{picture(50)},Training", *lines[9:20], "0,1 2 3,Training", "", *lines[20:]])


def test_ingest_in_parts_gives_the_same_rows_account_and_quarantine(ingest: Any, tmp_path: Path) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_text(messy_csv())

    whole, parts = ingest(path, **TOLERANT), ingest(path, **TOLERANT, part_bytes=20_000)

    assert parts.report == whole.report
    assert (whole.report.rows_read, whole.report.rows_quarantined) == (42, 2)
    # Shards are in the order of their slices, and all is in the order of the pictures: one after the other they agree.
    assert parts.examples == whole.examples
    assert sorted(row["line"] for row in parts.quarantined) == [11, 23]
    assert sorted(map(str, parts.quarantined)) == sorted(map(str, whole.quarantined))


def test_ingest_tells_how_it_read_a_file_of_another_dialect_once_for_all_parts(ingest: Any, tmp_path: Path) -> None:
    path = tmp_path / "faces.csv"
    path.write_text(messy_csv().replace(",", ";"))
    done = ingest(path, **TOLERANT, part_bytes=20_000)
    assert done.report.remarks == ["faces.csv: columns separated by semicolons"]
    assert done.report.rows_read == 42


def test_ingest_in_parts_leaves_one_file_for_each_slice_and_nothing_else(ingest: Any, tmp_path: Path) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_text(messy_csv())
    ingest(path, **TOLERANT, part_bytes=path.stat().st_size // 2)
    names = sorted(file.name for file in (tmp_path / "artifacts" / "Examples" / "1" / "Split-train").iterdir())
    assert names == ["data_tfrecord-00000.gz", "data_tfrecord-00001.gz", "data_tfrecord-00002.gz"]
    assert not list(tmp_path.rglob("temporary"))


def test_ingest_of_an_unusable_file_in_parts_says_so_once_and_leaves_nothing(ingest: Any, tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("emotion,faces\n" + "0,1 2 3\n" * 20)
    with pytest.raises(DataError, match=r"^train\.csv, line 1: found no column `pixels`"):
        ingest(path, part_bytes=50)
    assert not list(tmp_path.rglob("temporary"))


def test_ingest_keeps_the_pictures_of_rows_of_which_only_the_words_are_wrong(ingest: Any, tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    bad = [f"{label},{picture(100 + label)}" for label in range(7, 12)]
    path.write_text("\n".join(["emotion,pixels", *(f"0,{picture(seed)}" for seed in range(3)), "0,1 2 3", *bad]))
    rows = sorted(ingest(path, **TOLERANT).quarantined, key=lambda row: row["line"])
    pictures = [base64.b64decode(row["picture"]) for row in rows]
    shown = [bytes(map(int, picture(100 + label).split())) for label in range(7, 10)]
    assert pictures == [b"", *shown, b"", b""]  # three of each reason


def test_ingest_keeps_pictures_with_several_labels_with_a_row_of_each(ingest: Any, tmp_path: Path) -> None:
    path = tmp_path / "fer2013.csv"
    rows = [(3, 1, "Training"), (3, 1, "Training"), (4, 1, "PublicTest"), (0, 2, "Training"), (0, 2, "Training")]
    path.write_text(fer2013_csv(rows))
    done = ingest(path)
    (conflict,) = done.conflicts
    assert done.report.conflicting_pictures == 1
    assert base64.b64decode(conflict["picture"]) == bytes(map(int, picture(1).split()))
    assert conflict["rows"] == [
        {"source": "fer2013.csv", "row": 0, "split": "train", "label": "happy"},
        {"source": "fer2013.csv", "row": 2, "split": "eval", "label": "sad"},
    ]


def test_ingest_with_too_many_broken_rows_raises_and_keeps_the_quarantine(ingest: Any, tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text(
        "\n".join(["emotion,pixels", *(f"0,{picture(seed)}" for seed in range(48)), "0,1 2 3", f"9,{picture(99)}"])
    )

    with pytest.raises(
        DataError, match=r"^train\.csv:50: wrong number of pixels.*2 of 50 rows \(4\.0%\).*at most 1\.0%"
    ) as caught:
        ingest(path)

    (kept,) = (tmp_path / "artifacts" / "refused").iterdir()
    assert str(kept) in str(caught.value)
    rows = [json.loads(line) for file in kept.glob("rows*.jsonl") for line in file.read_text().splitlines()]
    assert sorted(row["line"] for row in rows) == [50, 51]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    {
        "empty": ("train.csv", b"", r"train\.csv: .*empty"),
        "no header": ("train.csv", f"0,{picture(1)}\n".encode(), r"train\.csv, line 1: .*header"),
        "truncated": (
            "train.csv.gz",
            gzip.compress(fer2013_csv([(0, 1, "Training")] * 9).encode())[:-40],
            r"train\.csv\.gz",
        ),
        "only unlabelled": ("test.csv", f"pixels\n{picture(1)}\n".encode(), r"test\.csv: no labelled row"),
    }.values(),
    ids=["empty", "no header", "truncated", "only unlabelled"],
)
def test_ingest_of_an_unusable_file_raises_one_line_that_names_it(
    ingest: Any, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        ingest(path)
    assert len(str(caught.value).splitlines()) == 1


REAL_TRAIN_CSV = Path(__file__).parents[3] / "shared" / "data" / "fer2013" / "train.csv.xz"


@pytest.mark.skipif(not REAL_TRAIN_CSV.exists(), reason="the real data set is not beside the project")
def test_ingest_of_the_first_real_rows_takes_them_all(ingest: Any, tmp_path: Path) -> None:
    with lzma.open(REAL_TRAIN_CSV) as packed:
        head = b"".join(packed.readline() for _ in range(501))
    report = ingest(_written(tmp_path / "train.csv", head)).report
    assert (report.rows_read, report.rows_quarantined) == (500, 0)
    assert os.sep not in next(iter(report.read))


def test_component_same_files_spelt_otherwise_are_the_same_to_the_cache(tmp_path, monkeypatch):
    (tmp_path / "rows.csv").touch()
    monkeypatch.chdir(tmp_path)
    found = []
    for path in (str(tmp_path / "rows.csv"), "rows.csv"):
        config = DataConfig(path=path)
        data = resolve_input(config)
        found.append(FerExampleGen(data.base, data.patterns, config, code="").spec.exec_properties)
    assert found[0] == found[1]
    other = FerExampleGen(data.base, data.patterns, DataConfig(path="rows.csv", eval_fraction=0.2), code="")
    assert other.spec.exec_properties != found[0]
