"""What is sent to a cluster, checked before anything is sent; and `fer-tfx submit --dry-run`, which says it."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from compiled_files import PLATFORM, SPEC, write_kubeflow, write_vertex
from golden_files import compile_example

from fer_tfx.cli import main
from fer_tfx.errors import ConfigError, DataError
from pipeline.runners.submission import build_request

GOLDEN = Path(__file__).parents[2] / "golden"
GOLDEN_FILES = {"vertex": GOLDEN / "vertex.json", "kubeflow": GOLDEN / "kubeflow.yaml"}
VERTEX_WISHES = {"project": "p", "location": "europe-west4", "overrides": ["data_path=gs://bucket/fer.csv"]}
KUBEFLOW_WISHES = {"host": "http://localhost:8080", "overrides": ["data_path=gs://bucket/fer.csv"]}


def test_build_request_vertex_takes_root_labels_and_values_from_the_file(tmp_path):
    path = write_vertex(tmp_path)
    request = build_request("vertex", path, **VERTEX_WISHES, labels=["team=faces"])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert request.sha256 == digest
    assert request.display_name == f"fer-{digest[:8]}"
    assert request.place == {"project": "p", "location": "europe-west4"}
    assert request.pipeline_root == "gs://bucket/runs"
    assert request.labels == {"code": "0abc", "team": "faces", "fer-tfx-spec": digest[:16]}
    assert request.parameters == {"data_path": "gs://bucket/fer.csv", "trainer_epochs": 7}


def test_build_request_kubeflow_takes_the_root_of_the_spec_and_both_documents(tmp_path):
    request = build_request("kubeflow", write_kubeflow(tmp_path), **KUBEFLOW_WISHES, experiment="e1")
    assert request.place == {"host": "http://localhost:8080", "experiment": "e1"}
    assert (request.pipeline_root, request.documents) == ("gs://bucket/runs", [SPEC, PLATFORM])
    assert request.parameters["trainer_epochs"] == 10


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("runtime_root", "s3://b/runs", "runtime.root: expected a local path or gs://BUCKET/PATH, which can be opened"),
        ("data_path", "nonsense://x", "data.path: expected a local path or gs://BUCKET/PATH, which can be opened"),
        (
            "data_path",
            "/home/me/fer.csv",
            "--param data_path: /home/me/fer.csv: a cluster can't reach this machine's files",
        ),
        ("runtime_root", "", "--param runtime_root: expected a place, got nothing; is a variable unset?"),
        ("runtime_serving_path", "", "--param runtime_serving_path: expected a place, got nothing"),
        ("data_path", "", "--param data_path: expected a place, got nothing"),
        ("data_path", 'gs://b/a"b', "--param data_path: expected text without quotes, backslashes and line breaks"),
        ("trainer_epochs", "0", "trainer.epochs: expected at least 1, got 0"),
        ("gate_max_ece", "1.5", "gate.max_ece: expected at most 1, got 1.5"),
    ],
)
@pytest.mark.parametrize("target", ["vertex", "kubeflow"])
def test_build_request_value_that_its_setting_cannot_take_is_refused(target, name, value, words):
    wishes = VERTEX_WISHES if target == "vertex" else KUBEFLOW_WISHES
    overrides = [*wishes["overrides"], f"{name}={value}"]
    with pytest.raises(ConfigError) as refusal:
        build_request(target, GOLDEN_FILES[target], **{**wishes, "overrides": overrides})
    assert str(refusal.value).startswith(words)


@pytest.mark.parametrize("root", ["s3://b/runs", "minio://mlpipeline/v2", "gs://b/runs"])
def test_build_request_kubeflow_keeps_artifacts_where_its_launcher_can(tmp_path, root):
    request = build_request("kubeflow", write_kubeflow(tmp_path), **KUBEFLOW_WISHES, pipeline_root=root)
    assert request.pipeline_root == root


@pytest.mark.parametrize("root", ["/runs", "nonsense://b/runs", "gs://", "s3:///runs"])
def test_build_request_kubeflow_root_that_its_launcher_has_no_store_for_is_refused(tmp_path, root):
    with pytest.raises(ConfigError, match=r"pipeline root '.*' is not a bucket \(gs://, s3://, minio://\); give"):
        build_request("kubeflow", write_kubeflow(tmp_path), **KUBEFLOW_WISHES, pipeline_root=root)


def test_build_request_service_account_reaches_every_job_of_the_pipeline_too():
    request = build_request("vertex", GOLDEN_FILES["vertex"], **VERTEX_WISHES, service_account="a@p.test")
    assert (request.service_account, request.parameters["deploy_service_account"]) == ("a@p.test", "a@p.test")
    overrides = [*VERTEX_WISHES["overrides"], "deploy_service_account=jobs@p.test"]
    request = build_request("vertex", GOLDEN_FILES["vertex"], **{**VERTEX_WISHES, "overrides": overrides})
    assert (request.service_account, request.parameters["deploy_service_account"]) == ("jobs@p.test",) * 2
    request = build_request("vertex", GOLDEN_FILES["vertex"], **VERTEX_WISHES)
    assert (request.service_account, request.parameters["deploy_service_account"]) == ("", "")


@pytest.mark.parametrize(
    ("target", "name", "wishes"),
    [("vertex", "vertex.json", VERTEX_WISHES), ("kubeflow", "kubeflow.yaml", KUBEFLOW_WISHES)],
)
def test_build_request_pipeline_of_this_project_takes_its_own_parameters(target, name, wishes):
    overrides = [*wishes["overrides"], "trainer_epochs=3", "gate_min_accuracy=0.6"]
    request = build_request(target, GOLDEN / name, **{**wishes, "overrides": overrides})
    assert (request.parameters["trainer_epochs"], request.parameters["gate_min_accuracy"]) == (3, 0.6)
    assert request.parameters["data_path"] == "gs://bucket/fer.csv"


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"project": ""}, "--project: vertex needs it; give --project PROJECT"),
        ({"labels": ["Team=x"]}, "--label Team=x: expected key=value of lower-case letters"),
        ({"cron": "daily"}, "--cron 'daily': expected five fields"),
        (
            {"pipeline_root": "/tmp/runs"},
            "pipeline root '/tmp/runs' is not a bucket (gs://); give --pipeline-root gs://",
        ),
        ({"pipeline_root": "s3://bucket/runs"}, "pipeline root 's3://bucket/runs' is not a bucket (gs://); give"),
        (
            {"overrides": ["data_pth=a"]},
            "--param data_pth: the pipeline has no such parameter; did you mean 'data_path'?",
        ),
    ],
)
def test_build_request_wish_that_cannot_be_granted_is_refused(tmp_path, wishes, message):
    with pytest.raises(ConfigError) as refusal:
        build_request("vertex", write_vertex(tmp_path), **{**VERTEX_WISHES, **wishes})
    assert message in str(refusal.value)


def test_build_request_values_that_only_together_break_a_rule_are_refused(tmp_path):
    path = tmp_path / "fer.yaml"
    path.write_text(compile_example("kubeflow", "ensemble.members=[{trainer.seed: 2}]"))
    message = "^--param: ensemble.members: expected settings that differ from each other and from the first network's"
    with pytest.raises(ConfigError, match=message):
        build_request("kubeflow", path, **{**KUBEFLOW_WISHES, "overrides": ["trainer_seed=2"]})
    request = build_request("kubeflow", path, **{**KUBEFLOW_WISHES, "overrides": ["trainer_seed=3"]})
    assert request.parameters["trainer_seed"] == 3


@pytest.mark.parametrize("name", ["pipeline", "code", "fer-tfx-spec"])
def test_build_request_label_that_every_run_has_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match=rf"^--label {name}=x: every run has a label of this name already; choose"):
        build_request("kubeflow", write_kubeflow(tmp_path), **KUBEFLOW_WISHES, labels=[f"{name}=x"])


def test_build_request_file_of_the_other_target_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"is for Kubeflow; compile again with `fer-tfx compile --target vertex`"):
        build_request("vertex", write_kubeflow(tmp_path), **VERTEX_WISHES)
    with pytest.raises(ConfigError, match=r"is for Vertex AI; compile again with `fer-tfx compile --target kubeflow`"):
        build_request("kubeflow", write_vertex(tmp_path), **KUBEFLOW_WISHES)


@pytest.mark.parametrize(
    "text",
    [
        "a: 1",
        "[1, 2]",
        "pipelineInfo: {name: a}",
        "pipelineInfo: {name: a}\nroot: {dag: {tasks: [a, b]}}",
        "pipelineInfo: [a]\nroot: {dag: {tasks: {}}}",
        "pipelineInfo: {name: a}\nroot: {dag: {tasks: {b: [c]}}}",
        "pipelineInfo: {name: a}\nroot: {dag: {tasks: null}}",
        "pipelineSpec: text",
    ],
)
def test_build_request_other_file_is_refused(tmp_path, text):
    (tmp_path / "notes.yaml").write_text(text)
    with pytest.raises(DataError, match="not a compiled pipeline"):
        build_request("kubeflow", tmp_path / "notes.yaml", **KUBEFLOW_WISHES)


def test_submit_dry_run_prints_the_request_and_sends_nothing(tmp_path: Path, capsys: Any) -> None:
    path = write_kubeflow(tmp_path)
    code = main(
        ["submit", str(path), "--target", "kubeflow", "--host", "http://127.0.0.1:9", "--dry-run",
         "--param", "data_path=gs://bucket/fer.csv", "--cron", "0 3 * * 1", "--service-account", "runner"]
    )  # fmt: skip
    printed = yaml.safe_load(capsys.readouterr().out)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert code == 0
    assert printed == {
        "target": "kubeflow", "pipeline": "fer", "file": str(path), "sha256": digest,
        "place": {"host": "http://127.0.0.1:9"}, "pipeline_root": "gs://bucket/runs", "service_account": "runner",
        "cron": "0 3 * * 1", "labels": {"fer-tfx-spec": digest[:16]},
        "parameters": {"data_path": "gs://bucket/fer.csv", "trainer_epochs": 10},
    }  # fmt: skip


def test_submit_unknown_parameter_ends_with_2_and_one_line(tmp_path: Path, capsys: Any) -> None:
    path = write_kubeflow(tmp_path)
    arguments = ["submit", str(path), "--target", "kubeflow", "--host", "http://a", "--param", "trainer_epoch=3"]
    assert main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1
