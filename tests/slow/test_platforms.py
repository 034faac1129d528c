"""The library's requirements have wheels for platforms that this machine isn't: pip resolves and downloads them all."""

import subprocess
import sys
from pathlib import Path

import pytest
import tomllib

ROOT = Path(__file__).resolve().parents[2]
PLATFORMS = {
    "macos-arm64": ["macosx_12_0_arm64"],
    "windows": ["win_amd64"],
    # pip takes the tags as they are and derives no older ones.
    "linux-aarch64": [f"manylinux_2_{minor}_aarch64" for minor in (17, 27, 28)] + ["manylinux2014_aarch64"],
}


@pytest.mark.parametrize("python", ["3.10", "3.13"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_requirement_of_the_library_has_a_wheel_for(platform, python, tmp_path):
    project = tomllib.loads((ROOT / "fer_tfx/pyproject.toml").read_text("utf-8"))["project"]
    tags = [word for tag in PLATFORMS[platform] for word in ("--platform", tag)]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", *tags]
    command += ["--python-version", python, "--dest", str(tmp_path), *project["dependencies"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if any(word in done.stderr for word in ("NewConnectionError", "Could not fetch URL")):
        pytest.skip("PyPI can't be reached")
    assert done.returncode == 0, done.stderr
    names = {path.name.partition("-")[0] for path in tmp_path.iterdir()}
    assert {"ai_edge_litert", "numpy", "pillow"} <= names
