"""Models in this process answer with one view of each picture, or with the mean of several.

Apart from `views`, which training imports: an edit here retrains nothing.
"""

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fer_tfx import contract
from fer_tfx.contract import CLASS_COUNT, IMAGE_SHAPE
from fer_tfx.errors import ConfigError
from fer_tfx.prediction import Prediction, build_prediction
from fer_tfx.views import Pixels, average_views, make_views

Floats = npt.NDArray[np.float32]


class Calibration(NamedTuple):
    """What the eval split said about answers of some number of views."""

    temperature: float
    abstain_threshold: float


class Calibrations(NamedTuple):
    """What `calibration.json` says; files of earlier versions know of one view only."""

    own_views: int  # how many the model itself averages
    by_views: dict[int, Calibration]

    @classmethod
    def read(cls, path: Path) -> "Calibrations":
        """Raises OSError, ValueError, KeyError or TypeError if the file is missing or damaged."""
        own = {**json.loads(path.read_text("utf-8"))}
        own_views = int(own.get(contract.VIEWS_KEY, 1))
        by_views = {**own.get(contract.BY_VIEWS_KEY, {}), own_views: own}
        return cls(own_views, {
            int(views): Calibration(float(each[contract.TEMPERATURE_KEY]), float(each[contract.THRESHOLD_KEY]))
            for views, each in by_views.items()
        })  # fmt: skip

    def list_choices(self) -> list[int]:
        """How many views answers may average: a mean can't be taken apart again, so only single views are combined."""
        return sorted(self.by_views) if self.own_views == 1 else [self.own_views]


class LocalModel(ABC):
    """A model in this process, which threads may share; `name` is what messages call it."""

    batch_size: int
    """How many pictures to give it at a time."""

    def __init__(self, name: object, calibrations: Calibrations) -> None:
        self.name, self._calibrations = name, calibrations
        self.own_views, self.view_choices = calibrations.own_views, calibrations.list_choices()

    def predict_pixels(self, pixels: Pixels, views: int | None = None) -> list[Prediction]:
        """Answers for uint8 (n, 48, 48, 1), in order; n may be 0. They average `views` views, see `view_choices`, or as
        many as the model itself averages.

        Raises ValueError for another shape or dtype, ConfigError for another number of views.
        """
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != IMAGE_SHAPE:
            raise ValueError(f"pixels: expected uint8 (n, 48, 48, 1), got {pixels.dtype} {pixels.shape}")
        own = self.own_views
        views = own if views is None else views
        self.check_views(views)
        temperature, threshold = self._calibrations.by_views[views]
        probabilities = self.compute_probabilities(pixels if views == own else make_views(pixels, views))
        if views != own:
            single = probabilities.reshape(views, len(pixels), CLASS_COUNT)
            probabilities = average_views(single, self._calibrations.by_views[own].temperature, temperature)
        return [_judge(each, threshold, views) for each in probabilities]

    def check_views(self, views: int) -> None:
        """Raise ConfigError if answers can't average that many views."""
        if views not in self.view_choices:
            has = " or ".join(map(str, self.view_choices))
            raise ConfigError(
                f"{self.name}: views can be {has}, not {views}; choose another number, or export the model again by"
                " `fer-tfx run`"
            )

    @abstractmethod
    def compute_probabilities(self, pixels: Pixels) -> Floats:
        """The model's own answers, (n, 7), which average its own number of views."""

    @abstractmethod
    def embed_pixels(self, pixels: Pixels) -> Floats:
        """What the model's last layer sees of uint8 (n, 48, 48, 1): (n, d). Raises ConfigError if that is not told."""


def _judge(probabilities: Floats, threshold: float, views: int) -> Prediction:
    """The answer from the probabilities, (7,), of one picture, as the graph of a SavedModel makes it."""
    class_index = int(probabilities.argmax())
    confidence = float(probabilities[class_index])
    return build_prediction(class_index, confidence, probabilities.tolist(), confidence < threshold, views)
