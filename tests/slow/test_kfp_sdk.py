"""The locked kfp SDK reads what TFX's compiler wrote; TFX 1.16 can't be beside it, so it gets a place of its own."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from golden_files import FILES, compile_example

READER = Path(__file__).with_name("kfp_reader.py")
LOCK = Path(__file__).parents[2] / "requirements/kfp.lock"


@pytest.fixture(scope="module")
def kfp_python(request) -> Path:
    """A Python with the SDK, made once in pytest's cache."""
    beside_venv = Path(sys.prefix).parent / ".build" / "uv" / "bin" / "uv"
    uv = str(beside_venv) if beside_venv.exists() else shutil.which("uv")
    if not uv:
        pytest.skip("no uv to make an environment for kfp's SDK with; `make setup` brings it")
    folder = request.config.cache.mkdir("kfp-sdk") / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    python, ready = folder / "bin" / "python", folder / ".ready"
    if not ready.exists():
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
        install = [uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", LOCK]
        done = subprocess.run(install, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"kfp's SDK can't be installed here: {done.stderr.strip().splitlines()[-1]}")
        ready.touch()
    return python


def test_kfp_sdk_reads_the_compiled_pipeline_with_its_parameters(kfp_python, tmp_path):
    file = tmp_path / FILES["kubeflow"].name
    file.write_text(compile_example("kubeflow"), "utf-8")
    done = subprocess.run([kfp_python, READER, file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout)
    assert read["name"] == "fer"
    assert read["inputs"]["trainer_epochs"] == ["Integer", 10]
    assert read["inputs"]["gate_min_accuracy"] == ["Float", 0.5]
    assert read["inputs"]["data_path"] == ["String", "gs://example/data/fer2013.csv"]
    assert len(read["inputs"]) == 18
