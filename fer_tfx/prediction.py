"""The answer for one picture, and what all who answer have in common."""

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from fer_tfx.contract import CLASS_NAMES

Pixels = npt.NDArray[np.uint8]


class Prediction(NamedTuple):
    """The answer for one picture."""

    class_index: int
    confidence: float  # the largest probability
    probabilities: tuple[float, ...]  # of the seven classes in their order; they sum to 1
    abstain: bool  # whether the confidence lies below the threshold that the model's calibration found
    views: int | None = None  # how many views of the picture the answer averages; None: a server doesn't tell

    @property
    def class_name(self) -> str:
        """As in `fer_tfx.contract.CLASS_NAMES`."""
        return CLASS_NAMES[self.class_index]


class Predictor(Protocol):
    """Whoever answers: a model in this process or a server."""

    def predict_pixels(self, pixels: Pixels) -> list[Prediction]:
        """Answers for uint8 (n, 48, 48, 1), in order; n may be 0."""
