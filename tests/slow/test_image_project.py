"""kubeflow/Dockerfile installs the project byte-compiled, with the commands that steps start."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dockerfile import PACKAGES, ROOT, read_stages


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment in which the Dockerfile has installed the project; the locked packages are those of the tests."""
    folder = tmp_path_factory.mktemp("image")
    context, venv = folder / "context", folder / "venv"
    context.mkdir()
    (_, build, _) = read_stages()
    for source in map(ROOT.__truediv__, build.copied()):
        ignore = shutil.ignore_patterns("__pycache__")
        (
            shutil.copytree(source, context / source.name, ignore=ignore)
            if source.is_dir()
            else shutil.copy(source, context)
        )
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    # Python below 3.12 puts its own in, which would hide the locked one.
    subprocess.run([venv / "bin" / "pip", "uninstall", "--quiet", "--yes", "setuptools"], check=True)
    (site,) = venv.glob("lib/python*/site-packages")
    (packages,) = {path for path in sys.path if path.endswith("site-packages") and Path(path, "tfx").is_dir()}
    (site / "locked.pth").write_text(f"{packages}\n")
    (command,) = [each for each in build.find("RUN") if each.startswith("pip") and each.endswith(" .")]
    subprocess.run(command, shell=True, check=True, cwd=context, env={"PATH": f"{venv}/bin:/usr/bin:/bin"})
    return venv


@pytest.mark.parametrize("package", PACKAGES)
def test_dockerfile_installs_every_package_byte_compiled(environment, package):
    (site,) = environment.glob("lib/python*/site-packages")
    built_by = ROOT / "fer_tfx" / "setup.py"
    sources = [path.relative_to(ROOT) for path in (ROOT / package).rglob("*.py") if path != built_by]
    assert sources
    for source in sources:
        assert (site / source).is_file()
        assert list((site / source.parent / "__pycache__").glob(f"{source.stem}.cpython-*.pyc")), source


@pytest.mark.parametrize(
    "command", [["fer-tfx", "--help"], ["python", "-m", "pipeline.runners.container_entry", "--help"]], ids=str
)
def test_dockerfile_installs_the_commands_that_steps_start(environment, tmp_path, command):
    done = subprocess.run(
        [environment / "bin" / command[0], *command[1:]], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "usage: " in done.stdout.lower()
