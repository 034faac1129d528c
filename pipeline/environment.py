"""Virtual environments of their own, for programs whose libraries don't resolve beside TFX."""

import shutil
import subprocess
import sys
from pathlib import Path

from fer_tfx.errors import DataError

_OWN_UV = Path(__file__).parents[1] / ".build/uv/bin/uv"  # of `make setup`


def ensure_environment(folder: Path, lock: Path) -> Path:
    """The Python of a virtual environment in `folder` that holds what `lock` lists, and nothing else.

    Raises DataError: it can't be made.
    """
    uv = str(_OWN_UV) if _OWN_UV.exists() else shutil.which("uv")
    if not uv:
        raise DataError(f"{_OWN_UV}: no such program; run `make setup`, or `pip install uv`")
    print(f"Installing what {folder} lacks of {lock.name}", file=sys.stderr, flush=True)
    python = folder / "venv/bin/python"
    create = ("venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder / "venv"))
    sync = ("pip", "sync", "--quiet", "--python", str(python), "--require-hashes", "--compile-bytecode")
    for command in (create, (*sync, "--allow-empty-requirements", str(lock))):
        done = subprocess.run([uv, *command], capture_output=True, text=True, errors="replace", check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise DataError(f"uv {command[0]}: exit code {done.returncode}: {last}; check that PyPI is reachable")
    return python
