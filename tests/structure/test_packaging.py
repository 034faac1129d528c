"""A model put into models/shipped_model travels with the distribution, as setuptools itself builds it."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("components", "configs", "models", "pipeline", "reporting", "schema", "serving")
LIGHT = ("model.tflite", "calibration.json", "class_names.txt", "SHA256SUMS")
SHIPPED = {
    f"models/shipped_model/{name}"
    for name in (
        "saved_model.pb", "fingerprint.pb", "variables/variables.index", "variables/variables.data-00000-of-00001",
        "assets.extra/class_names.txt", "assets.extra/calibration.json", "MODEL_CARD.md", "LICENCE_NOTE.md",
        "SHA256SUMS",
    )
} | {f"models/light_model/{name}" for name in LIGHT}  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with files in the place of a shipped model."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder)
    for name in filter(lambda name: (ROOT / name).is_dir(), PACKAGES):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "shipped_model", "light_model")
        )
    for name in SHIPPED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name, "utf-8")
    return folder


def run_setup(project: Path, *words: str) -> str:
    command = [sys.executable, "-W", "ignore", "setup.py", *words]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def test_setup_build_holds_every_file_of_the_shipped_model_and_takes_it_for_no_package(project, tmp_path):
    said = run_setup(project, "build", "--build-base", str(tmp_path), "--build-lib", str(tmp_path / "lib"))
    built = {path.relative_to(tmp_path / "lib").as_posix() for path in (tmp_path / "lib").rglob("*") if path.is_file()}
    assert built >= SHIPPED
    assert {name.partition("/")[0] for name in built} <= set(PACKAGES)
    assert "pipeline/prediction/predictor.py" in built
    assert "would be ignored" not in said  # setuptools' word for data that it takes for a package


def test_setup_source_distribution_holds_every_file_of_the_shipped_model(project, tmp_path):
    run_setup(project, "sdist", "--formats", "tar", "--dist-dir", str(tmp_path))
    (archive,) = tmp_path.iterdir()
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert names >= SHIPPED
