"""The models that are set side by side, each as it is called by its users.

Imported by worker processes: `FerContender` in fer's environment, ours in the project's. So nothing but
NumPy is imported at the top.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Call = Callable[[], object]

BATCH_SIZE = 64
_SIZE_PX = 48
_WHOLE_CROP = (0, 0, _SIZE_PX, _SIZE_PX)
_MONTAGE_COLUMNS = 8


class Contender(Protocol):
    """What is asked of either side. Pictures are uint8 (n, 48, 48)."""

    def predict(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        """Probabilities (n, 7), not rounded."""

    def prepare_single(self, picture: Pixels) -> Call:
        """The call for one picture, uint8 (48, 48); what its caller would have ready is made here, untimed."""

    def prepare_batches(self, pixels: Pixels) -> dict[str, Call]:
        """By name the ways to ask for up to 64 pictures at once."""

    def describe(self, pixels: Pixels) -> dict[str, Any]:
        """Size on disk in bytes, versions, and what else must be known to read the figures."""


class OurContender:
    """An exported SavedModel, called by its signature `serve_pixels`."""

    def __init__(self, folder: str) -> None:
        from benchmarks.exported_model import load_predict

        self._folder = Path(folder)
        self._predict = load_predict(self._folder, BATCH_SIZE)

    def predict(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        return self._predict(pixels)

    def prepare_single(self, picture: Pixels) -> Call:
        return lambda: self._predict(picture[None])

    def prepare_batches(self, pixels: Pixels) -> dict[str, Call]:
        return {"serve_pixels": lambda: self._predict(pixels)}

    def describe(self, pixels: Pixels) -> dict[str, Any]:
        del pixels
        files = [path for path in self._folder.rglob("*") if path.is_file()]
        return {"bytes": sum(path.stat().st_size for path in files), "versions": _read_versions("tensorflow")}


class OurLightContender:
    """The light form of the same model, as `fer-tfx predict` calls it: one picture after the other."""

    def __init__(self, folder: str) -> None:
        from fer_tfx.light import LightModel

        self._folder = Path(folder)
        self._model = LightModel(self._folder)

    def predict(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        return np.array([each.probabilities for each in self._model.predict_pixels(pixels[..., None])], np.float32)

    def prepare_single(self, picture: Pixels) -> Call:
        return lambda: self._model.predict_pixels(picture[None, ..., None])

    def prepare_batches(self, pixels: Pixels) -> dict[str, Call]:
        return {"predict_pixels": lambda: self._model.predict_pixels(pixels[..., None])}

    def describe(self, pixels: Pixels) -> dict[str, Any]:
        del pixels
        size = sum(path.stat().st_size for path in self._folder.iterdir())
        return {"bytes": size, "versions": _read_versions("ai-edge-litert")}


class FerContender:
    """fer's classifier on a whole crop: no margin, the face's box given, so that no detector is at work."""

    def __init__(self, is_tflite: bool) -> None:
        from fer.fer import FER  # type: ignore[import-not-found]

        class FerOnWholeCrops(FER):  # type: ignore[misc]
            def find_faces(self, *_: Any, **__: Any) -> list[Any]:
                return [_WHOLE_CROP]

        self._fer = FER(offsets=(0, 0), use_tflite=is_tflite)
        self._fer_on_whole_crops = FerOnWholeCrops(offsets=(0, 0), use_tflite=is_tflite)
        self._is_tflite = is_tflite

    def predict(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        """What `detect_emotions` rounds to two decimals: its own steps up to its classifier, without the rounding."""
        batches = [pixels[start : start + BATCH_SIZE] for start in range(0, len(pixels), BATCH_SIZE)]
        raw = [np.asarray(self._fer._classify_emotions(_prepare_for_fer(batch))) for batch in batches]
        return np.asarray(np.concatenate(raw), np.float32)

    def prepare_single(self, picture: Pixels) -> Call:
        colour = _to_bgr(picture)
        return lambda: self._fer.detect_emotions(colour, face_rectangles=[_WHOLE_CROP])

    def prepare_batches(self, pixels: Pixels) -> dict[str, Call]:
        """`list` is fer's batch call, which takes no boxes: its detector is made to answer with the whole crop.

        `boxes` asks for all faces of one picture, a montage of the crops: the same classifier, fewer calls.
        """
        colours = [_to_bgr(picture) for picture in pixels]
        montage, boxes = _arrange(pixels)
        return {
            "list": lambda: self._fer_on_whole_crops.batch_detect_emotions(colours),
            "boxes": lambda: self._fer.detect_emotions(montage, face_rectangles=boxes),
        }

    def describe(self, pixels: Pixels) -> dict[str, Any]:
        import fer  # type: ignore[import-not-found]

        name = "emotion_model_quantized.tflite" if self._is_tflite else "emotion_model.hdf5"
        path = Path(fer.__file__).parent / "data" / name
        found = self._fer.batch_detect_emotions([_to_bgr(picture) for picture in pixels])
        return {
            "bytes": path.stat().st_size,
            "versions": _read_versions("fer", "tensorflow", "opencv-contrib-python"),
            "faces_found_by_its_batch_call": sum(map(len, found)),
            "largest_difference_to_detect_emotions": self._compare_with_public_call(pixels),
        }

    def _compare_with_public_call(self, pixels: Pixels) -> float:
        """Largest distance of `predict` to the rounded answers: at most 0.005 if both do the same."""
        answers = [self.prepare_single(picture)() for picture in pixels]
        rounded = np.array([list(faces[0]["emotions"].values()) for faces in answers])  # type: ignore[index]
        return float(np.abs(rounded - self.predict(pixels)).max())


def _prepare_for_fer(pixels: Pixels) -> npt.NDArray[np.float32]:
    """float32 (n, 64, 64) from -1 to 1, as `FER.detect_emotions` makes it."""
    import cv2  # type: ignore[import-not-found]

    resized = np.array([cv2.resize(picture, (64, 64)) for picture in pixels], dtype="float32")
    return np.asarray((resized / 255.0 - 0.5) * 2.0)


def _to_bgr(picture: Pixels) -> Pixels:
    return np.repeat(picture[..., None], 3, axis=-1)


def _arrange(pixels: Pixels) -> tuple[Pixels, list[tuple[int, int, int, int]]]:
    """Pictures in rows of eight, BGR, and the box (x, y, width, height) of each."""
    row_count = -(-len(pixels) // _MONTAGE_COLUMNS)
    montage = np.zeros((row_count * _SIZE_PX, _MONTAGE_COLUMNS * _SIZE_PX), np.uint8)
    corners = [(n % _MONTAGE_COLUMNS * _SIZE_PX, n // _MONTAGE_COLUMNS * _SIZE_PX) for n in range(len(pixels))]
    for (x, y), picture in zip(corners, pixels, strict=True):
        montage[y : y + _SIZE_PX, x : x + _SIZE_PX] = picture
    return _to_bgr(montage), [(x, y, _SIZE_PX, _SIZE_PX) for x, y in corners]


def _read_versions(*packages: str) -> dict[str, str]:
    from importlib.metadata import version

    return {package: version(package) for package in packages}


BUILDERS: dict[str, Callable[[str], Contender]] = {
    "ours": OurContender,
    "ours-light": OurLightContender,
    "fer": lambda _: FerContender(is_tflite=True),
    "fer-keras": lambda _: FerContender(is_tflite=False),
}
"""By name: folder of our model or of its light form, which only ours read -> contender."""
