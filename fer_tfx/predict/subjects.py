"""What an answer is about, and the answers to many of them, batch by batch."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from fer_tfx.contract import IMAGE_SHAPE
from fer_tfx.face_detection import Box
from fer_tfx.prediction import Pixels, Prediction, Predictor

BATCH_SIZE = 128


class Subject(NamedTuple):
    """A picture, a face in a photo, or a row of a CSV."""

    source: str
    """File as it was given or found; of a row in an archive, the member that it stands in."""
    place: int
    """Of a row, its position in the given file from 0; of a picture, its position among the pictures."""
    face: int = 0
    """Number of the face within its photo, from 1; 0 where faces were not looked for, or none was found."""
    box: Box | None = None


class Item(NamedTuple):
    """A subject with what the model gets to see."""

    subject: Subject
    pixels: Pixels | None
    """uint8 (48, 48, 1); None: a photo without a face."""


class Answer(NamedTuple):
    """A subject with what the model says of it."""

    subject: Subject
    prediction: Prediction | None
    """None: there was no face to look at."""


def answer_items(predictor: Predictor, items: Iterable[Item]) -> Iterator[Answer]:
    """Yield one answer for each item, in order. Memory: one batch, whatever the number of items."""
    remaining = iter(items)
    while batch := list(islice(remaining, BATCH_SIZE)):
        seen = [item.pixels for item in batch if item.pixels is not None]
        stacked = np.stack(seen) if seen else np.empty((0, *IMAGE_SHAPE), np.uint8)
        predictions = predictor.predict_pixels(stacked) if seen else []
        if len(predictions) != len(seen):
            raise ValueError(f"expected {len(seen)} predictions, got {len(predictions)}")
        following = iter(predictions)
        for item in batch:
            yield Answer(item.subject, None if item.pixels is None else next(following))
