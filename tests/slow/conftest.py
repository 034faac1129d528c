"""What the slow runs of the whole pipeline share, and what they need that can't be beside TFX."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small_run import write_small_csvs, write_tiny_csvs
from workshop import PROJECT, Workshop, make_workshop

from schema.drawn_faces import DrawnCsvs


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> DrawnCsvs:
    return write_small_csvs(tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> DrawnCsvs:
    """Too few faces to learn from."""
    return write_tiny_csvs(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return make_workshop(tmp_path_factory.mktemp("workshop"))


@pytest.fixture(scope="session")
def kfp_python(request: pytest.FixtureRequest) -> Path:
    """A Python with kfp's SDK."""
    return make_environment(request, "kfp")


@pytest.fixture(scope="session")
def fake_gcs_server(request: pytest.FixtureRequest) -> Path:
    """fsouza's server, a program for Linux on x86-64."""
    (program,) = make_environment(request, "gcs").parents[1].glob("lib/*/site-packages/**/fake-gcs-server-linux-amd64")
    return program


@pytest.fixture(scope="session")
def clusters_python(request: pytest.FixtureRequest) -> Path:
    """A Python that has Flink and Spark beside it."""
    return make_environment(request, "clusters")


@pytest.fixture(scope="session")
def rclone(request: pytest.FixtureRequest) -> Path:
    """A program that serves a folder by S3's API."""
    return make_environment(request, "rclone").with_name("rclone")


@pytest.fixture(scope="session")
def triton(request: pytest.FixtureRequest) -> Path:
    """The folder of Triton's server and its back ends, programs for Linux on x86-64."""
    (folder,) = make_environment(request, "triton").parents[1].glob("lib/*/site-packages/pytriton/tritonserver")
    return folder


def make_environment(request: pytest.FixtureRequest, lock: str) -> Path:
    """The Python of an environment with what `requirements/<lock>.lock` names, made once in pytest's cache."""
    beside_venv = Path(sys.prefix).parent / ".build" / "uv" / "bin" / "uv"
    uv = str(beside_venv) if beside_venv.exists() else shutil.which("uv")
    if not uv:
        pytest.skip("no uv to make an environment with; `make setup` brings it")
    file = PROJECT / "requirements" / f"{lock}.lock"
    folder = request.config.cache.mkdir(lock) / hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    python, ready = folder / "bin" / "python", folder / ".ready"
    if not ready.exists():
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
        install = [uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "--no-deps", "-r", file]
        done = subprocess.run(install, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"{file.name} can't be installed here: {done.stderr.strip().splitlines()[-1]}")
        ready.touch()
    return python
