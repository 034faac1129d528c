"""A model in its light form: LiteRT in this process, half a second from a cold start to the answer."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fer_tfx.contract import CALIBRATION_FILE, IMAGE_SHAPE, LIGHT_MODEL_FILE, THRESHOLD_KEY
from fer_tfx.errors import DataError
from fer_tfx.model_files import LIGHT_FOLDER, find_shipped_model
from fer_tfx.prediction import Pixels, Prediction


class LightModel:
    """A converted model. `folder` has `model.tflite`, uint8 (1, 48, 48, 1) -> float32 (1, 7), and `calibration.json`.

    It takes one picture at a time: batches gain nothing in LiteRT on a CPU. Raises DataError if it can't be loaded.
    """

    def __init__(self, folder: Path, threads: int = 2) -> None:
        from ai_edge_litert.interpreter import Interpreter

        try:
            self._interpreter = Interpreter(model_path=str(folder / LIGHT_MODEL_FILE), num_threads=threads)
            self._interpreter.allocate_tensors()
            self._threshold = float(json.loads((folder / CALIBRATION_FILE).read_text("utf-8"))[THRESHOLD_KEY])
        except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
            found = next(iter(str(error).splitlines()), type(error).__name__)
            raise DataError(f"{folder}: the light model can't be loaded ({found}); install fer-tfx again") from error
        (self._input,), (self._output,) = self._interpreter.get_input_details(), self._interpreter.get_output_details()

    @classmethod
    def shipped(cls) -> "LightModel":
        """The one that comes with the package, its files checked. Raises ConfigError or DataError."""
        return cls(find_shipped_model(LIGHT_FOLDER))

    def predict_pixels(self, pixels: Pixels) -> list[Prediction]:
        """Answers for uint8 (n, 48, 48, 1), in order."""
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != IMAGE_SHAPE:
            raise ValueError(f"pixels: expected uint8 (n, 48, 48, 1), got {pixels.dtype} {pixels.shape}")
        return [self._answer(picture) for picture in pixels]

    def _answer(self, picture: Pixels) -> Prediction:
        self._interpreter.set_tensor(self._input["index"], picture[np.newaxis])
        self._interpreter.invoke()
        return build_prediction(self._interpreter.get_tensor(self._output["index"])[0], self._threshold)


def build_prediction(probabilities: npt.NDArray[np.float32], threshold: float) -> Prediction:
    """The answer from the probabilities, float32 (7,), of one picture, as the graph of a SavedModel makes it."""
    class_index = int(probabilities.argmax())
    confidence = float(probabilities[class_index])
    return Prediction(class_index, confidence, tuple(probabilities.tolist()), confidence < threshold)
