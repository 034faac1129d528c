"""A model in its light form: LiteRT in this process, a quarter of a second from a cold start to the answer."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import LifoQueue
from typing import Any

import numpy as np

from fer_tfx.contract import IMAGE_SHAPE, LIGHT_MODEL_FILE
from fer_tfx.errors import ConfigError, DataError
from fer_tfx.local_model import Facts, Floats, LocalModel
from fer_tfx.views import Pixels


class LightModel(LocalModel):
    """A converted model. `folder` has `calibration.json`, `class_names.txt` and `model.tflite`: uint8 (1, 48, 48, 1) ->
    probabilities, float32 (1, classes), and what the last layer sees, float32 (views, d), which forms of earlier
    versions don't tell.

    It takes one picture at a time: batches gain nothing in LiteRT on a CPU. An interpreter serves one thread at a time,
    so there are as many as the processor has cores for their `threads`. Raises DataError, which ends with `remedy`, if
    it can't be loaded or doesn't answer.
    """

    batch_size = 1

    def __init__(self, folder: Path, threads: int = 2, remedy: str = "export or copy the model again") -> None:
        self._path, self._threads = folder / LIGHT_MODEL_FILE, threads
        self._interpreters: LifoQueue[Any] = LifoQueue()
        for _ in range((os.cpu_count() or 1) // threads - 1):
            self._interpreters.put(None)  # opened when it is needed
        try:
            interpreter = self._open_interpreter()
            self._interpreters.put(interpreter)
            (self._input,) = (each["index"] for each in interpreter.get_input_details())
            interpreter.set_tensor(self._input, np.zeros((1, *IMAGE_SHAPE), np.uint8))
            interpreter.invoke()  # which is where missing weights show
        except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
            found = next(iter(str(error).splitlines()), type(error).__name__)
            raise DataError(f"{folder}: the light model can't be loaded ({found}); {remedy}") from error
        (self._probabilities, class_count), *self._features = (
            (each["index"], each["shape"][-1]) for each in interpreter.get_output_details()
        )
        super().__init__(folder, Facts.read(folder), class_count)

    def compute_probabilities(self, pixels: Pixels) -> Floats:
        answers = self._run(pixels, self._probabilities)
        return np.concatenate(answers) if answers else np.zeros((0, len(self.class_names)), np.float32)

    def embed_pixels(self, pixels: Pixels) -> Floats:
        if not self._features:
            raise ConfigError(f"{self.name}: the model doesn't tell its features; export it again by `fer-tfx run`")
        ((output, width),) = self._features
        means = [each.mean(axis=0) for each in self._run(pixels, output)]  # over the views that it averages
        return np.array(means, np.float32).reshape(len(pixels), width)

    def _run(self, pixels: Pixels, output: int) -> list[Floats]:
        """One output for each picture."""
        answers = []
        for picture in pixels:
            with self._borrow_interpreter() as interpreter:
                interpreter.set_tensor(self._input, picture[np.newaxis])
                interpreter.invoke()
                answers.append(interpreter.get_tensor(output))
        return answers

    @contextmanager
    def _borrow_interpreter(self) -> Iterator[Any]:
        interpreter = self._interpreters.get()
        try:
            interpreter = interpreter or self._open_interpreter()
            yield interpreter
        finally:
            self._interpreters.put(interpreter)

    def _open_interpreter(self) -> Any:
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_path=str(self._path), num_threads=self._threads)
        interpreter.allocate_tensors()
        return interpreter
