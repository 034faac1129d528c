"""This side of a contender's process."""

import json
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.measure import BenchmarkError

_ROOT = Path(__file__).resolve().parent.parent
_SHOWN_LOG_CHARS = 300
_QUIET = {"PYTHONWARNINGS": "ignore", "TF_CPP_MIN_LOG_LEVEL": "3"}


class ContenderProcess:
    """A contender in a process of its own, on given cores; ends with its `with` block.

    Args:
        name: a key of `contenders.BUILDERS`.
        python: interpreter of its environment.
        model: folder of our SavedModel.
        cores: numbers of the cores that it may use.
        folder: for its log and its answers.

    Raises:
        BenchmarkError: from any call, if the process ended.
    """

    def __init__(self, name: str, python: Path, model: str, cores: list[int], folder: Path) -> None:
        self.name = name
        self._folder = folder
        self._log = folder / f"{name}.log"
        command = [str(python), "-m", "benchmarks.peer_worker", name, model, json.dumps(cores)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=_ROOT, env={**os.environ, **_QUIET}, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip

    def __enter__(self) -> "ContenderProcess":
        self._read_answer()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error:
            self._process.kill()
        self._process.communicate()

    def predict(self, pixels: Path) -> npt.NDArray[np.float32]:
        """Probabilities (n, 7) of the pictures in a file of NumPy's, uint8 (n, 48, 48)."""
        out = self._folder / f"{self.name}-{pixels.name}"
        self.ask("predict", pixels=str(pixels), out=str(out))
        return np.asarray(np.load(out))

    def ask(self, task: str, **request: Any) -> dict[str, Any]:
        """Let the worker do one of its tasks and wait for the answer."""
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps({"do": task, **request}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended: reading tells
        return self._read_answer()

    def _read_answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            log = " ".join(self._log.read_text("utf-8", errors="replace").split())
            raise BenchmarkError(f"{self.name}: exit code {self._process.wait()}: ...{log[-_SHOWN_LOG_CHARS:]}")
        return dict(json.loads(line))
