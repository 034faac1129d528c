"""The locked kfp SDK reads what TFX's compiler wrote; TFX 1.16 can't be beside it, so it gets a place of its own."""

import json
import subprocess
from pathlib import Path

from golden_files import FILES, compile_example

READER = Path(__file__).with_name("kfp_reader.py")


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
