"""What Kubeflow passes to a container, against what TFX's entrypoint can take, and what goes back to the backend."""

import json
from pathlib import Path
from typing import Any

import pytest

from fer_tfx.errors import ConfigError, GateError
from pipeline.runners.compiled import find_title
from pipeline.runners.container_entry import _find_refusal, adapt, restore_file, take_driver_output, to_local

ABSENT = "is_absent"
MODEL = {"instanceSchema": "title: tfx.Model\ntype: object\n"}
SPEC = {"artifacts": {"model": {"artifactType": MODEL}, "baseline_model": {"artifactType": MODEL}}}


def make_input(**artifacts: dict[str, Any]) -> dict[str, Any]:
    return {
        "inputs": {"artifacts": {key: {"artifacts": [each]} for key, each in artifacts.items()}},
        "outputs": {"artifacts": {}, "outputFile": "/x/output_metadata.json"},
    }


def adapt_here(message: dict[str, Any], mount_root: Path = Path("/")) -> dict[str, Any]:
    known = {"tfx.Model", "components.Report"}
    return adapt(message, SPEC, mount_root, known.__contains__, ABSENT)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"instanceSchema": ""},
        {"schemaTitle": ""},
        {"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"},  # kfp.local 2.17
        {"schemaTitle": "system.Model"},
        {"instanceSchema": "title: system.Artifact\ntype: object\n"},
    ],
)
def test_adapt_input_without_type_or_with_a_general_one_gets_the_declared_one(given):
    adapted = adapt_here(make_input(model={"name": "7", "uri": "gs://b/m", "type": given}))
    assert adapted["inputs"]["artifacts"]["model"]["artifacts"] == [{"name": "7", "uri": "gs://b/m", "type": MODEL}]


def test_adapt_undeclared_input_of_a_general_type_is_left_out():
    message = make_input(
        model={"uri": "gs://b/m"}, other={"uri": "gs://b/o", "type": {"schemaTitle": "system.Artifact"}}
    )
    assert list(adapt_here(message)["inputs"]["artifacts"]) == ["model"]


def test_adapt_input_with_type_keeps_it():
    own = {"schemaTitle": "components.Report"}
    adapted = adapt_here(make_input(model={"uri": "gs://b/m", "type": own}))
    assert adapted["inputs"]["artifacts"]["model"]["artifacts"][0]["type"] == own


@pytest.mark.parametrize("mark", [1, 1.0, True])
def test_adapt_input_marked_absent_is_left_out(mark):
    present = {"uri": "gs://b/m", "type": MODEL, "metadata": {ABSENT: 0.0}}
    adapted = adapt_here(make_input(model=present, baseline_model={"uri": "gs://b/n", "metadata": {ABSENT: mark}}))
    assert list(adapted["inputs"]["artifacts"]) == ["model"]


def test_adapt_input_without_any_artifact_is_left_out():
    message = make_input(model={"uri": "gs://b/m"})
    message["inputs"]["artifacts"]["baseline_model"] = {}
    assert list(adapt_here(message)["inputs"]["artifacts"]) == ["model"]


def test_adapt_output_of_unknown_type_is_left_out():
    message = make_input()
    message["outputs"]["artifacts"] = {
        "executor-logs": {"artifacts": [{"uri": "minio://b/l", "type": {"schemaTitle": "system.Artifact"}}]},
        "model": {"artifacts": [{"uri": "minio://b/m", "type": MODEL}]},
    }
    assert list(adapt_here(message)["outputs"]["artifacts"]) == ["model"]


def test_adapt_uri_of_a_mounted_store_becomes_a_path_for_inputs_and_outputs(tmp_path):
    (tmp_path / "minio").mkdir()
    message = make_input(model={"uri": "minio://bucket/a/model", "type": MODEL})
    message["outputs"]["artifacts"] = {"model": {"artifacts": [{"uri": "minio://bucket/b/model", "type": MODEL}]}}
    adapted = adapt_here(message, tmp_path)
    assert adapted["inputs"]["artifacts"]["model"]["artifacts"][0]["uri"] == f"{tmp_path}/minio/bucket/a/model"
    assert adapted["outputs"]["artifacts"]["model"]["artifacts"][0]["uri"] == f"{tmp_path}/minio/bucket/b/model"


def test_adapt_placeholder_within_a_parameter_is_filled_in():
    message = make_input()
    message["inputs"]["parameterValues"] = {
        "trainer_epochs": 8.0,
        "custom_config": "{\"epochs\": {{$.inputs.parameters['trainer_epochs']}}}",
        "flag": True,
    }
    values = adapt_here(message)["inputs"]["parameterValues"]
    assert values == {"trainer_epochs": 8.0, "custom_config": '{"epochs": 8}', "flag": True}


def test_adapt_leaves_the_given_message_as_it_was():
    message = make_input(model={"uri": "minio://b/m", "metadata": {ABSENT: 1}})
    adapt_here(message)
    assert message == make_input(model={"uri": "minio://b/m", "metadata": {ABSENT: 1}})


@pytest.mark.parametrize("uri", ["gs://bucket/a", "s3://bucket/a", "/minio/bucket/a", "minio/a", ""])
def test_to_local_other_than_a_mounted_store_stays(tmp_path, uri):
    (tmp_path / "minio").mkdir()
    (tmp_path / "gs").mkdir()
    assert to_local(uri, tmp_path) == uri


def test_to_local_s3_is_found_below_its_folder(tmp_path):
    (tmp_path / "s3").mkdir()
    assert to_local("s3://bucket/a", tmp_path) == f"{tmp_path}/s3/bucket/a"


def test_find_title_of_a_schema_that_names_none_is_empty():
    assert [find_title(each) for each in ({}, {"instanceSchema": "type: object"})] == ["", ""]
    assert [find_title(each) for each in (MODEL, {"schemaTitle": "system.Model"})] == ["tfx.Model", "system.Model"]


def test_take_driver_output_adds_to_the_metadata_of_outputs():
    message = make_input()
    message["outputs"]["artifacts"] = {"examples": {"artifacts": [{"uri": "/e", "metadata": {"a": 1, "span": 5}}]}}
    take_driver_output(message, {"artifacts": {"examples": {"artifacts": [{"metadata": {"span": 0, "print": "x"}}]}}})
    (examples,) = message["outputs"]["artifacts"]["examples"]["artifacts"]
    assert examples == {"uri": "/e", "metadata": {"a": 1, "span": 0, "print": "x"}}


def test_restore_file_gives_back_the_uri_and_leaves_out_nulls(tmp_path):
    path = tmp_path / "output_metadata.json"
    written = {"name": "model", "uri": "/minio/bucket/model", "metadata": {"split": None, "span": 0.0, "text": ""}}
    path.write_text(json.dumps({"artifacts": {"model": {"artifacts": [written]}}, "parameterValues": {"count": 3}}))
    given = {
        "model": {"artifacts": [{"uri": "minio://bucket/model"}]},
        "executor-logs": {"artifacts": [{"uri": "minio://bucket/executor-logs"}]},
    }
    restore_file(path, given)
    restored = {"name": "model", "uri": "minio://bucket/model", "metadata": {"span": 0.0, "text": ""}}
    assert json.loads(path.read_text()) == {
        "artifacts": {"model": {"artifacts": [restored]}},
        "parameterValues": {"count": 3},
    }


@pytest.mark.parametrize("kind", [ConfigError, GateError])
def test_find_refusal_of_a_worker_elsewhere_is_known_by_its_words(kind):
    said = f"Dataflow pipeline failed:\nTraceback\nfer_tfx.errors.{kind.__name__}: a.csv: no [while running 'b']"
    found = _find_refusal(RuntimeError(said))
    assert (type(found), str(found)) == (kind, "a.csv: no [while running 'b']")


@pytest.mark.parametrize("said", ["503", "fer_tfx.errors.FerError: busy", "ConfigError: of another library"])
def test_find_refusal_of_any_other_failure_is_none(said):
    assert _find_refusal(RuntimeError(said)) is None
