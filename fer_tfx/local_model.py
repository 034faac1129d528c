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
from fer_tfx.prediction import Pixels, Prediction
from fer_tfx.views import average_views, make_views

FEW = 128
"""Pictures in one call up to which a model averages the most views unless told how many."""


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
    """Answers with the mean of `views` views of each picture: 1, 2 or 4; more are more accurate.

    0: as many as the model itself averages. None: as many as it can in calls of up to `FEW` pictures, else 0. Raises
    ConfigError if it can't average so many; `name` tells which model that is.
    """

    def __init__(self, name: object, calibrations: Calibrations, views: int | None) -> None:
        self._calibrations, self._choices = calibrations, calibrations.list_choices()
        if views and views not in self._choices:
            has = " or ".join(map(str, self._choices))
            raise ConfigError(
                f"{name}: views can be {has}, not {views}; choose another number, or export the model again by"
                " `fer-tfx run`"
            )
        self._views = views

    def predict_pixels(self, pixels: Pixels) -> list[Prediction]:
        """Answers for uint8 (n, 48, 48, 1), in order; n may be 0. Raises ValueError for any other shape or dtype."""
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != IMAGE_SHAPE:
            raise ValueError(f"pixels: expected uint8 (n, 48, 48, 1), got {pixels.dtype} {pixels.shape}")
        views, own = self._views, self._calibrations.own_views
        if views is None and len(pixels) <= FEW:
            views = max(self._choices)
        if not views or views == own:
            return [each._replace(views=own) for each in self._answer(pixels)]
        single = [each.probabilities for each in self._answer(make_views(pixels, views))]
        probabilities = np.array(single, np.float32).reshape(views, len(pixels), CLASS_COUNT)
        temperature, threshold = self._calibrations.by_views[views]
        averaged = average_views(probabilities, self._calibrations.by_views[own].temperature, temperature)
        return [build_prediction(each, threshold, views) for each in averaged]

    @abstractmethod
    def _answer(self, pixels: Pixels) -> list[Prediction]:
        """The model's own answers, which average its own number of views."""


def build_prediction(probabilities: npt.NDArray[np.float32], threshold: float, views: int) -> Prediction:
    """The answer from the probabilities, float32 (7,), of one picture, as the graph of a SavedModel makes it."""
    class_index = int(probabilities.argmax())
    confidence = float(probabilities[class_index])
    return Prediction(class_index, confidence, tuple(probabilities.tolist()), confidence < threshold, views)
