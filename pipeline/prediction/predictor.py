"""An exported model -> answers, by its own signatures."""

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from schema.contract import CLASS_INDEX_KEY, CONFIDENCE_KEY, PROBABILITIES_KEY, SERVE_IMAGES, SERVE_PIXELS
from schema.errors import ConfigError, DataError

_OUTPUTS = {PROBABILITIES_KEY, CLASS_INDEX_KEY, CONFIDENCE_KEY}


class Prediction(NamedTuple):
    """The answer for one picture."""

    class_index: int
    confidence: float
    probabilities: tuple[float, ...]
    """Of the seven classes in their order; they sum to 1."""


class PictureError(Exception):
    """The model can't decode a picture of the batch."""


class Predictor:
    """A SavedModel, loaded.

    Args:
        folder: of the SavedModel.

    Raises:
        ConfigError: TensorFlow is not installed, or the model lacks a signature or an output.
        DataError: the model can't be loaded.
    """

    def __init__(self, folder: Path) -> None:
        self._tensorflow = _import_tensorflow()
        try:
            self._model = self._tensorflow.saved_model.load(str(folder))
        except Exception as error:  # whatever the loader stumbles over, the files are at fault
            found = next(iter(str(error).splitlines()), type(error).__name__)
            raise DataError(f"{folder}: the model can't be loaded ({found}); export or copy it again") from error
        self._functions = {name: self._find_function(name, folder) for name in (SERVE_PIXELS, SERVE_IMAGES)}

    def _find_function(self, name: str, folder: Path) -> Any:
        function = self._model.signatures.get(name)
        if function is None:
            names = ", ".join(sorted(self._model.signatures)) or "none"
            raise ConfigError(f"{folder}: the model has no signature {name}, only {names}; export it by `fer-tfx run`")
        missing = _OUTPUTS - set(function.structured_outputs)
        if missing:
            raise ConfigError(f"{folder}: {name} gives no {', '.join(sorted(missing))}; export it by `fer-tfx run`")
        return function

    def predict_pixels(self, pixels: npt.NDArray[np.uint8]) -> list[Prediction]:
        """Answers for uint8 (batch, 48, 48, 1), in order."""
        return self._ask(SERVE_PIXELS, pixels)

    def predict_images(self, files: Sequence[bytes]) -> list[Prediction]:
        """Answers for the contents of picture files, in order. Raises PictureError if one can't be decoded."""
        try:
            return self._ask(SERVE_IMAGES, list(files))
        except self._tensorflow.errors.InvalidArgumentError as error:
            raise PictureError(str(error)) from error

    def _ask(self, name: str, batch: Any) -> list[Prediction]:
        function = self._functions[name]
        ((key, spec),) = function.structured_input_signature[1].items()
        answers = function(**{key: self._tensorflow.constant(batch, spec.dtype)})
        columns = [answers[key].numpy() for key in (CLASS_INDEX_KEY, CONFIDENCE_KEY, PROBABILITIES_KEY)]
        return [
            Prediction(int(class_index), float(confidence), tuple(probabilities.tolist()))
            for class_index, confidence, probabilities in zip(*columns, strict=True)
        ]


def _import_tensorflow() -> Any:
    """TensorFlow in 1.7 instead of 3.4 CPU seconds: without Keras, and without the collector's rounds."""
    gc.disable()
    try:
        with _without_keras():
            import tensorflow
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error.name} is not installed; `pip install 'fer-tfx[pipeline]'`") from None
    finally:
        gc.enable()
    return tensorflow


@contextmanager
def _without_keras() -> Iterator[None]:
    """TensorFlow imports Keras, and with it pandas, scikit-learn and IPython, unless that fails.

    It does so to register optimisers for SavedModels that hold them; an exported one holds none.
    """
    is_new = "keras" not in sys.modules and "tensorflow" not in sys.modules
    if is_new:
        sys.modules["keras.src"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if is_new:
            del sys.modules["keras.src"]
