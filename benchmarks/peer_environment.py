"""An environment of its own for the peer package, made once and kept under `.build/peers`."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from fer_tfx.errors import DataError

_ROOT = Path(__file__).resolve().parent.parent
_LOCK = Path(__file__).with_name("peers.lock")


def ensure_environment(folder: Path = _ROOT / ".build" / "peers", lock: Path = _LOCK) -> Path:
    """Install the locked packages into `folder/venv`, unless that was done with this very lock before.

    Args:
        folder: of the environment; about 3 GB.
        lock: requirements with hashes.

    Returns:
        Path of its Python.

    Raises:
        DataError: uv is missing, or the packages can't be installed.
    """
    python, stamp = folder / "venv/bin/python", folder / "installed.sha256"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text("ascii") == digest:
        return python
    print(f"Installing {lock.name} into {folder}", file=sys.stderr, flush=True)
    uv = _find_uv()
    stamp.unlink(missing_ok=True)
    shutil.rmtree(folder / "venv", ignore_errors=True)
    _run(uv, "venv", "--quiet", "--python", sys.executable, str(folder / "venv"))
    install = ["pip", "install", "--quiet", "--python", str(python), "--require-hashes", "--no-deps"]
    _run(uv, *install, "--compile-bytecode", "-r", str(lock))
    stamp.write_text(digest, "ascii")  # last, so that an interrupted set-up is begun again
    return python


def _find_uv() -> str:
    own = _ROOT / ".build/uv/bin/uv"
    found = str(own) if own.exists() else shutil.which("uv")
    if not found:
        raise DataError(f"{own}: no such program; run `make setup` first")
    return found


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise DataError(f"{command[0]} {command[1]}: exit code {done.returncode}: {last}; see that PyPI can be reached")
