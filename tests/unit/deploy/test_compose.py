"""kubeflow/serving/compose.yaml: valid, locked down, and pointing at what is there."""

import re
import subprocess
from typing import Any

import jsonschema
import pytest
from manifests import FOLDER, GRPC_PORT, KNOWN_FLAGS, REST_PORT, change, read_compose_schema, read_documents, read_flags
from serving_double import TensorFlowServingDouble, answer_by_first_value

(COMPOSE,) = read_documents("compose.yaml")
SERVER, DEMO = COMPOSE["services"]["tensorflow-serving"], COMPOSE["services"]["demo"]
EACH = pytest.mark.parametrize("service", [SERVER, DEMO], ids=["tensorflow-serving", "demo"])


def validate(document: dict[str, Any]) -> None:
    jsonschema.validate(document, read_compose_schema())


def test_compose_file_fits_the_specifications_schema():
    validate(COMPOSE)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("services/demo/read_only", []),
        ("services/demo/cap_drop", "ALL"),
        ("services/demo/portz", ["8080:8080"]),
        ("services/tensorflow-serving/healthcheck/interval", 10),
        ("services/tensorflow-serving/volumes/0/type", 5),
        ("services/tensorflow-serving/deploy/resources/limits/memory", 1),
        ("services/tensorflow-serving/depends_on", 1),
    ],
)
def test_compose_file_with_a_mistake_is_refused_by_the_schema(path, value):
    with pytest.raises(jsonschema.ValidationError):
        validate(change(COMPOSE, path, value))


@EACH
def test_service_runs_as_nobody_with_nothing_to_write_to(service):
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid"} & set(service)
    assert {volume["read_only"] for volume in service["volumes"]} == {True}


@EACH
def test_service_is_pinned_limited_watched_and_for_this_machine_only(service):
    assert re.search(r":\d+\.\d+\.\d+", service["image"])
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["healthcheck"]["test"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


@EACH
def test_service_mounts_what_is_in_the_repository(service):
    sources = [volume["source"] for volume in service["volumes"] if not volume["source"].startswith("$")]
    assert sources
    assert [source for source in sources if not (FOLDER / source).exists()] == []


def test_server_listens_where_its_ports_and_its_healthcheck_say():
    flags = read_flags(SERVER["command"])
    assert (flags["port"], flags["rest_api_port"]) == (str(GRPC_PORT), str(REST_PORT))
    assert {port.rsplit(":", 1)[1] for port in SERVER["ports"]} == {flags["port"], flags["rest_api_port"]}
    assert f"/dev/tcp/127.0.0.1/{flags['rest_api_port']} " in SERVER["healthcheck"]["test"][-1]


def test_server_gets_flags_that_it_knows_and_files_that_are_mounted():
    flags = read_flags(SERVER["command"])
    assert set(flags) <= KNOWN_FLAGS
    targets = [volume["target"] for volume in SERVER["volumes"]]
    for flag in ("model_config_file", "batching_parameters_file", "monitoring_config_file"):
        assert any(f"{flags[flag]}/".startswith(f"{target}/") for target in targets), flag


def test_folder_of_versions_is_the_default_runs_and_can_be_set():
    (models,) = [volume for volume in SERVER["volumes"] if volume["target"] == "/models/fer"]
    variable, _, default = models["source"].strip("${}").partition(":-")
    assert variable == "FER_MODELS"
    assert (FOLDER / default).resolve() == FOLDER.parents[1] / "runs/fer/serving"


def run_healthcheck(url: str) -> int:
    port = url.rpartition(":")[2]
    command = [part.replace("$$", "$").replace(f"/{REST_PORT}", f"/{port}") for part in SERVER["healthcheck"]["test"]]
    assert command.pop(0) == "CMD"
    return subprocess.run(command, check=False, capture_output=True).returncode


def test_healthcheck_tells_a_server_with_a_loaded_model_from_one_without_and_from_none():
    with TensorFlowServingDouble(answer_by_first_value, name="fer") as double:
        url = double.rest_url
        assert run_healthcheck(url) == 0
        double.states = {1: "LOADING"}
        assert run_healthcheck(url) != 0
    assert run_healthcheck(url) != 0
    with TensorFlowServingDouble(answer_by_first_value, name="other") as double:
        assert run_healthcheck(double.rest_url) != 0
