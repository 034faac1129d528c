"""A contender's process, and the environment of fer, kept in `.build/peers`."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.harness.command import ROOT, tell
from benchmarks.harness.measure import measure_process
from fer_tfx.errors import DataError

_LOCK = Path(__file__).with_name("peers.lock")


def ask(name: str, python: Path, model: Path, cores: list[int], requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let a contender answer in a process of its own.

    Args:
        name: a key of `contenders.BUILDERS`.
        python: interpreter of its environment.
        model: folder of our SavedModel or of its light form.
        cores: numbers of the cores that it may use.
        requests: arguments of `contenders.answer`.

    Raises:
        BenchmarkError: the process failed.
    """
    with TemporaryDirectory(prefix="benchmark-") as folder:
        asked, answered = Path(folder, "requests.json"), Path(folder, "answers.json")
        asked.write_text(json.dumps(requests), "utf-8")
        arguments = [name, str(model), json.dumps(cores), str(asked), str(answered)]
        measure_process([str(python), "-m", "benchmarks.peer.contenders", *arguments])
        return list(json.loads(answered.read_text("utf-8")))


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
