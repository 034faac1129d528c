"""The rows of a CSV as the files that people have, and what ingesting these costs beside a plain loop of Pillow.

    python -m benchmarks.picture_files --data train.csv.xz --form jpeg --out faces/

writes pictures by class (`jpeg`, `png`), PNGs with a table of their paths (`table`), or shards of Parquet as Hugging
Face's datasets write them (`parquet`). `--measure` then reads files of pictures by both ways, each in a fresh process.
"""

import argparse
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.harness.command import make_parser, run_command
from benchmarks.harness.measure import Face, measure, read_faces
from fer_tfx.contract import DEFAULT_CLASS_NAMES, IMAGE_SHAPE
from fer_tfx.errors import ConfigError

_SHARDS = 3
_OPTIONS = {"jpeg": {"quality": 95}, "png": {}}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser("picture_files", __doc__)
    parser.add_argument("--data", metavar="PATH", required=True, type=Path, help="the FER2013 CSV or an archive of it")
    parser.add_argument("--form", required=True, choices=["jpeg", "png", "table", "parquet"])
    parser.add_argument("--out", metavar="FOLDER", required=True, type=Path, help="a new folder for the files")
    parser.add_argument("--rows", metavar="N", type=int, help="the first rows only (default: all)")
    parser.add_argument("--measure", action="store_true", help="ingest the pictures, and read them by a plain loop")
    return run_command(parser, _run, arguments)


def _run(options: argparse.Namespace) -> int:
    if options.out.exists():
        raise ConfigError(f"{options.out}: is there already; give --out another name, or remove it")
    faces = read_faces(options.data)[: options.rows]
    if options.form == "parquet":
        write_shards(faces, options.out)
    else:
        write_pictures(faces, options.out, options.form)
    print(f"{len(faces):,} pictures in {options.out}")
    if options.measure:
        costs = {way: measure(f"pictures.{way}", options.out.absolute(), 3) for way in ("plain_loop", "ingest")}
        for way, cost in costs.items():
            print(f"{way:10} {cost.preparation_cpu_s:6.2f} CPU s, peak {cost.peak_rss_mb:,.0f} MB")
        print(f"ratio      {costs['ingest'].preparation_cpu_s / costs['plain_loop'].preparation_cpu_s:6.2f}")
    return 0


def write_pictures(faces: Sequence[Face], folder: Path, form: str) -> None:
    """Write `folder/train/CLASS/ROW.jpg` or `.png`; for `table` PNGs in `folder/images`, and labels.csv.

    By the names of the files, the pictures stand in the order of the rows.
    """
    lines = ["image,label"]
    for number, (class_index, pixels) in enumerate(faces):
        name = DEFAULT_CLASS_NAMES[class_index]
        path = (
            f"images/{number:05d}.png"
            if form == "table"
            else f"train/{name}/{number:05d}.{form[:3].replace('jpe', 'jpg')}"
        )
        lines.append(f"{path},{name}")
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(_encode(pixels, "jpeg" if form == "jpeg" else "png"))
    if form == "table":
        (folder / "labels.csv").write_text("\n".join([*lines, ""]), "ascii")


def write_shards(faces: Sequence[Face], folder: Path) -> None:
    """Write PNGs in `folder/train-00000-of-00003.parquet` and so on, with the names of the classes in the metadata."""
    import pyarrow
    from pyarrow import parquet

    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": DEFAULT_CLASS_NAMES}}
    image = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    schema = pyarrow.schema([("image", image), ("label", pyarrow.int64())], metadata)
    folder.mkdir(parents=True)
    for shard, some in enumerate(np.array_split(np.arange(len(faces)), _SHARDS)):
        rows = [{"image": {"bytes": _encode(faces[row][1], "png")}, "label": faces[row][0]} for row in some]
        path = folder / f"train-{shard:05d}-of-{_SHARDS:05d}.parquet"
        parquet.write_table(pyarrow.Table.from_pylist(rows, schema), path, row_group_size=1_000)


def _encode(pixels: bytes, form: str) -> bytes:
    stream = io.BytesIO()
    picture = Image.fromarray(np.frombuffer(pixels, np.uint8).reshape(IMAGE_SHAPE[:2]))
    picture.save(stream, form, **_OPTIONS[form])
    return stream.getvalue()


if __name__ == "__main__":
    sys.exit(main())
