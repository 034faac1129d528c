"""The models that are compared, each called as its users call it.

`python -m benchmarks.peer.contenders NAME MODEL CORES REQUESTS ANSWERS` does what a JSON list of requests asks for and
writes the list of answers. fer's side runs in fer's environment: import only NumPy at the top.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from timeit import timeit
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Call = Callable[[], object]

BATCH_SIZE = 64
_SIZE_PX, _MONTAGE_COLUMNS = 48, 8
_WHOLE_CROP = (0, 0, _SIZE_PX, _SIZE_PX)
_WARM_UP_COUNT, _LEAST_CALL_COUNT = 20, 3


class Contender(NamedTuple):
    """One side. Pictures are uint8 (n, 48, 48)."""

    predict: Callable[[Pixels], npt.NDArray[np.float32]]  # probabilities (n, 7), not rounded
    prepare_single: Callable[[Pixels], Call]  # for one picture, uint8 (48, 48); what its caller has ready is untimed
    prepare_batches: Callable[[Pixels], dict[str, Call]]  # by name, the ways to ask for up to 64 pictures at once
    describe: Callable[[Pixels], dict[str, Any]]  # bytes on disk, versions, and what else explains the figures


def build_ours(folder: str) -> Contender:
    """An exported SavedModel, called by its signature `serve_pixels`."""
    from benchmarks.model.exported import load_predict

    predict = load_predict(Path(folder), BATCH_SIZE)
    return Contender(
        predict=predict,
        prepare_single=lambda picture: lambda: predict(picture[None]),
        prepare_batches=lambda pixels: {"serve_pixels": lambda: predict(pixels)},
        describe=lambda _: _describe_files(Path(folder).rglob("*"), "tensorflow"),
    )


def build_light(folder: str, views: int) -> Contender:
    """The light form of a model of ours, as `fer-tfx predict` calls it: one picture after the other."""
    from fer_tfx.light import LightModel

    predict = partial(LightModel(Path(folder)).predict_pixels, views=views)
    return Contender(
        predict=lambda pixels: np.array(
            [[*each.probabilities.values()] for each in predict(pixels[..., None])], np.float32
        ),
        prepare_single=lambda picture: lambda: predict(picture[None, ..., None]),
        prepare_batches=lambda pixels: {"predict_pixels": lambda: predict(pixels[..., None])},
        describe=lambda _: _describe_files(Path(folder).rglob("*"), "ai-edge-litert"),
    )


def build_fer(is_tflite: bool) -> Contender:
    """fer's classifier on a whole crop: no margin, the face's box given, so that no detector is at work."""
    import cv2  # type: ignore[import-not-found]
    import fer  # type: ignore[import-not-found]
    from fer.fer import FER  # type: ignore[import-not-found]

    class FerOnWholeCrops(FER):  # type: ignore[misc]
        def find_faces(self, *_: Any, **__: Any) -> list[Any]:
            return [_WHOLE_CROP]

    detector, cropped = (kind(offsets=(0, 0), use_tflite=is_tflite) for kind in (FER, FerOnWholeCrops))
    name = "emotion_model_quantized.tflite" if is_tflite else "emotion_model.hdf5"

    def predict(pixels: Pixels) -> npt.NDArray[np.float32]:
        """The steps of `detect_emotions` up to its classifier, without rounding to two decimals."""
        resized = np.array([cv2.resize(picture, (64, 64)) for picture in pixels], dtype="float32")
        scaled = (resized / 255.0 - 0.5) * 2.0
        batches = [scaled[start : start + BATCH_SIZE] for start in range(0, len(pixels), BATCH_SIZE)]
        return np.asarray(np.concatenate([detector._classify_emotions(batch) for batch in batches]), np.float32)

    def prepare_single(picture: Pixels) -> Call:
        return partial(detector.detect_emotions, to_bgr(picture), face_rectangles=[_WHOLE_CROP])

    def prepare_batches(pixels: Pixels) -> dict[str, Call]:
        """`list` is fer's batch call, and `boxes` asks for the faces of one picture, a montage of the crops."""
        colours = [to_bgr(picture) for picture in pixels]
        montage, boxes = arrange(pixels)
        ask_for_boxes = partial(detector.detect_emotions, montage, face_rectangles=boxes)
        return {"list": lambda: cropped.batch_detect_emotions(colours), "boxes": ask_for_boxes}

    def describe(pixels: Pixels) -> dict[str, Any]:
        found = detector.batch_detect_emotions([to_bgr(picture) for picture in pixels])
        answers = [prepare_single(picture)() for picture in pixels]
        rounded = np.array([list(faces[0]["emotions"].values()) for faces in answers])  # type: ignore[index]
        return {
            **_describe_files(
                [Path(fer.__file__).parent / "data" / name], "fer", "tensorflow", "opencv-contrib-python"
            ),
            "faces_found_by_its_batch_call": sum(map(len, found)),
            # At most 0.005 if `predict` does the same as the public call.
            "largest_difference_to_detect_emotions": float(np.abs(rounded - predict(pixels)).max()),
        }

    return Contender(predict, prepare_single, prepare_batches, describe)


def build_facex() -> Contender:
    """facex's classifier on a whole crop, without its detector, one picture after the other."""
    import facex  # type: ignore[import-not-found]
    from facex.core import EmotionClassifier  # type: ignore[import-not-found]

    path = Path(facex.__file__).parent / "assets" / "model_optimized.tflite"
    detect = EmotionClassifier(str(path)).detect_emotion
    names = ("anger", "disgust", "fear", "happy", "sadness", "surprised", "neutral")  # in our order

    def predict(pixels: Pixels) -> npt.NDArray[np.float32]:
        found = [detect(picture) for picture in pixels]
        return np.array([[each[name] for name in names] for each in found], np.float32)

    return Contender(
        predict=predict,
        prepare_single=lambda picture: lambda: predict(picture[None]),
        prepare_batches=lambda pixels: {"one by one": lambda: predict(pixels)},
        describe=lambda _: _describe_files([path], "facex", "tensorflow", "scikit-image"),
    )


def to_bgr(picture: Pixels) -> Pixels:
    return np.repeat(picture[..., None], 3, axis=-1)


def arrange(pixels: Pixels) -> tuple[Pixels, list[tuple[int, int, int, int]]]:
    """Pictures in rows of eight, BGR, and the box (x, y, width, height) of each."""
    filled = np.pad(pixels, ((0, -len(pixels) % _MONTAGE_COLUMNS), (0, 0), (0, 0)))
    rows = filled.reshape(-1, _MONTAGE_COLUMNS, _SIZE_PX, _SIZE_PX)
    montage = rows.swapaxes(1, 2).reshape(-1, _MONTAGE_COLUMNS * _SIZE_PX)
    places = (divmod(number, _MONTAGE_COLUMNS) for number in range(len(pixels)))
    return to_bgr(montage), [(_SIZE_PX * column, _SIZE_PX * row, _SIZE_PX, _SIZE_PX) for row, column in places]


def _describe_files(files: Iterable[Path], *packages: str) -> dict[str, Any]:
    size = sum(path.stat().st_size for path in files if path.is_file())
    return {"bytes": size, "versions": {package: version(package) for package in packages}}


def time_calls(calls: list[Call], warm_up: list[Call], budget_s: float) -> list[float]:
    """Seconds of each call: of all, or of at least three once `budget_s` are used up."""
    for call in warm_up:
        call()
    seconds: list[float] = []
    for call in calls:
        if sum(seconds) > budget_s and len(seconds) >= _LEAST_CALL_COUNT:
            break
        seconds.append(timeit(call, number=1))
    return seconds


BUILDERS: dict[str, Callable[[str], Contender]] = {
    "ours": build_ours,
    "ours-light": partial(build_light, views=1),
    "ours-light-4": partial(build_light, views=4),
    "accurate": partial(build_light, views=1),
    "accurate-4": partial(build_light, views=4),
    "fer": lambda _: build_fer(is_tflite=True),
    "fer-keras": lambda _: build_fer(is_tflite=False),
    "facex": lambda _: build_facex(),
}
"""By name: folder of our model or of its light form, which only ours read -> contender."""


def answer(contender: Contender, do: str, pixels: str, **request: Any) -> dict[str, Any]:
    """`predict` writes the probabilities of a file's pictures to `out`, and `describe` looks at the first `count`;
    `time_single` and, by way of calling, `time_batches` give the seconds of `count` calls, fewer after `budget_s`."""
    pictures = np.load(pixels)
    if do == "predict":
        np.save(request["out"], contender.predict(pictures))
        return {}
    count = request["count"]
    if do == "describe":
        return contender.describe(pictures[:count])
    if do == "time_single":
        calls = [contender.prepare_single(pictures[number % len(pictures)]) for number in range(count)]
        return {"seconds": time_calls(calls, calls[:_WARM_UP_COUNT], request["budget_s"])}
    ways = contender.prepare_batches(pictures[:BATCH_SIZE])
    return {way: {"seconds": time_calls([call] * count, [call], request["budget_s"])} for way, call in ways.items()}


def main(name: str, model: str, cores: str, requests: str, answers: str) -> None:
    os.sched_setaffinity(0, json.loads(cores))  # before TensorFlow counts the cores
    contender = BUILDERS[name](model)
    done = [answer(contender, **request) for request in json.loads(Path(requests).read_text("utf-8"))]
    Path(answers).write_text(json.dumps(done), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
