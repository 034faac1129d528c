"""kubeflow/serving/kubernetes.yaml: valid, locked down, and in agreement with itself and with the server's flags."""

import urllib.error
import urllib.request

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
from serving_double import TensorFlowServingDouble, answer_by_first_value

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
    assert [kubernetes_validate.validate(document, version, strict=True) for document in DOCUMENTS] == [version] * 5


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Deployment", "spec/selector", None),
        ("Deployment", "spec/strategy/rollingUpdate/maxSurge", []),
        ("Deployment", f"{POD_PATH}/runAsNonRoot", True),
        ("Deployment", f"{POD_PATH}/containers/0/readinessProbe/httpGet/port", None),
        ("Deployment", f"{POD_PATH}/containers/0/securityContext/capabilities/drop", "ALL"),
        ("Deployment", f"{POD_PATH}/containers/0/resources/limit", {"cpu": "1"}),
        ("Deployment", f"{POD_PATH}/volumes/0/persistentVolumeClaim/claimName", None),
        ("Service", "spec/ports/0/port", "grpc"),
        ("PodDisruptionBudget", "spec/maxUnavailables", 1),
        ("HorizontalPodAutoscaler", "spec/maxReplicas", None),
        ("NetworkPolicy", "spec/ingress/1/from/0/podSelector", ["fer-serving/grpc"]),
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


def test_probes_ask_the_rest_port():
    assert PORTS == {"grpc": GRPC_PORT, "rest": REST_PORT}
    assert CONTAINER["startupProbe"]["httpGet"] == {"path": STATUS_PATH, "port": "rest"}
    assert CONTAINER["readinessProbe"]["httpGet"]["port"] == "rest"
    assert CONTAINER["livenessProbe"]["tcpSocket"] == {"port": "rest"}


def ask_readiness(double: TensorFlowServingDouble) -> bool:
    """What a kubelet makes of the answer."""
    try:
        with urllib.request.urlopen(f"{double.rest_url}{CONTAINER['readinessProbe']['httpGet']['path']}") as answer:
            return 200 <= answer.status < 400
    except urllib.error.HTTPError:
        return False


def test_pod_is_ready_while_a_version_is_available_and_not_before():
    with TensorFlowServingDouble({1: answer_by_first_value, 2: answer_by_first_value}) as double:
        for states, is_ready in (
            (("LOADING", "START"), False), (("AVAILABLE", "LOADING"), True), (("UNLOADING", "END"), False),
        ):  # fmt: skip
            double.states = dict(enumerate(states, start=1))
            assert ask_readiness(double) is is_ready, states


def list_sources(port: str) -> list[object]:
    """From where a port of the pods is reached; None: from everywhere."""
    rules = KINDS["NetworkPolicy"]["spec"]["ingress"]
    return [rule.get("from") for rule in rules if {"port": port} in rule["ports"]]


def test_grpc_port_which_lets_callers_change_the_model_is_for_named_pods_alone():
    policy = KINDS["NetworkPolicy"]["spec"]
    assert policy["podSelector"]["matchLabels"] == NAME
    assert [len(rule["ports"]) for rule in policy["ingress"]] == [1, 1]
    assert list_sources("grpc") == [[{"podSelector": {"matchLabels": {"fer-serving/grpc": "allowed"}}}]]
    assert list_sources("rest") == [None]


def test_pod_calls_nobody():
    assert set(KINDS["NetworkPolicy"]["spec"]["policyTypes"]) == {"Ingress", "Egress"}
    assert KINDS["NetworkPolicy"]["spec"]["egress"] == []


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


def test_number_of_pods_is_the_autoscalers_alone_and_the_disruption_budget_leaves_one():
    assert "replicas" not in DEPLOYMENT["spec"]
    smallest = KINDS["HorizontalPodAutoscaler"]["spec"]["minReplicas"]
    assert 1 <= KINDS["PodDisruptionBudget"]["spec"]["maxUnavailable"] < smallest
