"""A stand-in for a model whose answers tell which picture they are for."""

from collections.abc import Iterator

from fer_tfx.commands.inputs import Item, Subject
from fer_tfx.commands.predict import BackEnd
from fer_tfx.prediction import Pixels, Prediction

THRESHOLD = 0.5


class PredictorDouble:
    """Answers with the class and confidence that stand in a picture's first pixel."""

    def __init__(self) -> None:
        self.batch_sizes: list[int] = []
        self.back_ends: list[BackEnd] = []

    def predict_pixels(self, pixels: Pixels) -> list[Prediction]:
        assert (pixels.shape[1:], pixels.dtype) == ((48, 48, 1), "uint8")
        self.batch_sizes.append(len(pixels))
        return [build_prediction(int(picture[0, 0, 0])) for picture in pixels]


def build_prediction(number: int) -> Prediction:
    class_index, confidence = number % 7, number / 256
    shares = [(1 - confidence) / 6] * 7
    shares[class_index] = confidence
    return Prediction(class_index, confidence, tuple(shares), confidence < THRESHOLD)


def read_numbers(items: Iterator[Item]) -> list[tuple[Subject, int]]:
    """Each subject with what stands in its first pixel."""
    return [(subject, int(pixels[0, 0, 0])) for subject, pixels in items if pixels is not None]
