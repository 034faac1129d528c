"""The shipped model in its two forms: answers as close as int8 allows, on the public test where that lies beside us."""

import lzma
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import pytest
import tensorflow as tf

from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.model import load
from fer_tfx.model_files import find_shipped_model
from fer_tfx.reading.csv_form import CSV
from fer_tfx.reading.form import ParsedRow, ReadingLimits
from fer_tfx.reading.words import ClassTable
from schema.drawn_faces import draw_faces

CLASSES = ClassTable.build(DEFAULT_CLASS_NAMES, {})

REAL_TEST_CSV = Path(__file__).parents[3] / "shared" / "data" / "fer2013" / "test.csv.xz"
BATCH_SIZE = 256


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """uint8 (n, 48, 48, 1), without labels."""
    if not REAL_TEST_CSV.exists():
        return draw_faces(500, 21).pixels[..., np.newaxis]
    with lzma.open(REAL_TEST_CSV) as stream:
        rows = islice(CSV.read(cast(BinaryIO, stream), REAL_TEST_CSV.name, ReadingLimits(), CLASSES), 1000)
        faces = [row.face.pixels for row in rows if isinstance(row, ParsedRow)]
    return np.frombuffer(b"".join(faces), np.uint8).reshape(-1, 48, 48, 1)


@pytest.fixture(scope="module")
def serve_pixels() -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    # The caller keeps the model: its variables die with it.
    model = tf.saved_model.load(str(find_shipped_model()))
    return lambda pixels: model.signatures["serve_pixels"](pixels=tf.constant(pixels))


def test_light_form_gives_the_answers_of_the_saved_model(pixels, serve_pixels):
    batches = [serve_pixels(pixels[start : start + BATCH_SIZE]) for start in range(0, len(pixels), BATCH_SIZE)]
    expected = {key: np.concatenate([batch[key].numpy() for batch in batches]) for key in batches[0]}
    light = load().predict_faces(pixels, views=1)
    shares = np.array([[*each.probabilities.values()] for each in light])
    assert np.abs(shares - expected["probabilities"]).mean() <= 0.01
    assert np.mean([each.class_index for each in light] == expected["class_index"]) >= 0.97
    assert len(set(expected["class_index"].tolist())) == 7
