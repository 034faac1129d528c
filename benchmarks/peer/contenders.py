"""The models that are compared, each called as its users call it, and the process that one of them works in.

`python -m benchmarks.peer.contenders NAME MODEL CORES`, started by `benchmarks.peer.process`, reads one JSON request a
line and answers each with one JSON line. fer's side runs in fer's environment: import only NumPy at the top.
"""

import json
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Call = Callable[[], object]

BATCH_SIZE = 64
_SIZE_PX = 48
_WHOLE_CROP = (0, 0, _SIZE_PX, _SIZE_PX)
_MONTAGE_COLUMNS = 8
_WARM_UP_COUNT = 20
_LEAST_CALL_COUNT = 3


class Contender(ABC):
    """One side. Pictures are uint8 (n, 48, 48); `do_...` are the requests that its process takes."""

    @abstractmethod
    def predict(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        """Probabilities (n, 7), not rounded."""

    @abstractmethod
    def prepare_single(self, picture: Pixels) -> Call:
        """The call for one picture, uint8 (48, 48); what its caller would have ready is made here, untimed."""

    @abstractmethod
    def prepare_batches(self, pixels: Pixels) -> dict[str, Call]:
        """The ways to ask for up to 64 pictures at once, by name."""

    @abstractmethod
    def describe(self, pixels: Pixels) -> dict[str, Any]:
        """Size on disk in bytes, versions, and what else one must know to read the figures."""

    def do_predict(self, pixels: str, out: str) -> dict[str, Any]:
        np.save(out, self.predict(np.load(pixels)))
        return {}

    def do_time_single(self, pixels: str, count: int, budget_s: float) -> dict[str, Any]:
        """Seconds of each of `count` calls, a picture each, after a warm-up; fewer if they take over `budget_s`."""
        pictures = np.load(pixels)
        calls = [self.prepare_single(pictures[number % len(pictures)]) for number in range(count)]
        return {"seconds": time_calls(calls, calls[:_WARM_UP_COUNT], budget_s)}

    def do_time_batches(self, pixels: str, count: int, budget_s: float) -> dict[str, Any]:
        """The same with 64 pictures each, by the name of the way to call."""
        ways = self.prepare_batches(np.load(pixels)[:BATCH_SIZE])
        return {way: {"seconds": time_calls([call] * count, [call], budget_s)} for way, call in ways.items()}

    def do_describe(self, pixels: str, count: int) -> dict[str, Any]:
        return self.describe(np.load(pixels)[:count])


class OurContender(Contender):
    """An exported SavedModel, called by its signature `serve_pixels`."""

    def __init__(self, folder: str) -> None:
        from benchmarks.model.exported import load_predict

        self._folder = Path(folder)
        self._predict = load_predict(self._folder, BATCH_SIZE)

    def predict(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        return self._predict(pixels)

    def prepare_single(self, picture: Pixels) -> Call:
        return lambda: self._predict(picture[None])

    def prepare_batches(self, pixels: Pixels) -> dict[str, Call]:
        return {"serve_pixels": lambda: self._predict(pixels)}

    def describe(self, pixels: Pixels) -> dict[str, Any]:
        return {"bytes": _measure_folder(self._folder), "versions": _read_versions("tensorflow")}


class OurLightContender(Contender):
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
        return {"bytes": _measure_folder(self._folder), "versions": _read_versions("ai-edge-litert")}


class FerContender(Contender):
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
        colour = to_bgr(picture)
        return lambda: self._fer.detect_emotions(colour, face_rectangles=[_WHOLE_CROP])

    def prepare_batches(self, pixels: Pixels) -> dict[str, Call]:
        """`list` is fer's batch call, which takes no boxes: its detector is made to answer with the whole crop.

        `boxes` asks for all faces of one picture, a montage of the crops: the same classifier, fewer calls.
        """
        colours = [to_bgr(picture) for picture in pixels]
        montage, boxes = arrange(pixels)
        return {
            "list": lambda: self._fer_on_whole_crops.batch_detect_emotions(colours),
            "boxes": lambda: self._fer.detect_emotions(montage, face_rectangles=boxes),
        }

    def describe(self, pixels: Pixels) -> dict[str, Any]:
        import fer  # type: ignore[import-not-found]

        name = "emotion_model_quantized.tflite" if self._is_tflite else "emotion_model.hdf5"
        found = self._fer.batch_detect_emotions([to_bgr(picture) for picture in pixels])
        answers = [self.prepare_single(picture)() for picture in pixels]
        rounded = np.array([list(faces[0]["emotions"].values()) for faces in answers])  # type: ignore[index]
        return {
            "bytes": (Path(fer.__file__).parent / "data" / name).stat().st_size,
            "versions": _read_versions("fer", "tensorflow", "opencv-contrib-python"),
            "faces_found_by_its_batch_call": sum(map(len, found)),
            # At most 0.005 if `predict` does the same as the public call.
            "largest_difference_to_detect_emotions": float(np.abs(rounded - self.predict(pixels)).max()),
        }


def _prepare_for_fer(pixels: Pixels) -> npt.NDArray[np.float32]:
    """float32 (n, 64, 64) from -1 to 1, as `FER.detect_emotions` makes it."""
    import cv2  # type: ignore[import-not-found]

    resized = np.array([cv2.resize(picture, (64, 64)) for picture in pixels], dtype="float32")
    return np.asarray((resized / 255.0 - 0.5) * 2.0)


def to_bgr(picture: Pixels) -> Pixels:
    return np.repeat(picture[..., None], 3, axis=-1)


def arrange(pixels: Pixels) -> tuple[Pixels, list[tuple[int, int, int, int]]]:
    """Pictures in rows of eight, BGR, and the box (x, y, width, height) of each."""
    row_count = -(-len(pixels) // _MONTAGE_COLUMNS)
    montage = np.zeros((row_count * _SIZE_PX, _MONTAGE_COLUMNS * _SIZE_PX), np.uint8)
    boxes = [(n % _MONTAGE_COLUMNS * _SIZE_PX, n // _MONTAGE_COLUMNS * _SIZE_PX, _SIZE_PX, _SIZE_PX)
             for n in range(len(pixels))]  # fmt: skip
    for (x, y, width, height), picture in zip(boxes, pixels, strict=True):
        montage[y : y + height, x : x + width] = picture
    return to_bgr(montage), boxes


def _measure_folder(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _read_versions(*packages: str) -> dict[str, str]:
    return {package: version(package) for package in packages}


def time_calls(calls: list[Call], warm_up: list[Call], budget_s: float) -> list[float]:
    """Seconds of each call: of all, or of at least three once `budget_s` are used up."""
    for call in warm_up:
        call()
    seconds: list[float] = []
    for call in calls:
        if sum(seconds) > budget_s and len(seconds) >= _LEAST_CALL_COUNT:
            break
        started_s = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started_s)
    return seconds


BUILDERS: dict[str, Callable[[str], Contender]] = {
    "ours": OurContender,
    "ours-light": OurLightContender,
    "fer": lambda _: FerContender(is_tflite=True),
    "fer-keras": lambda _: FerContender(is_tflite=False),
}
"""By name: folder of our model or of its light form, which only ours read -> contender."""


def main(name: str, model: str, cores: str) -> None:
    """Serve requests until the input ends. What libraries print goes to standard error."""
    os.sched_setaffinity(0, json.loads(cores))  # before TensorFlow counts the cores
    answers, sys.stdout = sys.stdout, sys.stderr
    contender = BUILDERS[name](model)
    _answer(answers, {})
    for line in sys.stdin:
        request = json.loads(line)
        _answer(answers, getattr(contender, f"do_{request.pop('do')}")(**request))


def _answer(answers: IO[str], content: dict[str, Any]) -> None:
    print(json.dumps(content), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
