"""batching.config and monitoring.config, parsed by protobuf, and beside what else is promised."""

from typing import Any

import pytest
from google.protobuf import text_format
from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from manifests import FOLDER, STATUS_PATH, build_message, read_documents, read_flags, read_kinds

from configs.spec import ServingConfig
from fer_tfx.versions.versions import CONFIG_FILE

_INT, _BOOL = ".google.protobuf.Int64Value", ".google.protobuf.BoolValue"
# Of BatchingParameters in `session_bundle_config.proto`.
_BATCHING = {
    "max_batch_size": _INT, "batch_timeout_micros": _INT, "max_enqueued_batches": _INT, "num_batch_threads": _INT,
    "enable_large_batch_splitting": _BOOL, "max_execution_batch_size": _INT,
}  # fmt: skip
# Of PrometheusConfig in `monitoring_config.proto`.
_PROMETHEUS = {"enable": FieldDescriptorProto.TYPE_BOOL, "path": FieldDescriptorProto.TYPE_STRING}


def parse_batching(text: str) -> Any:
    return text_format.Parse(text, build_message(_BATCHING))


def parse_monitoring(text: str) -> Any:
    return text_format.Parse(text, build_message({"prometheus_config": ".fer.Nested"}, _PROMETHEUS))


def read(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")


def test_batching_splits_what_is_too_large_into_batches_that_may_be_executed():
    parameters = parse_batching(read("batching.config"))
    assert parameters.enable_large_batch_splitting.value is True
    assert 0 < parameters.max_execution_batch_size.value <= parameters.max_batch_size.value


def test_batching_uses_as_many_threads_as_the_limits_give_cores():
    threads = parse_batching(read("batching.config")).num_batch_threads.value
    server = read_documents("compose.yaml")[0]["services"]["tensorflow-serving"]
    (container,) = read_kinds("kubernetes.yaml")["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert server["deploy"]["resources"]["limits"]["cpus"] == str(threads)
    assert container["resources"]["limits"]["cpu"] == str(threads)


def test_monitoring_is_on_at_the_path_that_the_pods_annotation_names():
    prometheus = parse_monitoring(read("monitoring.config")).prometheus_config
    annotations = read_kinds("kubernetes.yaml")["Deployment"]["spec"]["template"]["metadata"]["annotations"]
    assert prometheus.enable is True
    assert prometheus.path == annotations["prometheus.io/path"]


@pytest.mark.parametrize(
    ("parse", "name", "old", "new"),
    [
        (parse_batching, "batching.config", "max_batch_size {", "max_batchsize {"),
        (parse_batching, "batching.config", "max_batch_size { value: 64 }", "max_batch_size: 64"),
        (parse_batching, "batching.config", "value: true", "value: 2"),
        (parse_monitoring, "monitoring.config", "enable: true", "enabled: true"),
        (parse_monitoring, "monitoring.config", "}", ""),
    ],
)
def test_file_with_a_mistake_is_refused(parse, name, old, new):
    text = read(name)
    assert old in text
    with pytest.raises(text_format.ParseError):
        parse(text.replace(old, new))


def test_paths_and_names_are_the_pipelines_defaults():
    defaults = ServingConfig()
    flags = read_flags(read_documents("compose.yaml")[0]["services"]["tensorflow-serving"]["command"])
    assert flags["model_config_file"] == f"{defaults.base_path}/{CONFIG_FILE}"
    assert f"/v1/models/{defaults.model_name}" == STATUS_PATH
    assert read_kinds("kserve.yaml")["InferenceService"]["metadata"]["name"] == defaults.model_name
