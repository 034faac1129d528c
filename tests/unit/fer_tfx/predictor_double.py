"""A stand-in for a model whose answers tell which picture they are for."""

from collections.abc import Iterator

import numpy as np

from fer_tfx import prediction
from fer_tfx.commands.inputs import Item, Subject
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.face_detection import Box, Face, Landmarks
from fer_tfx.local_model import Calibration, Calibrations, Facts, Floats, LocalModel
from fer_tfx.prediction import Prediction
from fer_tfx.views import Pixels

THRESHOLD = 0.5


class PredictorDouble(LocalModel):
    """Answers with the class and confidence that stand in a picture's first pixel."""

    batch_size = 128

    def __init__(self, class_names: tuple[str, ...] = DEFAULT_CLASS_NAMES) -> None:
        calibrations = Calibrations(1, dict.fromkeys((1, 2, 4), Calibration(1.0, THRESHOLD)))
        super().__init__("double", Facts(class_names, calibrations), len(class_names))
        self.batch_sizes: list[int] = []
        self.views: list[int | None] = []

    def predict_pixels(self, pixels: Pixels, views: int | None = None) -> list[Prediction]:
        assert (pixels.shape[1:], pixels.dtype) == ((48, 48, 1), "uint8")
        self.batch_sizes.append(len(pixels))
        self.views.append(views)
        return [build_prediction(int(picture[0, 0, 0]), self.class_names) for picture in pixels]

    def compute_probabilities(self, pixels: Pixels) -> Floats:
        raise NotImplementedError

    def embed_pixels(self, pixels: Pixels) -> Floats:
        return pixels[:, 0, 0].astype(np.float32)


def build_prediction(number: int, class_names: tuple[str, ...] = DEFAULT_CLASS_NAMES) -> Prediction:
    class_index, confidence = number % len(class_names), number / 256
    shares = [(1 - confidence) / (len(class_names) - 1)] * len(class_names)
    shares[class_index] = confidence
    return prediction.build_prediction(class_names, class_index, confidence, shares, confidence < THRESHOLD)


def read_numbers(items: Iterator[Item]) -> list[tuple[Subject, int]]:
    """Each subject with what stands in its first pixel."""
    return [(subject, int(pixels[0, 0, 0])) for subject, pixels in items if pixels is not None]


def build_face(box: Box) -> Face:
    """A level face whose landmarks lie in the middle of its box."""
    x, y = box.x + box.width / 2, box.y + box.height / 2
    return Face(box, Landmarks((x - 1, y), (x + 1, y), *[(x, y)] * 4), 0.9)
