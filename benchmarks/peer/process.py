"""A contender's process, and the environment of fer, made once and kept in `.build/peers`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness.command import ROOT, tell
from benchmarks.harness.measure import QUIET, BenchmarkError
from fer_tfx.errors import DataError

_LOCK = Path(__file__).with_name("peers.lock")
_SHOWN_LOG_CHARS = 300


class ContenderProcess:
    """A contender in a process of its own, on the cores listed; ends with its `with` block.

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
        command = [str(python), "-m", "benchmarks.peer.contenders", name, model, json.dumps(cores)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **QUIET}, text=True,
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
        """Send a request, the arguments of `Contender.do_<task>`, and wait for the answer."""
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


def ensure_environment(folder: Path = ROOT / ".build" / "peers", lock: Path = _LOCK) -> Path:
    """Make `folder`, a virtual environment of about 3 GB, hold what `lock`, requirements with hashes, lists.

    Returns:
        Path of its Python.

    Raises:
        DataError: uv is missing, or the packages can't be installed.
    """
    own = ROOT / ".build/uv/bin/uv"
    uv = str(own) if own.exists() else shutil.which("uv")
    if not uv:
        raise DataError(f"{own}: no such program; run `make setup` first")
    tell(f"Installing what {folder} lacks of {lock.name}")
    python = folder / "venv/bin/python"
    for command in (
        ("venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder / "venv")),
        ("pip", "sync", "--quiet", "--python", str(python), "--require-hashes", "--compile-bytecode",
         "--allow-empty-requirements", str(lock)),
    ):  # fmt: skip
        done = subprocess.run([uv, *command], capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise DataError(f"uv {command[0]}: exit code {done.returncode}: {last}; check that PyPI is reachable")
    return python
