"""The Dockerfile's own install commands in a clean environment: 3 GB, so only when asked for.

python -m pytest tests/slow/test_image_install.py
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PIP_LINE = re.compile(r"^RUN (pip install .+)$", re.M)
CHECK = """
import importlib, pkgutil
from tfx import v1 as tfx
assert tfx.orchestration.experimental.KubeflowV2DagRunner
for package in ("components", "configs", "models", "reporting", "schema", "fer_tfx"):
    module = importlib.import_module(package)
    assert "site-packages" in module.__file__, module.__file__
    for found in pkgutil.walk_packages(module.__path__, f"{package}."):
        importlib.import_module(found.name)
import pipeline.graph, fer_tfx.cli
"""


@pytest.mark.skipif(
    sys.version_info < (3, 13), reason="the image has the current stack: Debian 13's Python installs it"
)
def test_dockerfile_install_commands_make_a_working_environment(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path], check=True)
    path = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "HOME": str(Path.home())}
    commands = PIP_LINE.findall((ROOT / "kubeflow/Dockerfile").read_text("utf-8"))
    assert len(commands) == 2
    for command in commands:
        # The cache of this machine stands in for the network where it can; the image has no use for one.
        subprocess.run(command.replace(" --no-cache-dir", ""), shell=True, check=True, cwd=ROOT, env=path)
    subprocess.run([f"{tmp_path}/bin/python", "-c", CHECK], check=True, cwd=tmp_path, env=path)
    done = subprocess.run([f"{tmp_path}/bin/fer-tfx", "--help"], check=True, capture_output=True, text=True, env=path)
    assert "Usage: fer-tfx" in done.stdout
