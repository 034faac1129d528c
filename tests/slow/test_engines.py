"""The whole pipeline on other engines of Beam: the same rows, statistics and counts as in this process."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from same_data import find_differences, read_examples, read_statistics
from workshop import Workshop, make_workshop

from schema.drawn_faces import DrawnCsvs, write_drawn_csvs

# What is compared comes before the training and after it; the model only has to be one.
SHORT = {"trainer__epochs": "1", "gate__min_accuracy": "0", "gate__min_macro_f1": "0", "gate__max_ece": "1"}
LABELLED_SPLITS = ("train", "eval", "test")
JARS = Path("~/.apache_beam/cache/jars").expanduser()


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


def check_same(one: Workshop, other: Workshop) -> None:
    first, second = one.nodes(), other.nodes()
    for split in LABELLED_SPLITS:
        examples = [read_examples(nodes["FerExampleGen"], 7, split) for nodes in (first, second)]
        assert examples[0]
        assert examples[0] == examples[1]
        statistics = [read_statistics(nodes["StatisticsGen"], split) for nodes in (first, second)]
        assert list(find_differences(*statistics)) == []
    assert read_account(first) == read_account(second)
    assert read_evaluated_rows(first) == read_evaluated_rows(second)
    assert read_predicted_rows(first) == read_predicted_rows(second) == list(range(20))


def read_account(nodes: dict[str, Any]) -> dict[str, Any]:
    return json.loads(Path(nodes["FerExampleGen"].outputs["quarantine"].uri, "ingestion.json").read_text())


def read_evaluated_rows(nodes: dict[str, Any]) -> list[int]:
    """Rows of each class that the Evaluator has counted."""
    report = json.loads(Path(nodes["HtmlReport"].outputs["report"].uri, "report.json").read_text())
    return [each["recall"]["count"] for each in report["evaluation"]["classes"]]


def read_predicted_rows(nodes: dict[str, Any]) -> list[int]:
    folder = Path(nodes["BulkInferrer"].outputs["output_examples"].uri, "Split-unlabelled")
    records = tf.data.TFRecordDataset([str(path) for path in folder.iterdir()], compression_type="GZIP")
    features = [tf.train.Example.FromString(record.numpy()).features.feature for record in records]
    return sorted(each["row"].int64_list.value[0] for each in features)


def test_run_on_a_job_service_gives_what_a_run_in_this_process_gives(
    in_process: Workshop, faces: DrawnCsvs, job_service: str, tmp_path: Path
) -> None:
    check_same(in_process, run_on(tmp_path, faces, engine="portable", endpoint=job_service))


def test_run_on_two_processes_gives_what_a_run_in_this_process_gives(
    in_process: Workshop, faces: DrawnCsvs, tmp_path: Path
) -> None:
    check_same(in_process, run_on(tmp_path, faces, engine="local-parallel", workers="2"))


@pytest.mark.parametrize("engine", ["flink", "spark"])
def test_run_on_a_cluster_within_this_machine_gives_what_a_run_in_this_process_gives(
    faces: DrawnCsvs, tmp_path: Path, engine: str, request: pytest.FixtureRequest
) -> None:
    jars = sorted(JARS.glob(f"beam-runners-{engine}-*job-server-*.jar"))
    if not jars or shutil.which("java") is None:
        pytest.skip(f"not run: no java, or no job-server jar of {engine} in {JARS}")
    in_process = request.getfixturevalue("in_process")
    check_same(in_process, run_on(tmp_path, faces, engine=engine, job_server_jar=str(jars[-1])))
