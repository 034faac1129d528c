"""kubeflow/serving/kubernetes.yaml: valid, locked down, and in agreement with itself and with the server's flags."""

import kubernetes_validate
import pytest
from manifests import (
    FOLDER,
    GRPC_PORT,
    KNOWN_FLAGS,
    REST_PORT,
    STATUS_PATH,
    change,
    read_documents,
    read_flags,
    read_kinds,
)

DOCUMENTS = read_documents("kubernetes.yaml")
KINDS = read_kinds("kubernetes.yaml")
DEPLOYMENT = KINDS["Deployment"]
POD = DEPLOYMENT["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
POD_PATH = "spec/template/spec"
NAME = {"app.kubernetes.io/name": "fer-serving"}
PORTS = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}


@pytest.mark.parametrize("version", ["1.27", "1.30", "1.34"])
def test_documents_fit_the_strict_schemas_of_kubernetes(version):
    assert [kubernetes_validate.validate(document, version, strict=True) for document in DOCUMENTS] == [version] * 4


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Deployment", "spec/selector", None),
        ("Deployment", "spec/replicas", "two"),
        ("Deployment", f"{POD_PATH}/runAsNonRoot", True),
        ("Deployment", f"{POD_PATH}/containers/0/readinessProbe/httpGet/port", None),
        ("Deployment", f"{POD_PATH}/containers/0/securityContext/capabilities/drop", "ALL"),
        ("Deployment", f"{POD_PATH}/containers/0/resources/limit", {"cpu": "1"}),
        ("Deployment", f"{POD_PATH}/volumes/0/persistentVolumeClaim/claimName", None),
        ("Service", "spec/ports/0/port", "grpc"),
        ("PodDisruptionBudget", "spec/maxUnavailables", 1),
        ("HorizontalPodAutoscaler", "spec/maxReplicas", None),
    ],
)
def test_document_with_a_mistake_is_refused_by_the_schema(kind, path, value):
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(change(KINDS[kind], path, value), "1.30", strict=True)


def test_pod_meets_the_restricted_pod_security_standard():
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["runAsUser"] > 0
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"} & set(POD)


def test_pod_has_no_token_and_mounts_nothing_to_write_to():
    assert POD["automountServiceAccountToken"] is False
    assert {mount["readOnly"] for mount in CONTAINER["volumeMounts"]} == {True}
    assert {mount["name"] for mount in CONTAINER["volumeMounts"]} == {volume["name"] for volume in POD["volumes"]}


def test_probes_ask_the_rest_port_and_readiness_asks_for_the_model():
    assert PORTS == {"grpc": GRPC_PORT, "rest": REST_PORT}
    for probe in ("startupProbe", "readinessProbe"):
        assert CONTAINER[probe]["httpGet"] == {"path": STATUS_PATH, "port": "rest"}
    assert CONTAINER["livenessProbe"]["tcpSocket"] == {"port": "rest"}


def test_server_gets_flags_that_it_knows_and_files_that_are_mounted():
    flags = read_flags(CONTAINER["args"])
    assert set(flags) <= KNOWN_FLAGS
    assert (flags["port"], flags["rest_api_port"]) == (str(GRPC_PORT), str(REST_PORT))
    assert flags["model_config_file"] == "/models/fer/models.config"
    for flag in ("batching_parameters_file", "monitoring_config_file"):
        folder, _, name = flags[flag].rpartition("/")
        assert folder in {mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
        assert (FOLDER / name).is_file()


def test_server_is_the_compose_files():
    server = read_documents("compose.yaml")[0]["services"]["tensorflow-serving"]
    assert (CONTAINER["image"], CONTAINER["command"]) == (server["image"], server["entrypoint"])
    assert read_flags(CONTAINER["args"]) == read_flags(server["command"])


def test_selectors_and_targets_name_what_is_there():
    assert DEPLOYMENT["spec"]["template"]["metadata"]["labels"] == NAME
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"] == NAME
    assert KINDS["Service"]["spec"]["selector"] == NAME
    assert KINDS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == NAME
    assert KINDS["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == DEPLOYMENT["metadata"]["name"]
    assert {port["targetPort"]: port["port"] for port in KINDS["Service"]["spec"]["ports"]} == PORTS


def test_disruption_budget_leaves_a_pod_of_the_smallest_number():
    assert KINDS["HorizontalPodAutoscaler"]["spec"]["minReplicas"] == DEPLOYMENT["spec"]["replicas"]
    assert KINDS["PodDisruptionBudget"]["spec"]["maxUnavailable"] < DEPLOYMENT["spec"]["replicas"]
