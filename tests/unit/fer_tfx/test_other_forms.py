"""Parquet, tables of paths and lines of JSON give the examples that a CSV of the same rows gives."""

import base64
import io
import json
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import DataError
from fer_tfx.reading.form import FaceRow, ParsedRow, ReadingLimits, RejectedRow, Remark, SkippedMember
from fer_tfx.reading.sources import Source, choose_sources, count_part, cut_source, place, read_part, read_source
from fer_tfx.reading.words import ClassTable
from schema.drawn_faces import draw_faces

CLASSES = ClassTable.build(DEFAULT_CLASS_NAMES, {})
DRAWN = draw_faces(60, seed=22)
SPLITS = {"train": "Training", "val": "PublicTest", "test": "PrivateTest"}
FACES = [
    (int(label), pixels.reshape(48, 48), [*SPLITS][place // 40 + place // 50])
    for place, (label, pixels) in enumerate(zip(DRAWN.class_indices, DRAWN.pixels, strict=True))
]


def text_of(pixels: np.ndarray) -> str:
    return " ".join(map(str, pixels.ravel()))


def png_of(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png")
    return stream.getvalue()


def write_csv(folder: Path) -> Path:
    lines = [f"{label},{text_of(pixels)},{SPLITS[split]}" for label, pixels, split in FACES]
    (folder / "base.csv").write_text("\n".join(["emotion,pixels,Usage", *lines, ""]))
    return folder / "base.csv"


def write_pictures(folder: Path) -> list[str]:
    """A PNG of each face; -> their paths below `folder`."""
    paths = [f"{split}/{DEFAULT_CLASS_NAMES[label]}/{place}.png" for place, (label, _, split) in enumerate(FACES)]
    for path, (_, pixels, _) in zip(paths, FACES, strict=True):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(png_of(pixels))
    return paths


def write_table_of_paths(folder: Path, header: str = "image,emotion,split", by: str = ",") -> Path:
    lines = [
        by.join((path, DEFAULT_CLASS_NAMES[label].title(), split))
        for path, (label, _, split) in zip(write_pictures(folder), FACES, strict=True)
    ]
    (folder / "labels.csv").write_text("\n".join([header, *lines, ""]))
    return folder


def write_json_of_pixels(folder: Path) -> Path:
    lines = [
        json.dumps({"label": label, "pixels": pixels.tolist() if place % 2 else text_of(pixels), "split": split})
        for place, (label, pixels, split) in enumerate(FACES)
    ]
    (folder / "faces.jsonl").write_text("\n".join([*lines, ""]))
    return folder / "faces.jsonl"


def write_json_of_paths(folder: Path) -> Path:
    lines = [
        json.dumps({"file_name": path, "label": DEFAULT_CLASS_NAMES[label]})
        for path, (label, _, _) in zip(write_pictures(folder), FACES, strict=True)
    ]
    (folder / "metadata.jsonl").write_text("\n".join([*lines, ""]))
    return folder


def write_shards(folder: Path, **options: Any) -> Path:
    """As Hugging Face's datasets write them, three for training, with classes in an order of their own."""
    names = sorted(DEFAULT_CLASS_NAMES)
    features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("image", image), ("label", pa.int64())], metadata=metadata)
    for split, count in (("train", 3), ("validation", 1), ("test", 1)):
        rows = [
            {
                "image": {"bytes": png_of(pixels), "path": f"{place}.png"},
                "label": names.index(DEFAULT_CLASS_NAMES[label]),
            }
            for place, (label, pixels, of) in enumerate(FACES)
            if split.startswith(of)
        ]
        for shard in range(count):
            path = folder / "data" / f"{split}-{shard:05d}-of-{count:05d}.parquet"
            path.parent.mkdir(exist_ok=True)
            parquet.write_table(pa.Table.from_pylist(rows[shard::count], schema), path, **options)
    return folder


def write_parquet_of_pixels(folder: Path) -> Path:
    """Files as pandas and datasets might write them: pixels as text, as numbers, and as an array called image."""
    shown = (("pixels", text_of), ("pixels", lambda pixels: pixels.ravel().tolist()), ("image", np.ndarray.tolist))
    for number, (column, show) in enumerate(shown):
        rows = [
            {"emotion": label, column: show(pixels), "Usage": SPLITS[split], "__index_level_0__": place}
            for place, (label, pixels, split) in enumerate(FACES[number::3])
        ]
        parquet.write_table(pa.Table.from_pylist(rows), folder / f"part{number}.parquet")
    return folder


def write_parquet_with_dictionaries(folder: Path) -> Path:
    """As pandas writes categories; and pictures as bytes of the large kind in a column of another name."""
    columns = {
        "label": pa.array([DEFAULT_CLASS_NAMES[label] for label, _, _ in FACES]).dictionary_encode(),
        "split": pa.array([split for _, _, split in FACES]).dictionary_encode(),
    }
    pictures = pa.array([png_of(pixels) for _, pixels, _ in FACES], pa.large_binary())
    floats = pa.array([pixels.ravel().astype(float).tolist() for _, pixels, _ in FACES])
    parquet.write_table(pa.table({**columns, "content": pictures})[:30], folder / "part0.parquet")
    parquet.write_table(pa.table({**columns, "pixels": floats})[30:], folder / "part1.parquet")
    return folder


def write_parquet_with_named_floats_and_texts(folder: Path) -> Path:
    """Numbers of classes by the file's own names, as pandas writes them where some are missing, and as text."""
    names = sorted(DEFAULT_CLASS_NAMES)
    metadata = {"huggingface": json.dumps({"info": {"features": {"label": {"names": names}}}})}
    for number, make in enumerate((float, str)):
        columns = {
            "pixels": [text_of(pixels) for _, pixels, _ in FACES[number::2]],
            "label": [make(names.index(DEFAULT_CLASS_NAMES[label])) for label, _, _ in FACES[number::2]],
            "split": [split for _, _, split in FACES[number::2]],
        }
        parquet.write_table(pa.table(columns).replace_schema_metadata(metadata), folder / f"part{number}.parquet")
    return folder


def write_json_of_nested_pictures(folder: Path) -> Path:
    """As Hugging Face's datasets have pictures: by their path or with their bytes."""
    lines = [
        json.dumps(
            {
                "image": {"bytes": base64.b64encode(png_of(pixels)).decode() if place % 2 else None, "path": path},
                "label": label,
                "split": split,
            }
        )
        for place, (path, (label, pixels, split)) in enumerate(zip(write_pictures(folder), FACES, strict=True))
    ]
    (folder / "faces.jsonl").write_text("\n".join([*lines, ""]))
    return folder


def zip_of_paths(folder: Path) -> Path:
    write_table_of_paths(folder / "deep")
    with zipfile.ZipFile(folder / "faces.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((folder / "deep").rglob("*.*")):
            archive.write(path, path.relative_to(folder))
    return folder / "faces.zip"


def zip_of_shards(folder: Path) -> Path:
    write_shards(folder)
    with zipfile.ZipFile(folder / "faces.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((folder / "data").iterdir()):
            archive.write(path, path.relative_to(folder))
    return folder / "faces.zip"


FORMS: dict[str, Callable[[Path], Path]] = {
    "a table of paths and its pictures": write_table_of_paths,
    "a table of paths": lambda folder: write_table_of_paths(folder) / "labels.csv",
    "a table of paths with semicolons": lambda folder: write_table_of_paths(folder, "File Name;Label;Set", ";"),
    "a zip with a table of paths": zip_of_paths,
    "lines of JSON with pixels": write_json_of_pixels,
    "lines of JSON with paths": write_json_of_paths,
    "lines of JSON with nested pictures": write_json_of_nested_pictures,
    "shards of Parquet": write_shards,
    "shards of Parquet in parts": lambda folder: write_shards(folder, row_group_size=3),
    "shards of Parquet in a zip": zip_of_shards,
    "Parquet with pixels": write_parquet_of_pixels,
    "Parquet with dictionaries": write_parquet_with_dictionaries,
    "Parquet with numbers of other types": write_parquet_with_named_floats_and_texts,
}


def read(path: Path, classes: ClassTable | None = CLASSES, part_bytes: int = 64_000_000) -> list[Any]:
    """All items of a file, or of all files below a folder, as a run would read them."""
    files = [str(each) for each in path.rglob("*") if each.is_file()] if path.is_dir() else [str(path)]
    sources, _ = choose_sources(files, str(path if path.is_dir() else path.parent), classes)
    limits = ReadingLimits(part_bytes=part_bytes)
    return [item for source in sources for item in read_source_in_parts(source, limits, classes)]


def read_source_in_parts(source: Source, limits: ReadingLimits, classes: ClassTable | None) -> Iterator[Any]:
    with Path(source.path).open("rb") as stream:
        ranges = cut_source(source, stream, limits)
        for part in place([(each, count_part(source, stream, each, limits)) for each in ranges if not stream.seek(0)]):
            stream.seek(0)
            yield from read_part(source, stream, part, limits, classes)
        if not ranges:
            stream.seek(0)
            yield from read_source(source, stream, limits, classes)


def faces_of(items: list[Any]) -> list[FaceRow]:
    assert not [item for item in items if isinstance(item, RejectedRow)]
    return sorted((item.face for item in items if isinstance(item, ParsedRow)), key=lambda face: face.pixels)


@pytest.mark.parametrize("part_bytes", [64_000_000, 2_000])
@pytest.mark.parametrize("form", FORMS)
def test_other_form_gives_the_faces_of_the_csv(tmp_path: Path, form: str, part_bytes: int) -> None:
    for name in ("csv", "other"):
        (tmp_path / name).mkdir()
    path = FORMS[form](tmp_path / "other")
    expected = faces_of(read(write_csv(tmp_path / "csv")))
    assert len(expected) == len(FACES)
    items = read(path, part_bytes=part_bytes)
    assert faces_of(items) == expected
    places = [(item.source, item.row) for item in items if isinstance(item, ParsedRow)]
    assert len({*places}) == len(FACES)
    if not path.is_dir():  # in an archive, a picture that a table names is read by it, not by its folder
        assert len(faces_of(read(path, classes=None))) == len(FACES)


def test_rows_that_name_no_picture_are_rejected_by_path_and_reason(tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    first, second, *_ = write_pictures(folder)
    (tmp_path / "secret.png").write_bytes((folder / first).read_bytes())
    (folder / "broken.png").write_bytes((folder / first).read_bytes()[:200])
    (tmp_path / "way").symlink_to(folder)
    rejected = {
        "train/angry/none.png": "no picture at its path",
        "../secret.png": "a path that leads out of the table's folder",
        "train/../../secret.png": "a path that leads out of the table's folder",
        str(tmp_path / "secret.png"): "a path that leads out of the table's folder",
        "C:\\faces\\1.png": "a path that leads out of the table's folder",
        "https://example.com/1.png": "a path that leads out of the table's folder",
        "broken.png": "unreadable picture",
        "train": "unreadable picture",
        "labels.csv": "unreadable picture",
        " ": "no path of a picture",
        "a\0b.png": "no picture at its path",
        "x" * 300: "unreadable picture",
    }
    read_all_the_same = [
        first, f"./{first}", first.replace("/", "\\"), f"train/../{first}", str(folder / first),
        str(tmp_path / "way" / second),
    ]  # fmt: skip
    lines = [f"{each},happy" for each in (*rejected, *read_all_the_same)]
    (folder / "labels.csv").write_text("\n".join(["path,label", *lines, ""]))
    items = [item for item in read(folder / "labels.csv") if not isinstance(item, Remark)]
    assert [(item.line, item.reason) for item in items if isinstance(item, RejectedRow)] == list(
        enumerate(rejected.values(), start=2)
    )
    assert [item.line for item in items if isinstance(item, ParsedRow)] == list(range(14, 20))
    assert items[0].detail == "train/angry/none.png: expected a file there, by a path relative to the table"


def test_missing_picture_whose_name_lies_deeper_is_pointed_at(tmp_path: Path) -> None:
    first, *_ = write_pictures(tmp_path)
    (tmp_path / "labels.csv").write_text(f"image,label\n{Path(first).name},sad\nnone.png,sad\n")
    deeper, missing = [item.detail for item in read(tmp_path / "labels.csv") if isinstance(item, RejectedRow)]
    expected = "expected a file there, by a path relative to the table"
    assert (deeper, missing) == (f"{Path(first).name}: {expected} ({first} is called so)", f"none.png: {expected}")


def test_table_of_paths_may_name_the_split_by_its_folders_or_its_own_name(tmp_path: Path) -> None:
    first, *_ = write_pictures(tmp_path)
    for name in ("labels.csv", "test_labels.csv"):
        (tmp_path / name).write_text(f"file,label\n{first},sad\n")
        assert [face.usage for face in faces_of(read(tmp_path / name))] == ["train"]
    (tmp_path / "1.png").write_bytes((tmp_path / first).read_bytes())
    for name, split in (
        ("labels.csv", None),
        ("test_labels.csv", "test"),
        ("val.csv", "eval"),
        ("traintest.csv", None),
    ):
        (tmp_path / name).write_text("file,label\n1.png,sad\n")
        assert [face.usage for face in faces_of(read(tmp_path / name))] == [split]


def test_absolute_paths_name_the_split_by_the_folders_below_their_table_alone(tmp_path: Path) -> None:
    data = tmp_path / "dev/faces"
    first, *_ = write_pictures(data)
    (data / "1.png").write_bytes((data / first).read_bytes())
    (data / "labels.csv").write_text(f"file,label\n{data}/{first},sad\n{data}/1.png,sad\n")
    assert [face.usage for face in faces_of(read(data / "labels.csv"))] == ["train", None]


def test_list_without_classes_is_no_table_to_learn_from(tmp_path: Path) -> None:
    folder = write_table_of_paths(tmp_path)
    (folder / "labels.csv").rename(folder / "meta.csv")
    (folder / "meta.csv").write_text("image,width\ntrain/happy/0.png,48\n")
    with pytest.raises(
        DataError, match=r"meta\.csv, line 1: found paths of pictures, but none of the columns emotion,"
    ):
        read(folder / "meta.csv")


def test_lines_of_json_that_are_no_rows_are_rejected_with_reasons(tmp_path: Path) -> None:
    pixels = text_of(FACES[0][1])
    lines = {
        "[1, 2]": "no JSON object",
        "{": "no JSON object",
        '{"label": 1}': "neither pixels nor a picture",
        '{"file_name": "a.png"}': "neither pixels nor a picture",
        '{"label": "crowd", "pixels": "1"}': "unknown label",
        '{"label": 1, "pixels": [1, 2]}': "wrong number of pixels",
        '{"label": 1, "pixels": [300]}': "pixel out of 0-255",
        '{"label": 1, "pixels": [1.5]}': "pixel is not an integer",
        '{"label": 1, "pixels": null}': "empty pixels",
        f'{{"label": 1, "pixels": {[[7] * 48] * 47 + [7]}}}': "wrong number of pixels",
        '{"label": 1, "pixels": [[7, 7], null]}': "pixel is not an integer",
        '{"label": 1, "pixels": [{}, [7]]}': "pixel is not an integer",
        '{"label": 1, "pixels": [[[7]]]}': "wrong number of pixels",
        '{"label": 1, "file_name": "\\ud800.png"}': "no picture at its path",
        '{"label": "\\ud800", "pixels": ""}': "undecodable bytes",
        '{"label": 1, "image": {"bytes": "abcde"}}': "unreadable picture",
        '{"label": 1, "image": {"src": "https://a/1.png"}}': "no path of a picture",
        '{"pixels": "1", "happy": 1, "sad": 0}': "a column for each class",
        f'{{"label": 1, "image": "{pixels}"}}': "no path of a picture",
        "[" * 100_000: "no JSON object",
        f'{{"label": "3.0", "pixels": "{pixels}"}}': "",
    }
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    items = [item for item in read(tmp_path / "a.jsonl") if not isinstance(item, Remark)]
    assert [getattr(item, "reason", "") for item in items] == list(lines.values())
    assert [item.line for item in items] == list(range(1, len(lines) + 1))


def test_lines_of_json_of_train_without_the_label_s_key_are_rejected_and_held_out_ones_are_not(tmp_path: Path) -> None:
    pixels = text_of(FACES[0][1])
    for name, split, reason in (
        ("a", "Training", "unknown label"),
        ("a", "PrivateTest", ""),
        ("train", None, "unknown label"),
        ("test", None, ""),
        ("a", None, ""),
    ):
        record = {"pixels": pixels, **({"Usage": split} if split else {})}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(record))
        _, row = read(tmp_path / f"{name}.jsonl")
        assert getattr(row, "reason", "") == reason
        assert reason or row.face.class_index is None


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1" + bytes(500) + b"PAR1", b"no parquet"])
def test_damaged_parquet_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"^a\.parquet: is damaged, or no Parquet file \(.*\): write or download it"):
        read(tmp_path / "a.parquet")


def test_parquet_without_pixels_or_pictures_says_which_columns_it_has(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"label": [1], "text": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(
        DataError, match=r"^a\.parquet: found the columns label, text, expected `pixels` or `image`, and"
    ):
        read(tmp_path / "a.parquet")


def test_parquet_that_would_unpack_to_too_much_is_refused(tmp_path: Path) -> None:
    write_parquet_of_pixels(tmp_path)
    source = Source(str(tmp_path / "part0.parquet"), "part0.parquet", False)
    with (
        Path(source.path).open("rb") as stream,
        pytest.raises(DataError, match="unpacks to more than 9 bytes: give it in"),
    ):
        list(read_source(source, stream, ReadingLimits(max_decompressed_bytes=9), CLASSES))


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_parquet_of_pixels(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"part0\.parquet: to read Parquet, `pip install 'fer-tfx\[parquet\]'`"):
        read(tmp_path / "part0.parquet")


def test_tar_with_a_table_of_paths_gives_its_pictures_by_their_folders_and_says_why(tmp_path: Path) -> None:
    write_table_of_paths(tmp_path / "faces")
    with tarfile.open(tmp_path / "faces.tar", "w") as archive:
        archive.add(tmp_path / "faces", "faces")
    items = read(tmp_path / "faces.tar")
    assert len(faces_of(items)) == len(FACES)
    (skipped,) = [item for item in items if isinstance(item, SkippedMember)]
    assert skipped.reason == "a table of paths, which are followed in a folder or a plain zip alone"


def test_pictures_to_predict_are_read_themselves_beside_a_table_of_them(tmp_path: Path) -> None:
    write_table_of_paths(tmp_path)
    items = read(tmp_path, classes=None)
    assert len(faces_of(items)) == len(FACES)
    assert {item.line for item in items if isinstance(item, ParsedRow)} == {0}
