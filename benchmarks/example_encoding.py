"""CPU and disk of four ways to keep a picture in a tf.Example: why FerExampleGen writes raw bytes.

    python -m benchmarks.example_encoding --data fer2013.csv

Each figure is the cost of further rows: that of `--rows` rows less that of one, which is the cost of building
Beam's graphs. PNG is not analysed: decoding it takes a map over pictures.
"""

import argparse
import io
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import apache_beam as beam
import tensorflow as tf
import tensorflow_data_validation as tfdv
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from PIL import Image
from tensorflow_transform.tf_metadata import schema_utils
from tfx_bsl.public import tfxio

from benchmarks.samples import Face, read_faces
from fer_tfx.contract import IMAGE_SHAPE, IMAGE_SIZE_PX, LABEL_KEY, PIXEL_COUNT, PIXELS_KEY
from fer_tfx.errors import FerError

STRING = tf.io.FixedLenFeature([], tf.string)


def encode_bytes(pixels: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[pixels]))


def encode_png(pixels: bytes) -> tf.train.Feature:
    buffer = io.BytesIO()
    Image.frombytes("L", (IMAGE_SIZE_PX, IMAGE_SIZE_PX), pixels).save(buffer, "PNG")
    return encode_bytes(buffer.getvalue())


def encode_int64(pixels: bytes) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=list(pixels)))


def encode_text(pixels: bytes) -> tf.train.Feature:
    return encode_bytes(" ".join(map(str, pixels)).encode())


def decode_text(pixels: tf.Tensor) -> tf.Tensor:
    return tf.strings.to_number(tf.strings.split(pixels, " ")).to_tensor(0.0, shape=[None, PIXEL_COUNT])


Decode = Callable[[tf.Tensor], tf.Tensor]
WAYS: dict[str, tuple[Callable[[bytes], tf.train.Feature], tf.io.FixedLenFeature, Decode | None]] = {
    "raw bytes": (encode_bytes, STRING, lambda pixels: tf.io.decode_raw(pixels, tf.uint8)),
    "PNG": (encode_png, STRING, None),
    "int64 list": (encode_int64, tf.io.FixedLenFeature([PIXEL_COUNT], tf.int64), lambda pixels: pixels),
    "CSV string": (encode_text, STRING, decode_text),
}


def write(faces: Sequence[Face], encode: Callable[[bytes], tf.train.Feature], path: str) -> None:
    """Write examples as TFX's own ExampleGens do: TFRecord in gzip's default level."""
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for face in faces:
            label = tf.train.Feature(int64_list=tf.train.Int64List(value=[face.class_index]))
            feature = {PIXELS_KEY: encode(face.pixels), LABEL_KEY: label}
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())


def analyse(path: str, spec: tf.io.FixedLenFeature, decode: Decode, folder: str) -> None:
    """Find mean and variance of all pixels, as Transform's analysis does."""

    def preprocessing_fn(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        images = tf.reshape(tf.cast(decode(inputs[PIXELS_KEY]), tf.float32), [-1, *IMAGE_SHAPE])
        return {"images": tft.scale_to_z_score(images / 255)}

    source = tfxio.TFExampleRecord(path, schema=schema_utils.schema_from_feature_spec({PIXELS_KEY: spec}))
    with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=f"{folder}/temp"):
        examples = pipeline | source.BeamSource()
        graph = (examples, source.TensorAdapterConfig()) | tft_beam.AnalyzeDataset(preprocessing_fn)
        _ = graph | tft_beam.WriteTransformFn(tempfile.mkdtemp(dir=folder))


def time_cpu_s(work: Callable[[], object]) -> float:
    started_s = time.process_time()
    work()
    return time.process_time() - started_s


def measure(way: str, faces: list[Face], folder: str) -> str:
    """One row of the table."""
    encode, spec, decode = WAYS[way]
    costs = []
    for count in (1, len(faces)):
        path = f"{folder}/{way}-{count}.gz"
        steps: list[Callable[[], object]] = [
            partial(write, faces[:count], encode, path),
            partial(tfdv.generate_statistics_from_tfrecord, path, output_path=f"{path}.statistics"),
        ]
        if decode:
            steps.append(partial(analyse, path, spec, decode, folder))
        costs.append([time_cpu_s(step) for step in steps])
    per_row_ms = [(many - one) / (len(faces) - 1) * 1e3 for one, many in zip(*costs, strict=True)]
    cells = [f"{cost:.2f}" for cost in per_row_ms] + ["-"] * (3 - len(per_row_ms))
    return f"| {way} | {' | '.join(cells)} | {Path(path).stat().st_size / 1e6:.1f} |"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.example_encoding", description=__doc__.splitlines()[0])
    parser.add_argument("--data", metavar="PATH", required=True, type=Path, help="the FER2013 CSV or an archive of it")
    parser.add_argument("--rows", metavar="N", type=int, default=10_000, help="rows to measure (default: 10000)")
    options = parser.parse_args(arguments)
    try:
        faces = read_faces(options.data)[: options.rows]
    except FerError as error:
        print(f"example_encoding: {error}", file=sys.stderr)
        return error.exit_code
    print("CPU ms a row\n\n| encoding | write | statistics | analysis | MB |\n|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for way in WAYS:
            print(measure(way, faces, folder), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
