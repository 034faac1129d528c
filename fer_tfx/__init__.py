"""Names the expression in pictures of faces; no TensorFlow is needed.

    from fer_tfx import LightModel, decode_picture

What callers use is imported from here, each name's module when it is first asked for; see docs/architecture.md.
"""

from importlib import import_module
from typing import Any

_NAMES = {
    "client.checks": ["FileLimits"],
    "client.client": ["Client"],
    "client.connection": ["Connection"],
    "contract": ["CLASS_NAMES"],
    "errors": ["BadAnswerError", "BadRequestError", "ConfigError", "DataError", "DeadlineExceededError", "FerError",
               "RequestRefusedError", "ServerUnreachableError", "ServingError"],
    "face_detection": ["Box", "FaceDetector", "crop_face"],
    "light": ["LightModel"],
    "pictures": ["decode_picture", "open_upright", "to_pixels"],
    "prediction": ["Prediction", "Predictor"],
    "saved_model": ["SavedModel"],
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}
__all__ = [*_MODULE_OF]  # noqa: PLE0604 (strings, all of them)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"fer_tfx.{_MODULE_OF[name]}"), name)
