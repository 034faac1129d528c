"""A function in place of an exported model, whose answers tell which picture they are for."""

import io

import numpy as np
from PIL import Image

from fer_tfx.contract import (
    ABSTAIN_KEY,
    CLASS_INDEX_KEY,
    CLASS_NAME_KEY,
    CLASS_NAMES_KEY,
    CONFIDENCE_KEY,
    DEFAULT_CLASS_NAMES,
    PROBABILITIES_KEY,
    SERVE_IMAGES,
    SERVE_PIXELS,
)
from serving_double.faults import ServingFault
from serving_double.served_model import Arrays

_LEAST, _STEP, _THRESHOLD = 0.3, 0.0025, 0.5
_COUNT = len(DEFAULT_CLASS_NAMES)


def answer_by_first_value(signature_name: str, inputs: Arrays) -> Arrays:
    """The picture's first grey value v, 0-255, makes the answer: class v modulo 7, confidence 0.3 + 0.0025 v, which
    abstains below 0.5. The other classes share the rest. Files are decoded by Pillow; a broken one is refused.
    """
    if signature_name == SERVE_PIXELS:
        pixels = inputs["pixels"]
        if pixels.shape[1:] != (48, 48, 1):
            raise ServingFault("INVALID_ARGUMENT", f"pixels must have shape [?,48,48,1], got {list(pixels.shape)}")
        return build_outputs(pixels[:, 0, 0, 0])
    if signature_name == SERVE_IMAGES:
        return build_outputs(np.array([_read_first_value(file) for file in inputs["image_bytes"]]))
    raise ServingFault("INVALID_ARGUMENT", f"the double answers {SERVE_PIXELS} and {SERVE_IMAGES} only")


def build_outputs(values: np.ndarray) -> dict[str, np.ndarray]:
    """All outputs of a signature, with the dtypes and shapes of an exported model, for integers (n,) from 0 to 255."""
    class_index = values.astype(np.int64) % _COUNT
    confidence = (_LEAST + _STEP * values.astype(np.float64)).astype(np.float32)
    probabilities = np.repeat(
        ((1 - confidence) / (len(DEFAULT_CLASS_NAMES) - 1))[:, np.newaxis], len(DEFAULT_CLASS_NAMES), axis=1
    )
    probabilities[np.arange(len(values)), class_index] = confidence
    return {
        PROBABILITIES_KEY: probabilities,
        CLASS_NAMES_KEY: np.array([[name.encode() for name in DEFAULT_CLASS_NAMES]] * len(values), object),
        CLASS_INDEX_KEY: class_index,
        CLASS_NAME_KEY: np.array([[DEFAULT_CLASS_NAMES[each].encode()] for each in class_index], object).reshape(-1, 1),
        CONFIDENCE_KEY: confidence,
        ABSTAIN_KEY: confidence < _THRESHOLD,
    }


def _read_first_value(file: bytes) -> int:
    try:
        with Image.open(io.BytesIO(file)) as picture:
            return int(np.asarray(picture.convert("L"))[0, 0])
    except (OSError, SyntaxError, ValueError) as error:
        raise ServingFault("INVALID_ARGUMENT", f"Invalid image data: {error}") from None
