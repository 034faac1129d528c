"""A SavedModel -> answers, by its own signature."""

import gc
import sys
from pathlib import Path
from typing import Any

import numpy as np

from fer_tfx import contract
from fer_tfx.errors import INSTALL_ALL, ConfigError, DataError
from fer_tfx.local_model import Facts, Floats, LocalModel
from fer_tfx.views import Pixels


class SavedModel(LocalModel):
    """A SavedModel, loaded from its folder. Raises ConfigError, or DataError: damaged."""

    batch_size = 128

    def __init__(self, folder: Path) -> None:
        self._tensorflow = _import_tensorflow(folder)
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
        if contract.PROBABILITIES_KEY not in self._function.structured_outputs:
            found = f"{name} gives no {contract.PROBABILITIES_KEY}"
            raise ConfigError(f"{folder}: {found}; export it by `fer-tfx run`")
        width = self._function.structured_outputs[contract.PROBABILITIES_KEY].shape[-1]
        super().__init__(folder, Facts.read(folder / contract.EXTRA_ASSETS_DIR), width)

    def compute_probabilities(self, pixels: Pixels) -> Floats:
        ((key, spec),) = self._function.structured_input_signature[1].items()
        answers = self._function(**{key: self._tensorflow.constant(pixels, spec.dtype)})
        return np.asarray(answers[contract.PROBABILITIES_KEY].numpy(), np.float32)

    def embed_pixels(self, pixels: Pixels) -> Floats:
        raise ConfigError(f"{self.name}: a SavedModel doesn't tell its features; push a model with its light form")


def _import_tensorflow(folder: Path) -> Any:
    """TensorFlow in half the time: without garbage collection, or Keras, which it needs for saved optimisers alone."""
    is_first = "keras" not in sys.modules and "tensorflow" not in sys.modules
    gc.disable()
    if is_first:
        sys.modules["keras.src"] = None  # type: ignore[assignment]
    try:
        import tensorflow
    except ModuleNotFoundError as error:
        found = f"it has no light form, so it needs {error.name}, which is not installed"
        raise ConfigError(f"{folder}: {found}; `fer-tfx run` pushes models with one, and {INSTALL_ALL}") from None
    finally:
        gc.enable()
        if is_first:
            del sys.modules["keras.src"]
    return tensorflow
