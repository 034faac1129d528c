"""Data as people have it: read for what it is, or refused in one line that names it and the remedy."""

import os
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
import tensorflow as tf
from PIL import Image
from pyarrow import parquet

from configs.spec import DataConfig
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import DataError
from fer_tfx.pictures import decode_picture
from fer_tfx.reading.foreign import explain_foreign
from models.signatures import decode_images
from pipeline.inputs import look_into_input, resolve_input

FACES = [" ".join(map(str, pixels)) for pixels in np.random.default_rng(22).integers(0, 256, (70, 2304))]
TOLERANT = {"max_quarantined_fraction": 1.0}
USAGES = ["Training"] * 8 + ["PublicTest", "PrivateTest"]


def write_table(path: Path, usages: list[str], labels: list[Any] | None = None) -> Path:
    """A row for each face, with these usages in turn."""
    lines = [
        f"{labels[place % len(labels)] if labels else place % 7},{face},{usages[place % len(usages)]}"
        for place, face in enumerate(FACES)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["emotion,pixels,Usage", *lines, ""]))
    return path


def label_of(example: tf.train.Example) -> int:
    return int(example.features.feature["emotion"].int64_list.value[0])


def test_table_without_public_test_rows_gets_an_eval_split_by_hash_and_says_so(ingest: Any, tmp_path: Path) -> None:
    only_training = write_table(tmp_path / "a.csv", ["Training"])
    done = ingest(only_training)
    assert done.split_names == ["train", "eval"]
    assert done.report.split_size("train") + done.report.split_size("eval") == 70
    (remark,) = done.report.remarks
    assert "no row is PublicTest" in remark
    assert "by a hash of their pixels" in remark
    with_test = ingest(write_table(tmp_path / "b.csv", ["Training"] * 9 + ["PrivateTest"]))
    assert with_test.report.split_size("test") == 7
    assert 0 < with_test.report.split_size("eval") <= done.report.split_size("eval")
    with pytest.raises(
        DataError, match=r"no row is PublicTest.*data\.splits=usage asks for it: give such rows, or omit"
    ):
        ingest(only_training, splits="usage")


def test_table_with_public_test_rows_keeps_its_own_splits(ingest: Any, tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.csv", USAGES)
    for splits in ("auto", "usage"):
        done = ingest(path, splits=splits)
        assert [done.report.split_size(each) for each in ("train", "eval", "test")] == [56, 7, 7]
        assert done.report.remarks == []


def test_eval_is_never_taken_from_pictures_that_stand_in_another_held_out_split(ingest: Any, tmp_path: Path) -> None:
    """As in FER2013 by folders, `train` and `test` alone: test pictures would settle gate and temperature."""
    table = write_table(tmp_path / "a.csv", ["Training"] * 5)
    header, *rows = table.read_text().splitlines()
    twins = [row.replace("Training", "PrivateTest") for row in rows[::2]]
    table.write_text("\n".join([header, *rows, *twins, ""]))
    done = ingest(table)
    pixels = {
        split: {each.features.feature["pixels"].bytes_list.value[0] for each in found}
        for split, found in done.examples.items()
    }
    assert len(pixels["test"]) == len(twins)
    assert pixels["eval"]
    assert not pixels["test"] & (pixels["eval"] | pixels["train"])
    assert done.report.dropped == {"also stands in test": len(twins)}


def test_held_out_rows_without_labels_are_unlabelled_and_eval_is_taken_from_the_others(
    ingest: Any, tmp_path: Path
) -> None:
    path = write_table(tmp_path / "a.csv", USAGES, [*range(7), 0, "", ""])
    report = ingest(path).report
    assert (report.split_size("unlabelled"), report.rows_quarantined) == (14, 0)
    assert report.split_size("train") + report.split_size("eval") == 56
    assert report.split_size("eval")


def test_labels_that_count_from_1_are_refused_with_that_guess(ingest: Any, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"found '7'.*count from 1: say in data\.label_map what each means by the data set's own list, "
    ) as said:
        ingest(write_table(tmp_path / "a.csv", USAGES, list(range(1, 8))))
    assert len(str(said.value)) < 500
    with pytest.raises(DataError, match=r"found '7'.*data\.label_map gives other words a class, or leave_out") as said:
        ingest(write_table(tmp_path / "b.csv", USAGES, list(range(8))))
    assert "count from 1" not in str(said.value)


FROM_1 = {str(index): name for index, name in enumerate(DEFAULT_CLASS_NAMES, start=1)}


def test_labels_that_count_from_1_are_read_by_a_map_as_those_that_count_from_0(ingest: Any, tmp_path: Path) -> None:
    from_0 = ingest(write_table(tmp_path / "a.csv", USAGES), classes=("a", "b", "c", "d", "e", "f", "g"))
    from_1 = ingest(write_table(tmp_path / "b" / "a.csv", USAGES, list(range(1, 8))), label_map=FROM_1)
    assert from_1.examples == from_0.examples
    assert from_0.report.emitted["eval"]["a"] == from_1.report.emitted["eval"]["angry"] > 0


def test_rows_that_the_map_leaves_out_are_counted_by_label_and_are_no_failures(ingest: Any, tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.csv", USAGES, ["contempt", "8_Contempt", 7, *range(7)])
    done = ingest(path, label_map={"7": "leave_out", "contempt": "leave_out"})
    assert done.report.left_out == {"7": 7, "contempt": 14}
    assert (done.report.rows_read, done.report.rows_left_out, done.report.rows_emitted) == (70, 21, 49)
    assert (done.report.rows_quarantined, done.report.remarks) == (0, [])
    assert {label_of(each) for examples in done.examples.values() for each in examples} == set(range(7))


def test_pictures_that_the_map_leaves_out_or_joins_are_those_of_their_folders(ingest: Any, tmp_path: Path) -> None:
    for place, name in enumerate(["angry", "Happiness", "contempt", "smile", "crowd"] * 4):
        path = tmp_path / "faces" / name / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((48, 48), place, np.uint8)).save(path)
    label_map = {"angry": "other", "contempt": "leave_out", "smile": "happy", "crowd": "LEAVE_OUT"}
    report = ingest(tmp_path / "faces", classes=("other", "happy"), label_map=label_map).report
    assert report.left_out == {"contempt": 4, "crowd": 4}
    found = {name: sum(each.get(name, 0) for each in report.emitted.values()) for name in ("other", "happy")}
    assert (found, report.rows_quarantined) == ({"other": 4, "happy": 8}, 0)


FOREIGN = {
    "web page": (b"\n<!DOCTYPE html>\n<html>", "a web page.*download it again"),
    "web page without a type": (b"<HTML><head>", "a web page"),
    "LFS": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n",
        "a pointer of Git LFS.*`git lfs pull`",
    ),
    "Arrow": (b"ARROW1\0\0", "an Arrow file"),
    "xlsx": (b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml", "an Excel workbook.*save the sheet as CSV"),
    "JSON array": (b'[{"emotion": 0, "pixels": "0 0"}]', "a JSON array.*an object on each"),
    "JSON array on many lines": (b'[\n  {\n    "emotion": 0,', "a JSON array.*an object on each"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "an Excel workbook"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(500), "an HDF5 file"),
    "NumPy": (b"\x93NUMPY\x01\x00", "a NumPy array"),
    "pickle": (b"\x80\x04\x95\x00", "a pickle"),
}


@pytest.mark.parametrize(("content", "said"), FOREIGN.values(), ids=FOREIGN)
def test_file_that_is_no_data_is_called_what_it_is_before_the_run_begins(
    content: bytes, said: str, tmp_path: Path
) -> None:
    (tmp_path / "fer2013.csv").write_bytes(content)
    with pytest.raises(DataError, match=f"^fer2013.csv: is {said}") as caught:
        look_into_input(DataConfig(path=str(tmp_path / "fer2013.csv")))
    assert len(str(caught.value)) < 300


def test_what_is_data_is_not_called_something_else() -> None:
    assert not any(
        map(explain_foreign, (b"emotion,pixels\n", b"", b"PK\x03\x04" + bytes(26) + b"train.csv", b"par,pixels"))
    )


def test_table_one_or_more_folders_deeper_is_found_and_what_lies_below_it_is_not_read(
    ingest: Any, tmp_path: Path
) -> None:
    write_table(tmp_path / "data" / "sub" / "fer2013" / "faces.csv", USAGES)
    write_table(tmp_path / "data" / "sub" / "fer2013" / "old" / "more.csv", USAGES)
    (tmp_path / "data" / "notes.txt").touch()
    found = resolve_input(DataConfig(path=str(tmp_path / "data")))
    assert found.patterns == {"labelled": "*/*/*"}
    assert ingest(tmp_path / "data").report.read == {"sub/fer2013/faces.csv": 70}


def test_table_of_a_column_a_pixel_whose_header_says_no_word_of_them_is_found_deeper(tmp_path: Path) -> None:
    header = ",".join(["label", *map(str, range(2304))])
    (tmp_path / "data/sub").mkdir(parents=True)
    (tmp_path / "data/sub/faces.csv").write_text(f"{header}\n3,{FACES[0].replace(' ', ',')}\n")
    assert resolve_input(DataConfig(path=str(tmp_path / "data"))).patterns == {"labelled": "*/*"}


def test_folder_of_folders_without_data_is_not_called_empty(ingest: Any, tmp_path: Path) -> None:
    (tmp_path / "data" / "sub").mkdir(parents=True)
    (tmp_path / "data" / "sub" / "notes.txt").touch()
    with pytest.raises(DataError, match=r"no file of faces in it \(only folders with nothing of use in them\)"):
        ingest(tmp_path / "data")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"\(it is empty\)"):
        ingest(tmp_path / "empty")


def test_files_in_hidden_folders_are_not_read_and_what_lies_below_a_hidden_folder_is(
    ingest: Any, tmp_path: Path
) -> None:
    write_table(tmp_path / "tables/sub/faces.csv", USAGES)
    write_table(tmp_path / "tables/.ipynb_checkpoints/faces-checkpoint.csv", USAGES, [3])
    done = ingest(tmp_path / "tables")
    assert done.report.read == {"sub/faces.csv": 70}
    assert done.report.skipped_files == {".ipynb_checkpoints/faces-checkpoint.csv": "in a hidden folder"}
    cached = tmp_path / ".cache/faces"
    write_pictures(cached, [f"{name}/{place}.png" for name in DEFAULT_CLASS_NAMES for place in range(3)])
    write_pictures(cached, ["happy/.thumbs/1.png", ".thumbs/1.png"])
    table = write_table(tmp_path / "a.csv", USAGES)
    assert ingest(cached).report.rows_read == 21
    assert ingest(table, unlabelled=cached).report.split_size("unlabelled") == 21


@pytest.mark.parametrize("form", ["pictures", "table of paths"])
def test_classes_and_splits_do_not_change_with_what_is_to_be_predicted(ingest: Any, tmp_path: Path, form: str) -> None:
    """Which moves the folder that all inputs share, and with it words such as `dev` into the names of files."""
    other = tmp_path / "other.csv"
    other.write_text(f"pixels\n{FACES[-1]}\n")
    data = tmp_path / "dev/1/faces"
    places = [f"{name}/{place}.png" for name in DEFAULT_CLASS_NAMES for place in range(6)]
    write_pictures(data, [*places, "contempt/1.png"])
    if form != "pictures":
        data /= "faces.csv"
        data.write_text("\n".join(["path,label", *(f"{each},{each.partition('/')[0]}" for each in places), ""]))
    alone, beside = ingest(data, **TOLERANT), ingest(data, unlabelled=other, **TOLERANT)
    assert beside.report.emitted.pop("unlabelled")
    assert beside.report.emitted == alone.report.emitted
    assert beside.report.quarantined == alone.report.quarantined
    assert {*beside.report.read} - {*alone.report.read} == {"../../../other.csv"}


@pytest.mark.parametrize("is_packed", [False, True])
def test_labelled_tables_called_after_splits_are_those_splits(ingest: Any, tmp_path: Path, is_packed: bool) -> None:
    folder = tmp_path / "faces"
    for name, first, last in (("train", 0, 50), ("val", 50, 60), ("test", 60, 70)):
        lines = [f"{place % 7},{FACES[place]}" for place in range(first, last)]
        (folder / f"{name}.csv").parent.mkdir(exist_ok=True)
        (folder / f"{name}.csv").write_text("\n".join(["emotion,pixels", *lines, ""]))
    done = ingest(pack(folder, "zip") if is_packed else folder)
    assert [done.report.split_size(each) for each in ("train", "eval", "test")] == [50, 10, 10]
    assert not done.report.skipped_files
    assert "val.csv: rows of eval by its name" in "\n".join(done.report.remarks)
    (folder / "test.csv").write_text("\n".join(["pixels", *FACES[60:], ""]))  # as in the competition
    (folder / "val.csv").unlink()
    done = ingest(pack(folder, "zip") if is_packed else folder)
    (reason,) = done.report.skipped_files.values()
    assert reason.startswith("has no labels, and ")
    assert done.report.rows_read == 50
    assert done.report.remarks == []


def test_pipe_among_the_data_is_passed_over_and_one_that_a_table_names_is_quarantined(
    ingest: Any, tmp_path: Path
) -> None:
    write_pictures(tmp_path, [f"faces/happy/{place}.png" for place in range(9)])
    os.mkfifo(tmp_path / "faces/happy/9.png")
    look_into_input(DataConfig(path=str(tmp_path / "faces")))
    done = ingest(tmp_path / "faces", eval_fraction=0.3)
    assert (done.report.rows_read, done.report.skipped_files) == (9, {"happy/9.png": "no regular file"})
    table = tmp_path / "faces.csv"
    lines = [f"faces/{each.parent.name}/{each.name},happy" for each in sorted(tmp_path.glob("faces/*/*"))]
    table.write_text("\n".join(["path,label", *lines, ""]))
    (row,) = ingest(table, eval_fraction=0.3, **TOLERANT).quarantined
    assert row["detail"] == "faces/happy/9.png: no regular file"


@pytest.mark.parametrize("place", ["b.csv", "happy/9.png", ".#a.csv", "happy/.hidden/9.png"])
def test_link_to_nothing_is_named_with_its_aim_before_the_run(tmp_path: Path, place: str) -> None:
    """TFX would end with a traceback, as its fingerprint looks at all that the patterns match."""
    write_pictures(tmp_path, ["happy/1.png", "sad/.more/1.png"])
    write_table(tmp_path / "sad/.more/a.csv" if "9" in place else tmp_path / "a.csv", USAGES)
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).symlink_to("../.git/annex/x")
    path = tmp_path / ("happy" if "hidden" in place else "")
    if "hidden" in place:
        path = tmp_path
        write_pictures(tmp_path, ["sad/deeper/1.png"])
    said = rf"{place}: is a link to \.\./\.git/annex/x, which is not there: fetch it \(`git annex get`\), or remove"
    with pytest.raises(DataError, match=said):
        resolve_input(DataConfig(path=str(path)))


def write_pictures(folder: Path, places: list[str], mode: str = "L", size: tuple[int, int] = (48, 48)) -> list[bytes]:
    """A PNG at each place, of the first faces; -> their pixels as 48x48."""
    pixels = []
    for place, face in zip(places, FACES, strict=False):
        picture = Image.fromarray(np.array(face.split(), np.uint8).reshape(48, 48)).resize(size).convert(mode)
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        picture.save(folder / place)
        pixels.append(decode_picture((folder / place).read_bytes(), place).tobytes())
    return pixels


PLACES = {
    "train/angry/1.png": ("train", 0), "train/Happiness/deep/2.PNG": ("train", 3), "val/0_angry/3.png": ("eval", 0),
    "test/6/4.png": ("test", 6), "images/validation/3_sad/5.png": ("eval", 4), "fear/test/6.png": ("test", 2),
}  # fmt: skip


def sum_up(done: Any) -> dict[bytes, tuple[str, int]]:
    """Split and class by pixels."""
    return {
        feature["pixels"].bytes_list.value[0]: (split, feature["emotion"].int64_list.value[0])
        for split, examples in done.examples.items()
        for feature in (example.features.feature for example in examples)
    }


def pack(folder: Path, form: str) -> Path:
    path = folder.with_suffix(f".{form}")
    if form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for each in filter(Path.is_file, folder.rglob("*")):
                archive.write(each, Path("top") / each.relative_to(folder))
    else:
        with tarfile.open(path, "w") as archive:
            archive.add(folder, "top")
    return path


@pytest.mark.parametrize("form", ["", "zip", "tar"])
def test_pictures_by_class_are_read_from_folders_and_archives_at_any_depth(
    ingest: Any, tmp_path: Path, form: str
) -> None:
    pixels = write_pictures(tmp_path / "faces", list(PLACES))
    (tmp_path / "faces" / "train" / "angry" / "Thumbs.db").touch()
    done = ingest(pack(tmp_path / "faces", form) if form else tmp_path / "faces")
    assert sum_up(done) == dict(zip(pixels, PLACES.values(), strict=True))
    assert done.report.read[f"{'faces.' + form + '/top/' if form else ''}train/angry"] == 1
    assert done.report.rows_quarantined == 0


@pytest.mark.parametrize("usages", [["Training"] * 7, ["Training"] * 6 + ["PrivateTest"]], ids=["by hash", "by folder"])
def test_pictures_with_two_labels_keep_the_one_that_their_table_keeps(
    ingest: Any, tmp_path: Path, usages: list[str]
) -> None:
    rows = [(usages[row % 7], DEFAULT_CLASS_NAMES[(row * 3 + row // 20) % 7], FACES[row % 20]) for row in range(60)]
    for number, (usage, name, face) in enumerate(rows):
        path = tmp_path / "faces" / usage / name / f"Training_{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.array(face.split(), np.uint8).reshape(48, 48)).save(path)
    lines = [f"{name},{face},{usage}" for usage, name, face in rows]
    (tmp_path / "faces.csv").write_text("\n".join(["emotion,pixels,Usage", *lines, ""]))

    def list_in_order(done: Any) -> list[tuple[str, bytes, int]]:
        return [
            (split, each.features.feature["pixels"].bytes_list.value[0], label_of(each))
            for split, examples in done.examples.items()
            for each in examples
        ]

    expected = ingest(tmp_path / "faces.csv")
    assert expected.report.conflicting_pictures == 20
    for path in (tmp_path / "faces", pack(tmp_path / "faces", "zip")):
        assert list_in_order(ingest(path)) == list_in_order(expected)


def test_pictures_become_the_pixels_that_predict_and_serve_images_see(ingest: Any, tmp_path: Path) -> None:
    for number, (mode, size) in enumerate((("L", (48, 48)), ("RGB", (90, 70)), ("RGBA", (30, 64)), ("P", (48, 48)))):
        write_pictures(tmp_path / "faces", [f"happy/{number}.png"], mode, size)
    paths = sorted((tmp_path / "faces").rglob("*.png"))
    ingested = {*sum_up(ingest(tmp_path / "faces", eval_fraction=0.0))}
    assert ingested == {decode_picture(path.read_bytes(), path.name).tobytes() for path in paths}
    served = np.rint(decode_images(tf.constant([path.read_bytes() for path in paths]))).astype(int)
    for path, seen in zip(paths, served, strict=True):
        assert np.abs(seen - decode_picture(path.read_bytes(), path.name)).max() <= 1


def test_pictures_without_a_class_or_damaged_are_quarantined_by_their_paths(ingest: Any, tmp_path: Path) -> None:
    write_pictures(tmp_path / "faces", [*PLACES, "train/contempt/7.png"])
    (tmp_path / "faces" / "train" / "sad").mkdir()
    (tmp_path / "faces" / "train" / "sad" / "8.jpg").write_bytes(b"<html>")
    done = ingest(tmp_path / "faces", max_quarantined_fraction=0.5)
    assert done.report.quarantined == {"no folder named after a class": 1, "unreadable picture": 1}
    assert {row["source"] for row in done.quarantined} == {"train/contempt/7.png", "train/sad/8.jpg"}
    with pytest.raises(
        DataError, match=r"^train/contempt/7\.png: no folder named after a class: found 'train/contempt'"
    ):
        ingest(tmp_path / "faces")


def test_pictures_without_classes_are_refused_before_the_run_and_predicted_as_unlabelled(
    ingest: Any, tmp_path: Path
) -> None:
    pixels = write_pictures(tmp_path / "flat", ["1.png", "2.png"])
    with pytest.raises(
        DataError, match=r"2 pictures such as 1\.png, none in a folder.*train/angry/1\.jpg.*--unlabelled"
    ) as said:
        look_into_input(DataConfig(path=str(tmp_path / "flat")))
    assert len(str(said.value)) <= 500
    done = ingest(write_table(tmp_path / "a.csv", USAGES[:9]), unlabelled=tmp_path / "flat")
    assert done.report.split_size("unlabelled") == len(pixels)


def test_pictures_are_read_beside_a_list_of_them_but_not_beside_their_table_of_pixels(
    ingest: Any, tmp_path: Path
) -> None:
    write_pictures(tmp_path / "faces", list(PLACES))
    (tmp_path / "faces" / "sizes.csv").write_text("image,width\ntrain/angry/1.png,48\n")
    assert ingest(tmp_path / "faces").report.rows_read == len(PLACES)
    write_table(tmp_path / "faces" / "fer2013.csv", USAGES)
    assert resolve_input(DataConfig(path=str(tmp_path / "faces"))).patterns == {"labelled": "*"}


def test_shards_of_parquet_and_tables_of_paths_give_the_examples_of_the_csv(ingest: Any, tmp_path: Path) -> None:
    labels = [place % 7 for place in range(len(FACES))]
    splits = [
        {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}[USAGES[place % 10]] for place in range(70)
    ]
    expected = sum_up(ingest(write_table(tmp_path / "base.csv", USAGES)))
    paths = [f"{split}/{place}.png" for place, split in enumerate(splits)]
    write_pictures(tmp_path / "faces", paths)
    lines = [f"{path};{label}.0" for path, label in zip(paths, labels, strict=True)]
    (tmp_path / "faces" / "labels.csv").write_text("\n".join(["image;emotion", *lines, ""]))
    for path, label in zip(paths, labels, strict=True):
        row = {"image": {"bytes": (tmp_path / "faces" / path).read_bytes(), "path": path}, "label": label}
        (tmp_path / "shards" / path).parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pyarrow.Table.from_pylist([row]), (tmp_path / "shards" / path).with_suffix(".parquet"))
    assert sum_up(ingest(tmp_path / "faces")) == expected
    assert sum_up(ingest(tmp_path / "shards")) == expected


def test_pictures_that_a_table_names_belong_to_the_input_that_the_cache_knows(tmp_path: Path) -> None:
    write_pictures(tmp_path / "faces", ["deep/1.png", "2.png"])
    table = tmp_path / "faces" / "labels.csv"
    table.write_text("image,label\ndeep/1.png,angry\n2.png,sad\n")
    for path, pattern in ((tmp_path / "faces", "*"), (table, "labels.csv")):
        found = resolve_input(DataConfig(path=str(path))).patterns
        assert found == {"labelled": pattern, "beside": "*", "beside-2": "*/*"}
