"""A model in its light form: LiteRT in this process, half a second from a cold start to the answer."""

from pathlib import Path

import numpy as np

from fer_tfx.contract import CALIBRATION_FILE, LIGHT_MODEL_FILE
from fer_tfx.errors import DataError
from fer_tfx.local_model import Calibrations, LocalModel, build_prediction
from fer_tfx.model_files import find_shipped_model, light_folder
from fer_tfx.prediction import Pixels, Prediction


class LightModel(LocalModel):
    """A converted model. `folder` has `model.tflite`, uint8 (1, 48, 48, 1) -> float32 (1, 7), and `calibration.json`.

    It takes one picture at a time: batches gain nothing in LiteRT on a CPU. `views`: see `LocalModel`. Raises DataError
    if it can't be loaded, ConfigError if it can't answer with that many views.
    """

    def __init__(self, folder: Path, threads: int = 2, views: int | None = None) -> None:
        from ai_edge_litert.interpreter import Interpreter

        try:
            self._interpreter = Interpreter(model_path=str(folder / LIGHT_MODEL_FILE), num_threads=threads)
            self._interpreter.allocate_tensors()
            calibrations = Calibrations.read(folder / CALIBRATION_FILE)
        except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
            found = next(iter(str(error).splitlines()), type(error).__name__)
            raise DataError(f"{folder}: the light model can't be loaded ({found}); install fer-tfx again") from error
        super().__init__(folder, calibrations, views)
        self._threshold = calibrations.by_views[calibrations.own_views].abstain_threshold
        (self._input,), (self._output,) = self._interpreter.get_input_details(), self._interpreter.get_output_details()

    @classmethod
    def shipped(cls, views: int | None = None) -> "LightModel":
        """The one that comes with the package, its files checked. Raises ConfigError or DataError."""
        return cls(find_shipped_model(light_folder()), views=views)

    def _answer(self, pixels: Pixels) -> list[Prediction]:
        return [self._answer_one(picture) for picture in pixels]

    def _answer_one(self, picture: Pixels) -> Prediction:
        self._interpreter.set_tensor(self._input["index"], picture[np.newaxis])
        self._interpreter.invoke()
        probabilities = self._interpreter.get_tensor(self._output["index"])[0]
        return build_prediction(probabilities, self._threshold, self._calibrations.own_views)
