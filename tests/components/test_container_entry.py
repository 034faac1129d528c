"""The container's entrypoint on messages of Kubeflow Pipelines 2, in processes as in a container.

The messages in recorded/ are of the shape that Kubeflow's backend writes: a log artifact of its own, inputs without
types, minio:// URIs, no driver before an ExampleGen. Folders of the test stand for the launcher's /minio.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from forked import Fork
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from reporting.ingestion import REPORT_FILE, IngestionReport
from schema.drawn_faces import write_drawn_csvs

PROJECT = Path(__file__).parents[2]
RECORDED = Path(__file__).parent / "recorded"


@dataclass(frozen=True)
class Container:
    """One recorded message, with `/minio`, `/tmp/kfp_outputs` and `/data` below `root`."""

    message: dict
    root: Path

    @classmethod
    def recorded(cls, name: str, root: Path) -> "Container":
        text = (RECORDED / f"kubeflow_{name}.json").read_text()
        for folder in ("/minio/", "/tmp/kfp_outputs/", "/data/"):
            text = text.replace(f'"{folder}', f'"{root}{folder}')
        container = cls(json.loads(text), root)
        # What the launcher does before it starts the container.
        for output in container.message["executor_input"]["outputs"]["artifacts"].values():
            container.find(output).parent.mkdir(parents=True, exist_ok=True)
        return container

    def find(self, held: dict) -> Path:
        return self.root / held["artifacts"][0]["uri"].replace("://", "/")

    def input(self, key: str) -> Path:
        folder = self.find(self.message["executor_input"]["inputs"]["artifacts"][key])
        folder.mkdir(parents=True)
        return folder

    def output(self, key: str) -> Path:
        return self.find(self.message["executor_input"]["outputs"]["artifacts"][key])

    def run(self, *options: str) -> subprocess.CompletedProcess:
        return self.start(*options).wait()

    def start(self, *options: str) -> Fork:
        words = [
            "--executor_class_path", self.message["executor_class_path"],
            "--json_serialized_invocation_args", json.dumps(self.message["executor_input"]),
            "--json_serialized_inputs_spec_args", json.dumps(self.message["inputs_spec"]),
            "--mount_root", str(self.root), *options,
        ]  # fmt: skip
        path = os.pathsep.join([str(PROJECT), str(Path(__file__).parent)])
        return Fork("pipeline.runners.container_entry", words, PROJECT, {**os.environ, "PYTHONPATH": path})

    def read_output(self) -> dict:
        return json.loads(Path(self.message["executor_input"]["outputs"]["outputFile"]).read_text())


def write_schema_and_statistics(container: Container) -> None:
    """Three examples, and nothing in them, where the schema asks for pixels and emotion."""
    (container.input("schema") / "schema.pbtxt").write_text((PROJECT / "schema" / "schema.pbtxt").read_text())
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    statistics.datasets.add(num_examples=3)
    split = container.input("statistics") / "Split-train"
    split.mkdir()
    (split / "FeatureStats.pb").write_bytes(statistics.SerializeToString())


def test_entry_example_validator_runs_on_untyped_inputs_of_an_object_store(tmp_path):
    container = Container.recorded("example_validator", tmp_path)
    write_schema_and_statistics(container)

    done = container.run()

    assert done.returncode == 0, done.stderr
    found = anomalies_pb2.Anomalies()
    found.ParseFromString((container.output("anomalies") / "Split-train" / "SchemaDiff.pb").read_bytes())
    assert {"pixels", "emotion"} <= set(found.anomaly_info)
    (anomalies,) = container.read_output()["artifacts"]["anomalies"]["artifacts"]
    given = container.message["executor_input"]["outputs"]["artifacts"]["anomalies"]["artifacts"][0]
    assert (anomalies["uri"], anomalies["name"]) == (given["uri"], "anomalies")
    assert anomalies["metadata"]["split_names"] == '["train"]'
    assert set(container.read_output()["artifacts"]) == {"anomalies"}


def test_entry_example_gen_finds_its_files_and_their_fingerprint_though_no_driver_ran(tmp_path):
    container = Container.recorded("fer_example_gen", tmp_path)
    drawn = write_drawn_csvs(
        tmp_path / "drawn", train_count=30, eval_count=7, test_count=7, repeat_count=2, broken_count=0
    )
    (tmp_path / "data").mkdir()
    drawn.labelled_path.rename(tmp_path / "data" / "fer2013.csv")

    done = container.run()

    assert done.returncode == 0, done.stderr
    report = IngestionReport.from_json((container.output("quarantine") / REPORT_FILE).read_text())
    assert report.rows_read == 30 + 7 + 7 + 2
    (examples,) = container.read_output()["artifacts"]["examples"]["artifacts"]
    assert json.loads(examples["metadata"]["split_names"]) == ["train", "eval", "test"]
    assert "fer2013.csv" not in examples["uri"]
    assert "total_bytes:" in examples["metadata"]["input_fingerprint"]


def test_entry_refusal_by_a_gate_is_the_last_line_and_the_exit_code(tmp_path):
    container = Container.recorded("data_gate", tmp_path)
    write_schema_and_statistics(container)
    container.input("anomalies")
    account = IngestionReport(read={"fer2013.csv": 0}, emitted={}, dropped={}, quarantined={})
    (container.input("quarantine") / REPORT_FILE).write_text(account.to_json())

    done = container.run()

    assert done.returncode == 3, done.stderr
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("fer-tfx: the data gate refused the examples: ")
    assert "previous_statistics" not in done.stderr
    assert not Path(container.message["executor_input"]["outputs"]["outputFile"]).exists()


def test_entry_unknown_executor_ends_with_its_error_as_the_last_line(tmp_path):
    container = Container.recorded("data_gate", tmp_path)
    container.message["executor_class_path"] = "tfx.components.nothing.Executor"
    done = container.run()
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "fer-tfx: ImportError: Could not import tfx.components.nothing.Executor"


@dataclass(frozen=True)
class Planned:
    """A container whose attempts do what a plan says, line by line."""

    container: Container

    @classmethod
    def of(cls, root: Path, *plan: str, **settings: object) -> "Planned":
        container = Container.recorded("example_validator", root)
        container.message["executor_class_path"] = "executor_double.Executor"
        (root / "plan").write_text("\n".join(plan))
        values = {"notes": str(root / "notes"), "plan": str(root / "plan"), "custom_config": json.dumps(settings)}
        container.message["executor_input"]["inputs"] = {"parameterValues": values}
        parameters = {name: {"parameterType": "STRING"} for name in values}
        container.message["inputs_spec"] = {"parameters": parameters}
        return cls(container)

    def run(self, retries: int = 2) -> tuple[int, list[str]]:
        """The exit code, and what all attempts noted."""
        done = self.container.run(f"--retries={retries}", "--retry_wait_s=0")
        assert done.stderr.splitlines()[-1].startswith("fer-tfx: ") or not done.returncode, done.stderr
        return done.returncode, self.notes()

    def notes(self) -> list[str]:
        path = self.container.root / "notes"
        return path.read_text().splitlines() if path.exists() else []


def test_entry_refusal_is_final(tmp_path):
    assert Planned.of(tmp_path, "config no", "succeed").run() == (2, ["begins with []"])


def test_entry_failure_is_tried_again_with_empty_outputs_until_it_is_over_or_refused(tmp_path):
    """The process of an attempt may also be killed."""
    found = Planned.of(tmp_path, "fail 503", "die", "gate no", "succeed").run(retries=3)
    assert found == (3, ["begins with []"] * 3)


def test_entry_trainings_with_the_same_checkpoints_work_one_after_the_other(tmp_path):
    """As of two runs of one pipeline at a time."""
    for name in "ab":
        (tmp_path / name).mkdir()
    plans = [Planned.of(tmp_path / name, "succeed 2", checkpoint_root=str(tmp_path / "checkpoints")) for name in "ab"]
    for plan in plans:
        values = plan.container.message["executor_input"]["inputs"]["parameterValues"]
        values["notes"] = str(tmp_path / "notes")
    running = [plan.container.start() for plan in plans]
    assert [each.wait().returncode for each in running] == [0, 0]
    assert (tmp_path / "notes").read_text().splitlines() == ["begins with []", "ends"] * 2
    assert list((tmp_path / "checkpoints-queue").iterdir()) == []


def test_entry_training_that_is_to_use_a_gpu_is_refused_where_tensorflow_finds_none(tmp_path):
    done = Planned.of(tmp_path, "succeed").container.run("--needs_gpu", "--retries=2")
    assert done.returncode == 2
    said = "fer-tfx: deploy.accelerator: cuda: TensorFlow finds no GPU in this container; build the image with"
    assert done.stderr.splitlines()[-1].startswith(said)
