"""Beam's own DataflowRunner submits the jobs of two containers of the compiled file to a double of Dataflow.

The double keeps each job. No worker starts, so no results are checked here.
"""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from bucket import Bucket
from loopback import ACCOUNT, IMAGE, TESTS, Containers, Loopback, locate, make_artifact

SPLITS = ("train", "eval", "test")
# Beam's list of the packages installed here, which Google reads; workers install nothing from it.
NOTE = "submission_environment_dependencies.txt"


def check_job(loopback: Loopback) -> None:
    """One job came, and it has everything that the settings say."""
    (sent,) = loopback.tell(jobs="")
    assert sent["path"] == "/v1b3/projects/faces/locations/europe-west4/jobs"
    job: dict[str, Any] = sent["job"]
    # TFX adds its own.
    assert {name: text for name, text in job["labels"].items() if not name.startswith("tfx_")} == {"team": "faces"}
    environment = job["environment"]
    assert environment["serviceAccountEmail"] == ACCOUNT
    assert "use_runner_v2" in environment["experiments"]
    (pool,) = environment["workerPools"]
    images = {each["containerImage"] for each in pool["sdkHarnessContainerImages"]}
    assert images | {pool["workerHarnessContainerImage"]} == {IMAGE}
    assert (pool["numWorkers"], pool["autoscalingSettings"]["maxNumWorkers"]) == (3, 7)
    assert pool["machineType"] == "n2-standard-4"
    options = environment["sdkPipelineOptions"]["options"]
    assert options["region"] == "europe-west4"
    assert options["temp_location"].startswith(locate("runs/fer/beam"))
    # The workers import what their image has: neither TFX packed again, nor anything pickled from `__main__`.
    staged = loopback.tell(objects="runs/fer/beam/")
    assert {name.rpartition("/")[2] for name in staged} <= {"pipeline.pb", NOTE, ""}
    assert {each["name"] for each in pool.get("packages", [])} <= {NOTE}
    assert staged[options["pipelineUrl"].removeprefix(locate(""))] > 1000


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        ("Traceback:\n  ...\nfer_tfx.errors.DataError: a.csv: no faces; give some", 2, "a.csv: no faces; give some"),
        ("Workflow failed. Causes: no quota.", 1, "DataflowRuntimeException: Dataflow pipeline failed. State: FAILED, "
         "Error: Workflow failed. Causes: no quota"),
    ],
)  # fmt: skip
def test_ingestion_is_sent_to_dataflow_and_its_failure_fails_the_container(
    bucket: Bucket, containers: Containers, error: str, code: int, said: str
) -> None:
    bucket.tell(jobs=error)
    done = containers.start("FerExampleGen")
    check_job(bucket)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (code, f"fer-tfx: {said}")


def test_statistics_are_sent_to_dataflow(loopback: Loopback, containers: Containers, tmp_path: Path) -> None:
    rows = tmp_path / "rows.gz"
    rows.write_bytes(gzip.compress(b""))
    for split in SPLITS:
        loopback.tell(write=f"made/examples/Split-{split}/rows-00000-of-00001.gz", path=str(rows))
    loopback.tell(write="made/schema/schema.pbtxt", path=str(TESTS.parent / "schema" / "schema.pbtxt"))
    form = {"payload_format": "FORMAT_TF_EXAMPLE", "file_format": "tfrecords_gzip"}
    examples = make_artifact(1, "examples", "tfx.Examples", split_names=json.dumps(SPLITS), **form)
    done = containers.start("StatisticsGen", examples=examples, schema=make_artifact(2, "schema", "tfx.Schema"))
    check_job(loopback)
    assert done.returncode == 0, done.stderr[-2000:]
