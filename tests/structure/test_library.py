"""The library alone, installed from its wheel as other people install it: what it adds, and beside what it works."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
BUILD = "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"
WHEEL_FILE = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
# Packages of the pipeline's names; whatever of fer_tfx imported them would fail.
OWN = ("components", "configs", "models", "pipeline", "reporting", "schema", "serving")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    shutil.copytree(ROOT / "fer_tfx", folder / "fer_tfx", ignore=ignore)
    subprocess.run([sys.executable, "-W", "ignore", "-c", BUILD, ".."], cwd=folder / "fer_tfx", check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that sees the locked packages of the tests, but neither of this repository's distributions."""
    venv = tmp_path_factory.mktemp("bare") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (packages,) = {path for path in sys.path if path.endswith("site-packages") and Path(path, "rich").is_dir()}
    site = find_site(venv)
    locked = site.parent / "locked"
    locked.mkdir()
    for path in Path(packages).iterdir():
        is_ours = path.name.startswith(("fer_tfx", "__editable__"))
        if not is_ours and path.suffix != ".pth":
            (locked / path.name).symlink_to(path)
    (site / "locked.pth").write_text(f"{locked}\n")
    return venv


@pytest.fixture(scope="module")
def environment(bare: Path, wheel: Path) -> Path:
    """The same with the library's wheel."""
    install(wheel, bare)
    return bare


def find_site(venv: Path) -> Path:
    (site,) = venv.glob("lib/python*/site-packages")
    return site


def install(wheel: Path, venv: Path) -> None:
    """By this environment's pip, without dependencies: they are there."""
    command = [sys.executable, "-m", "pip", "--python", venv, "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(command, check=True)


def run(venv: Path, folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {"PATH": f"{venv}/bin", "HOME": str(folder), **environment}
    program, *arguments = words
    return subprocess.run(
        [venv / "bin" / program, *arguments], cwd=folder, env=variables, capture_output=True, text=True, check=False
    )


def test_wheel_adds_one_top_level_name_and_the_command(environment):
    names = {path.name for path in find_site(environment).iterdir()} - {"locked.pth"}
    assert {name for name in names if not name.endswith(".dist-info")} == {"fer_tfx"}
    assert (environment / "bin" / "fer-tfx").is_file()


def test_package_exports_every_public_name_lazily(environment, tmp_path):
    code = (
        "import sys, fer_tfx; assert not {'numpy', 'PIL', 'typer'} & set(sys.modules); print(*fer_tfx.__all__);"
        " [getattr(fer_tfx, name) for name in fer_tfx.__all__]; assert 'tensorflow' not in sys.modules"
    )
    done = run(environment, tmp_path, "python", "-c", code)
    assert done.stderr == ""
    assert {"load", "predict", "Client", "Prediction", "FerError", "Model"} <= set(done.stdout.split())


def test_project_with_packages_of_the_same_names_can_predict_and_import(environment, tmp_path):
    for name in OWN:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('a package of the project')\n")
    Image.fromarray(np.full((48, 48), 90, np.uint8)).save(tmp_path / "face.png")
    done = run(environment, tmp_path, "fer-tfx", "predict", "face.png", PYTHONPATH=".")
    assert (done.returncode, done.stderr) == (0, "fer-tfx: answers average 4 views\n")
    assert done.stdout.startswith("face.png  ")
    done = run(environment, tmp_path, "python", "-c", "from fer_tfx import Client, predict", PYTHONPATH=".")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", ["run", "versions", "walk"])
def test_library_says_in_one_line_what_the_commands_of_the_pipeline_need(environment, tmp_path, command):
    done = run(environment, tmp_path, "fer-tfx", command)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"fer-tfx: No such command '{command}'; it may be one of the pipeline's, which need more: `make setup` in a"
        " checkout of fer-tfx installs everything; usage: fer-tfx [OPTIONS] COMMAND [ARGS]...; see `fer-tfx --help`\n"
    )


@pytest.mark.parametrize("is_first", [True, False], ids=["schema first", "fer-tfx first"])
def test_schema_of_pypi_works_beside_the_library_in_either_order(wheel, tmp_path, is_first):
    """A double in its place: PyPI's `schema` is one module and its metadata, without dependencies."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    foreign = tmp_path / "schema-0.7.7-py3-none-any.whl"
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("schema.py", "class Schema: pass\n")
        archive.writestr("schema-0.7.7.dist-info/METADATA", "Metadata-Version: 2.1\nName: schema\nVersion: 0.7.7\n")
        archive.writestr(
            "schema-0.7.7.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("schema-0.7.7.dist-info/RECORD", "")
    for each in (foreign, wheel) if is_first else (wheel, foreign):
        install(each, venv)
    code = "from schema import Schema; from fer_tfx import ConfigError, DataError; print(DataError.exit_code)"
    done = run(venv, tmp_path, "python", "-c", code)
    assert (done.stdout, done.stderr) == ("2\n", "")
    assert os.listdir(find_site(venv)).count("schema.py") == 1  # noqa: PTH208
