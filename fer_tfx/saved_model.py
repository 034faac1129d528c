"""A SavedModel -> answers, by its own signature."""

import gc
import sys
from pathlib import Path
from typing import Any

from fer_tfx import contract
from fer_tfx.errors import INSTALL_ALL, ConfigError, DataError
from fer_tfx.local_model import Calibrations, LocalModel
from fer_tfx.prediction import Pixels, Prediction

_OUTPUTS = (contract.CLASS_INDEX_KEY, contract.CONFIDENCE_KEY, contract.PROBABILITIES_KEY, contract.ABSTAIN_KEY)


class SavedModel(LocalModel):
    """A SavedModel, loaded from its folder. `views`: see `LocalModel`. Raises ConfigError, or DataError: damaged."""

    def __init__(self, folder: Path, views: int | None = None) -> None:
        self._tensorflow = _import_tensorflow()
        try:
            model = self._tensorflow.saved_model.load(str(folder))
        except Exception as error:  # whatever the loader raises, the files are at fault
            found = next(iter(str(error).splitlines()), type(error).__name__)
            raise DataError(f"{folder}: the model can't be loaded ({found}); export or copy it again") from error
        name = contract.SERVE_PIXELS
        if name not in model.signatures:
            names = ", ".join(sorted(model.signatures)) or "none"
            raise ConfigError(f"{folder}: the model has no signature {name}, only {names}; export it by `fer-tfx run`")
        self._model, self._function = model, model.signatures[name]  # the function alone doesn't keep its weights
        if missing := set(_OUTPUTS) - set(self._function.structured_outputs):
            raise ConfigError(f"{folder}: {name} gives no {', '.join(sorted(missing))}; export it by `fer-tfx run`")
        path = folder / contract.EXTRA_ASSETS_DIR / contract.CALIBRATION_FILE
        try:
            calibrations = Calibrations.read(path)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: can't be read ({error}); export or copy the model again") from None
        super().__init__(folder, calibrations, views)

    def _answer(self, pixels: Pixels) -> list[Prediction]:
        ((key, spec),) = self._function.structured_input_signature[1].items()
        answers = self._function(**{key: self._tensorflow.constant(pixels, spec.dtype)})
        columns = [answers[key].numpy().tolist() for key in _OUTPUTS]
        rows = zip(*columns, strict=True)
        return [Prediction(index, confidence, tuple(shares), abstains) for index, confidence, shares, abstains in rows]


def _import_tensorflow() -> Any:
    """TensorFlow in half the time: without garbage collection, or Keras, which it needs for saved optimisers alone."""
    is_first = "keras" not in sys.modules and "tensorflow" not in sys.modules
    gc.disable()
    if is_first:
        sys.modules["keras.src"] = None  # type: ignore[assignment]
    try:
        import tensorflow
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error.name} is not installed, which --model needs; {INSTALL_ALL}") from None
    finally:
        gc.enable()
        if is_first:
            del sys.modules["keras.src"]
    return tensorflow
