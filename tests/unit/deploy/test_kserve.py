"""kubeflow/serving/kserve.yaml. No package that fits the lock ships KServe's schema: the fields of its own are compared
with the names that its v1beta1 has, and all others, which it hands on into a pod, are checked as that pod.
"""

from typing import Any

import kubernetes_validate
import pytest
from manifests import change, read_documents

SERVICE, POLICY = read_documents("kserve.yaml")
PREDICTOR = SERVICE["spec"]["predictor"]
_OF_PREDICTOR = {"model", "minReplicas", "maxReplicas", "scaleTarget", "scaleMetric", "canaryTrafficPercent", "timeout"}
_OF_MODEL = {"modelFormat", "runtime", "protocolVersion", "runtimeVersion", "storageUri", "storage"}


def validate(service: dict[str, Any]) -> None:
    """Raise ValidationError for what the pod would be refused for, which any misspelt field of KServe's own is too."""
    predictor = service["spec"]["predictor"]
    container = {key: value for key, value in predictor["model"].items() if key not in _OF_MODEL}
    spec = {key: value for key, value in predictor.items() if key not in _OF_PREDICTOR}
    spec["containers"] = [{"name": "kserve-container", **container}]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": service["metadata"], "spec": spec}
    kubernetes_validate.validate(pod, "1.30", strict=True)


def test_service_makes_a_valid_pod():
    validate(SERVICE)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec/predictor/model/storageURL", "pvc://fer-models/fer"),
        ("spec/predictor/model/resources/limits", "1Gi"),
        ("spec/predictor/minReplica", 1),
        ("spec/predictor/securityContext/runAsNonRoot", "yes"),
        ("metadata/labels", ["fer"]),
    ],
)
def test_service_with_a_mistake_is_refused(path, value):
    with pytest.raises(kubernetes_validate.ValidationError):
        validate(change(SERVICE, path, value))


def test_service_asks_for_the_tensorflow_runtime_of_the_compose_files_version():
    image = read_documents("compose.yaml")[0]["services"]["tensorflow-serving"]["image"]
    assert (SERVICE["apiVersion"], SERVICE["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    assert PREDICTOR["model"]["modelFormat"] == {"name": "tensorflow", "version": "2"}
    assert image == f"tensorflow/serving:{PREDICTOR['model']['runtimeVersion']}"


def test_service_is_called_as_the_model_and_reads_the_claim_of_the_deployment():
    kinds = {document["kind"]: document for document in read_documents("kubernetes.yaml")}
    models, _ = kinds["Deployment"]["spec"]["template"]["spec"]["volumes"]
    assert SERVICE["metadata"]["name"] == "fer"
    assert PREDICTOR["model"]["storageUri"] == f"pvc://{models['persistentVolumeClaim']['claimName']}/fer"


def test_service_runs_as_nobody_and_within_limits():
    assert PREDICTOR["securityContext"]["runAsNonRoot"] is True
    assert PREDICTOR["automountServiceAccountToken"] is False
    assert set(PREDICTOR["model"]["resources"]) == {"requests", "limits"}


@pytest.mark.parametrize("version", ["1.27", "1.30", "1.34"])
def test_policy_lets_in_all_but_the_runtimes_grpc_port_which_lets_callers_change_the_model(version):
    kubernetes_validate.validate(POLICY, version, strict=True)
    (rule,) = POLICY["spec"]["ingress"]
    open_ports = {port for each in rule["ports"] for port in range(each["port"], each["endPort"] + 1)}
    # --port of KServe's own ClusterServingRuntime kserve-tensorflow-serving.
    assert set(range(1, 65_536)) - open_ports == {9000}
    labels = POLICY["spec"]["podSelector"]["matchLabels"]
    assert labels == {"serving.kserve.io/inferenceservice": SERVICE["metadata"]["name"]}
