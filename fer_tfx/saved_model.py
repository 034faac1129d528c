"""A SavedModel -> answers, by its own signature."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fer_tfx.contract import ABSTAIN_KEY, CLASS_INDEX_KEY, CONFIDENCE_KEY, PROBABILITIES_KEY, SERVE_PIXELS
from fer_tfx.errors import ConfigError, DataError
from fer_tfx.installation import INSTALL_ALL
from fer_tfx.prediction import Pixels, Prediction

_OUTPUTS = (CLASS_INDEX_KEY, CONFIDENCE_KEY, PROBABILITIES_KEY, ABSTAIN_KEY)


class SavedModel:
    """A SavedModel, loaded from its folder.

    Raises:
        ConfigError: TensorFlow is not installed, or the model lacks a signature or an output.
        DataError: the model can't be loaded.
    """

    def __init__(self, folder: Path) -> None:
        self._tensorflow = _import_tensorflow()
        try:
            self._model = self._tensorflow.saved_model.load(str(folder))
        except Exception as error:  # whatever the loader raises, the files are at fault
            found = next(iter(str(error).splitlines()), type(error).__name__)
            raise DataError(f"{folder}: the model can't be loaded ({found}); export or copy it again") from error
        self._function = self._find_function(SERVE_PIXELS, folder)

    def _find_function(self, name: str, folder: Path) -> Any:
        function = self._model.signatures.get(name)
        if function is None:
            names = ", ".join(sorted(self._model.signatures)) or "none"
            raise ConfigError(f"{folder}: the model has no signature {name}, only {names}; export it by `fer-tfx run`")
        missing = set(_OUTPUTS) - set(function.structured_outputs)
        if missing:
            raise ConfigError(f"{folder}: {name} gives no {', '.join(sorted(missing))}; export it by `fer-tfx run`")
        return function

    def predict_pixels(self, pixels: Pixels) -> list[Prediction]:
        """Answers for uint8 (n, 48, 48, 1), in order."""
        ((key, spec),) = self._function.structured_input_signature[1].items()
        answers = self._function(**{key: self._tensorflow.constant(pixels, spec.dtype)})
        columns = [answers[key].numpy().tolist() for key in _OUTPUTS]
        return [
            Prediction(class_index, confidence, tuple(probabilities), abstains)
            for class_index, confidence, probabilities, abstains in zip(*columns, strict=True)
        ]


def _import_tensorflow() -> Any:
    """TensorFlow in 1.7 instead of 3.4 CPU seconds: without Keras and garbage collection."""
    gc.disable()
    try:
        with _without_keras():
            import tensorflow
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error.name} is not installed, which --model needs; {INSTALL_ALL}") from None
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
