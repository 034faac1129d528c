"""Kubeflow's own driver and launcher execute a compiled file, task by task, where they are on PATH."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from forked import run_command
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from small_run import LENIENT_GATE, SETTINGS, TINY_NETWORK, write_tiny_csvs
from workshop import PROJECT

DRIVER, LAUNCHER = "driver", "launcher-v2"  # as their sources call them
STORE = Path("/minio")
MISSING = "missing.csv"
COMPLETE, FAILED = metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.FAILED


@pytest.fixture(scope="module")
def programs(rclone: Path) -> dict[str, str]:
    found = {"driver": shutil.which(DRIVER), "launcher": shutil.which(LAUNCHER), "rclone": str(rclone)}
    if missing := [name for name, path in found.items() if path is None]:
        pytest.skip(f"Kubeflow's {' and '.join(missing)} ({DRIVER}, {LAUNCHER}): not on PATH")
    if os.geteuid() or not (shutil.which("unshare") and shutil.which("openssl") and shutil.which("ip")):
        pytest.skip("a cluster of its own needs root, and unshare, openssl and ip")
    return {name: str(path) for name, path in found.items()}


class Executed:
    """What two runs left behind: one from the CSV to a pushed model, one whose CSV is missing."""

    def __init__(self, folder: Path, results: list[list[dict[str, Any]]]) -> None:
        self.objects, self.serving = folder / "objects", folder / "volume" / "runs" / "fer" / "serving"
        self.whole, self.refused = results
        sqlite = metadata_store_pb2.ConnectionConfig(sqlite={"filename_uri": str(folder / "metadata.sqlite")})
        self.metadata = MetadataStore(sqlite)

    def read_states(self, run: str) -> dict[str, int]:
        """The state of each task in ML Metadata."""
        (context,) = (each for each in self.metadata.get_contexts() if each.name == run)
        executions = self.metadata.get_executions_by_context(context.id)
        named = {each.custom_properties["task_name"].string_value: each.last_known_state for each in executions}
        return {name: state for name, state in named.items() if name}


@pytest.fixture(scope="module")
def executed(programs: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Executed:
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "volume").mkdir()
    faces = write_tiny_csvs(folder / "volume")
    settings = {
        **SETTINGS, **{key.replace("__", "."): value for key, value in (TINY_NETWORK | LENIENT_GATE).items()},
        "deploy.image": "registry.example/fer-tfx:1", "deploy.volume_claim": "faces",
        "deploy.volume_path": folder / "volume", "runtime.root": folder / "volume" / "runs",
        "data.path": faces.labelled_path, "data.unlabelled_path": faces.unlabelled_path, "deploy.retry_wait_s": 1,
    }  # fmt: skip
    spec = folder / "fer.yaml"
    options = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    done = run_command(("compile", "--target", "kubeflow", "--out", str(spec), *options), folder, os.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    runs = [{}, {"data_path": str(folder / MISSING)}]
    plan = {**programs, "spec": str(spec), "folder": str(folder), "runs": runs}
    (folder / "plan.json").write_text(json.dumps(plan))
    # In an image, `python` is the one that has this project.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    STORE.mkdir(exist_ok=True)
    try:
        words = ["unshare", "--mount", "--net", sys.executable, Path(__file__).with_name("cluster.py")]
        environment = {**os.environ, "PATH": path, "PYTHONPATH": str(PROJECT)}
        done = subprocess.run(
            [*words, folder / "plan.json"], env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
    finally:
        STORE.rmdir()
    return Executed(folder, json.loads(done.stdout))


def test_launcher_takes_a_compiled_file_from_the_csv_to_a_pushed_model(executed: Executed) -> None:
    assert {each["code"] for each in executed.whole} == {0}
    assert {"FerExampleGen", "DataGate", "Trainer", "Pusher"} <= {each["task"] for each in executed.whole}
    assert executed.read_states("run-0") == dict.fromkeys([each["task"] for each in executed.whole], COMPLETE)
    (version,) = (each for each in executed.serving.iterdir() if each.name.isdecimal())
    assert (version / "saved_model.pb").exists()


def test_launcher_stores_what_the_components_write(executed: Executed) -> None:
    stored = {path.relative_to(executed.objects).as_posix() for path in executed.objects.rglob("*") if path.is_file()}
    for task, file in (
        ("FerExampleGen", "examples/Split-train/data_tfrecord-00000.gz"),
        ("ImportSchemaGen", "schema/schema.pbtxt"),
        ("StatisticsGen", "statistics/Split-eval/FeatureStats.pb"),
        ("ExampleValidator", "anomalies/Split-eval/SchemaDiff.pb"),
        ("Trainer", "model/Format-Serving/saved_model.pb"),
    ):
        assert [each for each in stored if f"/run-0/{task}/" in each and each.endswith(file)], task
    types = {each.type for each in executed.metadata.get_artifacts()}
    assert {"tfx.Examples", "tfx.Schema", "tfx.ExampleStatistics", "tfx.ExampleAnomalies"} <= types


def test_launcher_passes_on_the_line_of_a_refusal_which_is_not_retried(executed: Executed) -> None:
    refused = executed.refused[-1]
    assert refused["task"] == "FerExampleGen"
    assert refused["code"]
    assert MISSING in refused["stdout"].strip().splitlines()[-1]
    assert "fer-tfx: attempt" not in refused["stdout"] + refused["stderr"]
    assert executed.read_states("run-1")["FerExampleGen"] == FAILED
