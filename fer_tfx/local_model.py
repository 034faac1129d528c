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
from fer_tfx.contract import IMAGE_SHAPE
from fer_tfx.counted import counted
from fer_tfx.errors import ConfigError, DataError
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
        by_views = {
            int(views): Calibration(float(each[contract.TEMPERATURE_KEY]), float(each[contract.THRESHOLD_KEY]))
            for views, each in {**own.get(contract.BY_VIEWS_KEY, {}), own_views: own}.items()
        }
        for temperature, _ in by_views.values():
            if not 0 < temperature < float("inf"):
                raise ValueError(f"expected a temperature above 0, got {temperature}")
        return cls(own_views, by_views)

    def list_choices(self) -> list[int]:
        """How many views answers may average: a mean can't be taken apart again, so only single views are combined."""
        return sorted(self.by_views) if self.own_views == 1 else [self.own_views]


class Facts(NamedTuple):
    """What lies beside a model's graph for its readers."""

    class_names: tuple[str, ...]  # by class index
    calibrations: Calibrations

    @classmethod
    def read(cls, folder: Path) -> "Facts":
        """Raises DataError if a file is missing or damaged."""
        try:
            path = folder / contract.CLASS_NAMES_FILE
            class_names = tuple(path.read_text("utf-8").splitlines())
            path = folder / contract.CALIBRATION_FILE
            return cls(class_names, Calibrations.read(path))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: can't be read ({error}); export or copy the model again") from None


class LocalModel(ABC):
    """A model in this process, which threads may share; `name` is what messages call it."""

    batch_size: int
    """How many pictures to give it at a time."""

    def __init__(self, name: object, facts: Facts, class_count: int) -> None:
        """`class_count` is the number of its probabilities. Raises DataError if the names are not as many."""
        self.name, self.class_names, self._calibrations = name, facts.class_names, facts.calibrations
        self.own_views, self.view_choices = self._calibrations.own_views, self._calibrations.list_choices()
        if len(self.class_names) != class_count:
            found = f"{contract.CLASS_NAMES_FILE} has {counted(len(self.class_names), 'name')}"
            raise DataError(f"{name}: {found}, the model {class_count} classes; export or copy the model again")

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
            single = probabilities.reshape(views, len(pixels), len(self.class_names))
            probabilities = average_views(single, self._calibrations.by_views[own].temperature, temperature)
        return [self._judge(each, threshold, views) for each in probabilities]

    def _judge(self, probabilities: Floats, threshold: float, views: int) -> Prediction:
        """The answer from the probabilities, (classes,), of one picture, as the graph of a SavedModel makes it."""
        best = int(probabilities.argmax())
        confidence = float(probabilities[best])
        return build_prediction(
            self.class_names, best, confidence, probabilities.tolist(), confidence < threshold, views
        )

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
        """The model's own answers, (n, classes), which average its own number of views."""

    @abstractmethod
    def embed_pixels(self, pixels: Pixels) -> Floats:
        """What the model's last layer sees of uint8 (n, 48, 48, 1): (n, d). Raises ConfigError if that is not told."""
