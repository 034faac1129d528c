"""The whole pipeline on other engines of Beam: the same rows, statistics and counts as in this process."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from same_data import find_differences, read_examples, read_statistics
from small_run import TINY_NETWORK
from workshop import PROJECT, Workshop, make_workshop

from benchmarks.harness.clusters import Cluster, find_ports, is_listening, run_flink, run_spark, wait_until
from configs.spec import BeamConfig
from fer_tfx.contract import PROBABILITIES_KEY
from pipeline.engines import require_engine
from pipeline.stack import read_release
from schema.drawn_faces import DrawnCsvs, write_drawn_csvs

# What is compared comes before the training and after it; the model only has to be one.
SHORT = {
    **TINY_NETWORK,
    "trainer__threads": "1", "trainer__precision": "float32", "data__part_bytes": "1000000",
    "gate__min_accuracy": "0", "gate__min_macro_f1": "0", "gate__max_ece": "1", "gate__max_latency_ratio": "1000",
}  # fmt: skip
LABELLED_SPLITS = ("train", "eval", "test")
PRISM_VERSION = "v2.77.0"
POM = PROJECT / "requirements" / "job_server" / "pom.xml"


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> DrawnCsvs:
    return write_drawn_csvs(
        tmp_path_factory.mktemp("faces"),
        train_count=600, eval_count=150, test_count=50, unlabelled_count=20, repeat_count=10, broken_count=5,
    )  # fmt: skip


def run_on(folder: Path, faces: DrawnCsvs, **beam: str) -> Workshop:
    workshop = make_workshop(folder)
    done = workshop.run(faces, **SHORT, **{f"beam__{key}": value for key, value in beam.items()})
    assert done.exit_code == 0, done.stdout + done.stderr
    return workshop


@pytest.fixture(scope="module")
def in_process(tmp_path_factory: pytest.TempPathFactory, faces: DrawnCsvs) -> Workshop:
    return run_on(tmp_path_factory.mktemp("in-process"), faces)


@pytest.fixture(scope="module")
def job_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of Beam's own job service, in a process apart."""
    port_file = tmp_path_factory.mktemp("job-service") / "port"
    module = "apache_beam.runners.portability.local_job_service_main"
    service = subprocess.Popen([sys.executable, "-m", module, "--port_file", str(port_file)], cwd=port_file.parent)
    try:
        while not port_file.exists():
            assert service.poll() is None, "the job service has ended"
            time.sleep(0.2)
        yield f"localhost:{port_file.read_text()}"
    finally:
        service.terminate()
        service.wait()


@pytest.fixture
def prism(request: pytest.FixtureRequest) -> Iterator[str]:
    """Address of Prism, Beam's runner in Go, which later Beams try first."""
    if read_release(version("apache-beam")) < (2, 77):
        pytest.skip(
            f"Prism {PRISM_VERSION} refuses workers of Beam {version('apache-beam')}: they send it no worker_id"
        )
    folder = request.config.cache.mkdir("prism")
    if not (folder / "prism").exists():
        if not shutil.which("go"):
            pytest.skip("no go: apt-get install golang-go")
        module = f"github.com/apache/beam/sdks/v2/go/cmd/prism@{PRISM_VERSION}"
        environment = {**os.environ, "GOBIN": str(folder)}
        done = subprocess.run(["go", "install", module], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"Go can't install Prism: {done.stderr.strip().splitlines()[-1]}")
    (port,) = find_ports(1)
    service = subprocess.Popen([folder / "prism", f"-job_port={port}", "-serve_http=false"])
    wait_until(lambda: is_listening(port))
    yield f"localhost:{port}"
    service.kill()
    service.wait()


def check_same(one: Workshop, other: Workshop) -> None:
    first, second = one.nodes(), other.nodes()
    for split in LABELLED_SPLITS:
        examples = [read_examples(nodes["FerExampleGen"], split) for nodes in (first, second)]
        assert examples[0]
        assert examples[0] == examples[1]
        statistics = [read_statistics(nodes["StatisticsGen"], split) for nodes in (first, second)]
        assert list(find_differences(*statistics)) == []
    assert read_account(first) == read_account(second)
    evaluations = [read_evaluation(nodes) for nodes in (first, second)]
    assert list(find_differences(*evaluations, error=1e-6)) == []
    predictions = [read_predictions(nodes) for nodes in (first, second)]
    assert list(predictions[0]) == list(predictions[1]) == list(range(20))
    np.testing.assert_allclose(*[list(each.values()) for each in predictions], rtol=0, atol=1e-6)


def read_account(nodes: dict[str, Any]) -> dict[str, Any]:
    return json.loads(Path(nodes["FerExampleGen"].outputs["quarantine"].uri, "ingestion.json").read_text())


def read_evaluation(nodes: dict[str, Any]) -> dict[str, Any]:
    """What the Evaluator has found, as the page of the run has it."""
    report = json.loads(Path(nodes["HtmlReport"].outputs["report"].uri, "report.json").read_text())
    return report["evaluation"]


def read_predictions(nodes: dict[str, Any]) -> dict[int, list[float]]:
    """The probabilities of each unlabelled row, by its number."""
    folder = Path(nodes["BulkInferrer"].outputs["output_examples"].uri, "Split-unlabelled")
    records = tf.data.TFRecordDataset([str(path) for path in folder.iterdir()], compression_type="GZIP")
    features = [tf.train.Example.FromString(record.numpy()).features.feature for record in records]
    found = {each["row"].int64_list.value[0]: list(each[PROBABILITIES_KEY].float_list.value) for each in features}
    return dict(sorted(found.items()))


def test_run_on_a_job_service_gives_what_a_run_in_this_process_gives(
    in_process: Workshop, faces: DrawnCsvs, job_service: str, tmp_path: Path
) -> None:
    check_same(in_process, run_on(tmp_path, faces, engine="portable", endpoint=job_service))


def test_run_on_two_processes_gives_what_a_run_in_this_process_gives(
    in_process: Workshop, faces: DrawnCsvs, tmp_path: Path
) -> None:
    check_same(in_process, run_on(tmp_path, faces, engine="local-parallel", workers="2"))


def test_run_on_prism_gives_what_a_run_in_this_process_gives(
    in_process: Workshop, faces: DrawnCsvs, prism: str, tmp_path: Path
) -> None:
    check_same(in_process, run_on(tmp_path, faces, engine="portable", endpoint=prism))


@pytest.fixture(scope="module")
def _job_servers() -> None:
    """Beam's job servers are where a run finds them; Maven makes what isn't."""
    if not shutil.which("java"):
        pytest.skip("no java: apt-get install openjdk-17-jre-headless")
    for engine in ("flink", "spark"):
        if require_engine(BeamConfig(engine=engine)).job_server_jar:
            continue
        if not shutil.which("mvn"):
            pytest.skip(f"no job server of {engine}, and no mvn to make one: apt-get install maven")
        command = ["mvn", "--quiet", "--batch-mode", "-f", str(POM), "package", "-P", engine]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"Maven can't make the job server of {engine}: {done.stdout.strip().splitlines()[0]}")


@pytest.mark.usefixtures("_job_servers")
@pytest.mark.parametrize("engine", ["flink", "spark"])
def test_run_within_a_job_server_gives_what_a_run_in_this_process_gives(
    in_process: Workshop, faces: DrawnCsvs, tmp_path: Path, engine: str
) -> None:
    check_same(in_process, run_on(tmp_path, faces, engine=engine))


@pytest.mark.usefixtures("_job_servers")
@pytest.mark.parametrize(
    ("engine", "run_cluster"), [("flink", run_flink), ("spark", run_spark)], ids=["flink", "spark"]
)
def test_run_on_a_cluster_of_two_workers_gives_what_a_run_in_this_process_gives(
    clusters_python: Path, in_process: Workshop, faces: DrawnCsvs, tmp_path: Path, engine: str, run_cluster: Any
) -> None:
    (folder := tmp_path / "cluster").mkdir()
    with run_cluster(clusters_python, folder) as cluster:
        run = run_on(tmp_path, faces, engine=engine, endpoint=cluster.endpoint)
        assert [worker.poll() for worker in cluster.workers] == [None, None]
    check_same(in_process, run)


@pytest.mark.usefixtures("_job_servers")
def test_run_that_loses_a_task_manager_of_flink_gives_what_a_run_in_this_process_gives(
    clusters_python: Path, in_process: Workshop, faces: DrawnCsvs, tmp_path: Path
) -> None:
    (folder := tmp_path / "cluster").mkdir()
    with run_flink(clusters_python, folder) as cluster:
        threading.Thread(target=kill_in_ingestion, args=(cluster, tmp_path), daemon=True).start()
        run = run_on(tmp_path, faces, engine="flink", endpoint=cluster.endpoint)
        assert [worker.poll() for worker in cluster.workers] == [-signal.SIGKILL, None]
    check_same(in_process, run)


def kill_in_ingestion(cluster: Cluster, folder: Path) -> None:
    """Kill a worker as soon as rows lie in ingestion's temporary folder."""
    wait_until(lambda: any(folder.glob("runs/fer/artifacts/FerExampleGen/quarantine/*/temporary/*.run")))
    cluster.workers[0].kill()
