"""What the compiler has no word for: resources, retries, caching and labels of a compiled pipeline."""

import hashlib
from collections.abc import Mapping
from typing import Any

from configs.spec import DeployConfig, PipelineConfig, ResourcesConfig
from fer_tfx.errors import ConfigError

KUBEFLOW, VERTEX = "kubeflow", "vertex"

# Their answer depends on more than their inputs: on what was pushed last, on what was rolled back since, and on files,
# of which Vertex AI alone takes the fingerprint before it looks into its cache.
_NEVER_CACHED = {
    VERTEX: ("Baseline", "RecordData", "RecordPush", "Pusher"),
    KUBEFLOW: ("Baseline", "RecordData", "RecordPush", "Pusher", "FerExampleGen"),
}
# Its failure is an answer, which another try would give again.
_NEVER_RETRIED = ("DataGate",)
# What Vertex AI runs to take that fingerprint.
INGESTION_DRIVER = ("python", "-m", "pipeline.runners.ingestion_driver")

# Of labels on pods, so that none hides one of the cluster's own.
LABEL_PREFIX = "fer-tfx"

Json = dict[str, Any]


def require_deployable(deploy: DeployConfig) -> None:
    """Check what must be given before anything can be compiled.

    Raises:
        ConfigError: the image has no tag, or one that may name another image tomorrow; or Google Cloud is asked for
            without a project and a region.
    """
    name, _, tag = deploy.image.rpartition("/")[2].partition(":")
    is_digest = "@sha256:" in deploy.image
    if not name or not (is_digest or tag) or tag == "latest":
        raise ConfigError(
            f"deploy.image: {deploy.image or 'none'}: expected an image with a tag other than latest, or a digest;"
            " give --set deploy.image=REGISTRY/fer-tfx:VERSION"
        )
    if (deploy.beam == "dataflow" or deploy.training == "vertex") and not (deploy.project and deploy.region):
        raise ConfigError(
            "deploy.project + deploy.region: Dataflow or Vertex Training is asked for, so give both, or"
            " --set deploy.beam=in_process --set deploy.training=container"
        )


def settle_tasks(spec: Json, deploy: DeployConfig, target: str) -> None:
    """Give each task of a PipelineSpec its resources, retries and caching, in place.

    Args:
        spec: the PipelineSpec.
        deploy: settings.
        target: `kubeflow` or `vertex`.

    Raises:
        ConfigError: resources are given to a component that isn't there.
    """
    tasks = spec["root"]["dag"]["tasks"]
    if unknown := sorted(set(deploy.resources) - set(tasks) - {"default"}):
        raise ConfigError(f"deploy.resources: no component {', '.join(unknown)}; there are {', '.join(sorted(tasks))}")
    for name, task in tasks.items():
        task["cachingOptions"] = {"enableCache": deploy.cache and name not in _NEVER_CACHED[target]}
        executor = spec["deploymentSpec"]["executors"][
            spec["components"][task["componentRef"]["name"]]["executorLabel"]
        ]
        if "container" not in executor:  # an importer runs nowhere
            continue
        if "lifecycle" in executor["container"]:
            executor["container"]["lifecycle"]["preCacheCheck"]["command"] = list(INGESTION_DRIVER)
        if deploy.retries and name not in _NEVER_RETRIED:
            task["retryPolicy"] = _make_retry_policy(deploy)
        if described := _describe_resources(_choose_resources(name, deploy)):
            executor["container"]["resources"] = described


def _make_retry_policy(deploy: DeployConfig) -> Json:
    return {
        "maxRetryCount": deploy.retries,
        "backoffDuration": f"{deploy.retry_wait_s}s",
        "backoffFactor": 2.0,
        "backoffMaxDuration": "3600s",
    }


def _choose_resources(name: str, deploy: DeployConfig) -> ResourcesConfig:
    default = deploy.resources.get("default", ResourcesConfig())
    # The container that only waits for a job elsewhere needs none of what the job gets.
    return default if (name, deploy.training) == ("Trainer", "vertex") else deploy.resources.get(name, default)


def _describe_resources(resources: ResourcesConfig) -> Json:
    """The numbers that every version reads; newer ones of Kubeflow prefer texts but still read these."""
    described: Json = {}
    if resources.cpus:
        described["cpuLimit"] = resources.cpus
    if resources.memory_gb:
        described["memoryLimit"] = resources.memory_gb
    if resources.accelerator:
        described["accelerator"] = {"type": resources.accelerator, "count": str(resources.accelerator_count)}
    return described


def settle_job(job: Json, config: PipelineConfig, defaults: Mapping[str, Any]) -> None:
    """Name the job, label it and give it its defaults, in place."""
    job["displayName"] = config.name
    # Not TFX's own labels, which tell of the compiling machine.
    job["labels"] = {"pipeline": config.name, "code": _digest_code(job["pipelineSpec"]), **config.deploy.labels}
    job["runtimeConfig"]["parameterValues"] = dict(defaults)


def _digest_code(spec: Json) -> str:
    """One fingerprint of the sources of all components, which stand one by one in the report's settings."""
    stage_code = spec["root"]["dag"]["tasks"]["HtmlReport"]["inputs"]["parameters"]["stage_code"]
    return hashlib.sha256(stage_code["runtimeValue"]["constant"].encode()).hexdigest()[:16]


def describe_platform(job: Json, deploy: DeployConfig) -> Json:
    """The second document of a file for Kubeflow, with the labels of the pods and their volume.

    As kfp-kubernetes writes it: kubeflow/pipelines, kubernetes_platform/proto/kubernetes_executor_config.proto.
    """
    executors = job["pipelineSpec"]["deploymentSpec"]["executors"]
    in_pods = {name: _describe_pod(job, deploy) for name, each in executors.items() if "container" in each}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": in_pods}}}}


def _describe_pod(job: Json, deploy: DeployConfig) -> Json:
    pod: Json = {"podMetadata": {"labels": {f"{LABEL_PREFIX}/{name}": value for name, value in job["labels"].items()}}}
    if deploy.volume_claim:
        pod["pvcMount"] = [{"mountPath": deploy.volume_path, "constant": deploy.volume_claim}]
    return pod
