"""Views of a picture, and models in this process that answer with one of them or with the mean of several."""

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fer_tfx import contract
from fer_tfx.contract import CLASS_COUNT, IMAGE_SHAPE, IMAGE_SIZE_PX
from fer_tfx.errors import ConfigError
from fer_tfx.prediction import Pixels, Prediction

VIEW_COUNTS = (1, 2, 4)
"""The picture; with its mirror image; both also enlarged by 1.1 about the centre."""
FEW = 128
"""Pictures in one call up to which a model averages the most views unless told how many."""

_CENTRE_PX = (IMAGE_SIZE_PX - 1) / 2
_PLACES_PX = (np.arange(IMAGE_SIZE_PX) - _CENTRE_PX) / 1.1 + _CENTRE_PX
ZOOM_PX = _PLACES_PX.astype(np.int32)
"""Along either axis, an enlarged picture's pixel lies between this pixel and the next: int32 (48,)."""
ZOOM_SHARES = (np.rint((_PLACES_PX - ZOOM_PX) * 256) / 256).astype(np.float32)
"""The next pixel's share of it, float32 (48,): multiples of 1/256, as float32 then holds every sum exactly. So any
library on any device makes the same bytes."""


def make_views(pixels: Pixels, count: int) -> Pixels:
    """uint8 (n, 48, 48, 1) -> (count * n, 48, 48, 1): all as they are, then mirrored, enlarged, and both."""
    views = [pixels]
    if count > 1:
        views += [pixels[:, :, ::-1]]
    if count > 2:
        enlarged = _enlarge(pixels)
        views += [enlarged, enlarged[:, :, ::-1]]
    return np.concatenate(views)


def _enlarge(pixels: Pixels) -> Pixels:
    shares = ZOOM_SHARES[:, np.newaxis]
    rows = pixels[:, ZOOM_PX] * (1 - shares[:, np.newaxis]) + pixels[:, ZOOM_PX + 1] * shares[:, np.newaxis]
    columns = rows[:, :, ZOOM_PX] * (1 - shares) + rows[:, :, ZOOM_PX + 1] * shares
    return np.asarray(np.rint(columns), np.uint8)


def average_views(
    probabilities: npt.NDArray[np.float32], own_temperature: float, temperature: float
) -> npt.NDArray[np.float32]:
    """Probabilities (views, n, 7) of single views, softmax(logits / own_temperature), -> softmax(mean / temperature)
    of the mean logits over the views, (n, 7)."""
    logs = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny)).mean(axis=0)
    logits = logs * np.float32(own_temperature / temperature)
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


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
