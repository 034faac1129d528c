"""The graph -> the file that Kubeflow Pipelines or Vertex AI takes: `fer-tfx compile`."""

import copy
import dataclasses
import hashlib
import json
import tempfile
from collections.abc import Container
from pathlib import Path
from typing import Any

import yaml

from configs.convert import leaf_keys, read_setting
from configs.library import class_names_of
from configs.spec import BeamConfig, DeployConfig, PipelineConfig, ResourcesConfig, SpansConfig
from fer_tfx.contract import LABELLED_INPUT, UNLABELLED_INPUT
from fer_tfx.errors import ConfigError, DataError
from fer_tfx.files import replacing
from fer_tfx.quiet import hush_libraries, output_in_log, print_note
from fer_tfx.reading.vote_file import VOTES_INPUT
from pipeline.engines import build_arguments, parse_options, require_settings
from pipeline.inputs import EarlierModel, ImportedHyperparameters, Input, read_schema, resolve_hyperparameters
from pipeline.paths import PLACES, RunPaths, is_remote, require_reachable
from pipeline.runners.compiled import KUBEFLOW, OWN_LABELS, VERTEX, Json
from pipeline.runners.parameters import SERVICE_ACCOUNT, make_parameters, mark, put_placeholders, strip_slashes
from pipeline.stack import require_tfx

# Kubeflow's and Vertex AI's clients go by the suffix too.
_SUFFIXES = {KUBEFLOW: (".yaml", ".yml"), VERTEX: (".json",)}
_ENTRY = ("python", "-m", "pipeline.runners.container_entry")
_INGESTION_DRIVER = ("python", "-m", "pipeline.runners.ingestion_driver")
# Their result depends on earlier pushes too, or on files, which only Vertex AI fingerprints before caching.
_NEVER_CACHED = {
    VERTEX: ("Baseline", "RecordData", "RecordPush", "Pusher"),
    KUBEFLOW: ("Baseline", "RecordData", "RecordPush", "Pusher", "FerExampleGen"),
}
_TRAININGS = ("Trainer", "Teacher", "Member")
# Of labels on pods, so that none replaces one of the cluster's own.
_LABEL_PREFIX = "fer-tfx"


def compile_to_file(config: PipelineConfig, target: str, out: Path) -> int:
    """Write the pipeline for Vertex AI (PipelineJob, JSON) or Kubeflow Pipelines (PipelineSpec, YAML).

    Raises ConfigError, DataError: a setting doesn't suit a cluster, or a file can't be read or written.
    """
    require_tfx()
    if out.suffix not in _SUFFIXES[target]:
        raise ConfigError(f"--out {out}: the file for {target} must end in {_SUFFIXES[target][0]}")
    hush_libraries()
    with tempfile.TemporaryDirectory() as folder, output_in_log(Path(folder, "log")):
        text = compile_to_text(config, target)
    try:
        with replacing(out) as file:
            file.write(text)
    except OSError as error:
        raise DataError(f"{out}: can't be written: {error.strerror}; give an existing folder with --out") from None
    print_note(f"pipeline {config.name!r} for {target} written to {out}; its image is {config.deploy.image}")
    imported = resolve_hyperparameters(config, must_read=False)
    if imported and not imported.fingerprint:
        print(
            f"tuner.hyperparameters_path: {imported.uri}: can't be read here, so each run reads it anew, and"
            " the Trainer checks whether it fits"
        )
    return 0


def compile_to_text(config: PipelineConfig, target: str) -> str:
    """The content of the file: the same for the same settings and code.

    Settings named in `deploy.parameters` become parameters with their values as defaults.
    """
    job = _compile_job(config, target)
    if target == VERTEX:
        return json.dumps(job, indent=2, sort_keys=True) + "\n"
    documents = [job["pipelineSpec"], _describe_platform(job, config.deploy)]
    return str(yaml.safe_dump_all(documents, sort_keys=True, width=120))


def _compile_job(config: PipelineConfig, target: str) -> Json:
    """A Vertex PipelineJob as JSON; its `pipelineSpec` is what Kubeflow Pipelines takes."""
    _require_deployable(config.deploy, config.spans)
    _require_labels(config, target)
    _require_reachable(config, target)
    schema_text = read_schema(config)
    paths = RunPaths.of(config)
    _require_beam(config, paths)
    config = dataclasses.replace(
        config,
        # The schema travels as text, so its path means nothing any more.
        validation=dataclasses.replace(config.validation, schema_path=""),
        # Written out, as a parameter's default can't depend on another setting.
        runtime=dataclasses.replace(
            config.runtime, root=strip_slashes(config.runtime.root), serving_path=paths.serving
        ),
    )
    deploy = config.deploy
    own = [SERVICE_ACCOUNT] if _has_jobs(deploy) else []
    parameters = make_parameters(config, [*deploy.parameters, *own])
    found = resolve_hyperparameters(config, must_read=False)
    job = _compile_graph(mark(config, parameters), schema_text, paths, config, found)
    spec = job["pipelineSpec"]
    put_placeholders(spec, parameters)
    # What may be other content under the same name.
    unread = ["ImportHyperparameters"] * (found is not None and not found.fingerprint)
    unread += ["Trainer"] * bool(config.ensemble.models)
    _settle_tasks(spec, deploy, (*_NEVER_CACHED[target], *unread))
    if is_remote(paths.artifacts):
        spec["defaultPipelineRoot"] = paths.artifacts  # else Kubeflow's own
    job["displayName"] = config.name
    # In place of TFX's labels, which describe the compiling machine.
    # One fingerprint for the sources of all components, which the report's settings hold one by one.
    stage_code: Any = spec["root"]["dag"]["tasks"]["HtmlReport"]["inputs"]["parameters"]["stage_code"]
    code = hashlib.sha256(stage_code["runtimeValue"]["constant"].encode()).hexdigest()[:16]
    job["labels"] = {"pipeline": config.name, "code": code, **deploy.labels}
    defaults = {each.name: each.default for each in parameters if "defaultValue" in each.definition}
    job["runtimeConfig"]["parameterValues"] = defaults
    return job


def _require_deployable(deploy: DeployConfig, spans: SpansConfig) -> None:
    from pipeline.runners.vertex_training import find_training_resources

    name, _, tag = deploy.image.rpartition("/")[2].partition(":")
    is_digest = "@sha256:" in deploy.image
    if not name or not (is_digest or tag) or tag == "latest":
        raise ConfigError(
            f"deploy.image: {deploy.image or 'none'}: expected an image with a tag other than latest, or a digest;"
            " give --set deploy.image=REGISTRY/fer-tfx:VERSION"
        )
    if _has_jobs(deploy) and not (deploy.project and deploy.region):
        raise ConfigError(
            "deploy.project + deploy.region: Dataflow and Vertex Training need both; give them, or"
            " --set deploy.beam=in_process --set deploy.training=container"
        )
    if deploy.accelerator == "cuda" and not find_training_resources(deploy).accelerator:
        raise ConfigError(
            "deploy.accelerator: cuda: the Trainer's resources name no accelerator; give --set"
            " 'deploy.resources={Trainer: {accelerator: nvidia.com/gpu, accelerator_count: 1}}' (on Vertex AI such as"
            " NVIDIA_TESLA_T4), or --set deploy.accelerator=cpu"
        )
    # Only this machine's metadata tell what was there when the data came.
    if spans.window > 1:
        raise ConfigError(
            f"spans.window: {spans.window}: Kubeflow's compiler can't look for earlier spans; compile with"
            " --set spans.window=1, or use `fer-tfx run`"
        )
    if spans.warm_start:
        raise ConfigError(
            "spans.warm_start: true: on a cluster a second run on the same data would start from what the first has"
            " trained; compile with --set spans.warm_start=false, or use `fer-tfx run`"
        )


def _require_labels(config: PipelineConfig, target: str) -> None:
    for name in sorted(set(config.deploy.labels) & set(OWN_LABELS)):
        raise ConfigError(f"deploy.labels.{name}: every run has a label of this name already; choose another name")
    if target == KUBEFLOW:
        words = {f"deploy.labels.{name}": (name, value) for name, value in config.deploy.labels.items()}
        for key, found in {"name": (config.name,), **words}.items():
            for word in found:
                if word.strip("-_") != word:
                    raise ConfigError(
                        f"{key}: {word}: Kubernetes' labels begin and end with a letter or digit; choose another"
                    )


def _require_beam(config: PipelineConfig, paths: RunPaths) -> None:
    """What `require_engine` and `build_pipeline` check before a local run, as far as it shows here."""
    if config.deploy.beam == "in_process":
        require_settings(config.beam)
    else:
        for key in leaf_keys(BeamConfig):
            if (found := read_setting(config.beam, key)) != read_setting(BeamConfig(), key):
                raise ConfigError(
                    f"beam.{key}: {found}: deploy.beam: dataflow takes nothing from beam; leave it out, and set the"
                    " most workers by deploy.dataflow_max_workers, or give --set deploy.beam=in_process"
                )
    parse_options(_build_beam_arguments(config, config.deploy, paths))


def _has_jobs(deploy: DeployConfig) -> bool:
    """Whether there are jobs of Google's outside of the pipeline, which no volume of it is mounted in."""
    return deploy.beam == "dataflow" or deploy.training == "vertex"


def _require_reachable(config: PipelineConfig, target: str) -> None:
    deploy = config.deploy
    is_mounted = target == KUBEFLOW and deploy.volume_claim and not _has_jobs(deploy)
    volume = deploy.volume_path if is_mounted else ""
    for key in PLACES:
        if (path := read_setting(config, key)) or key == "runtime.root":
            require_reachable(path, key, volume)
    for path in config.ensemble.models:
        require_reachable(path, "ensemble.models", volume)
    for path in config.beam.packages:
        require_reachable(path, "beam.packages", volume)
    if config.beam.job_server_jar:
        require_reachable(config.beam.job_server_jar, "beam.job_server_jar", volume)


def _compile_graph(
    marked: PipelineConfig,
    schema_text: str,
    paths: RunPaths,
    config: PipelineConfig,
    hyperparameters: ImportedHyperparameters | None,
) -> Json:
    """From the settings with marks; from those without where something isn't an input or argument of a task."""
    from tfx import v1 as tfx
    from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig

    from pipeline.graph import Places, build_components
    from pipeline.lookups import PublishedComparison
    from pipeline.runners.vertex_training import choose_trainer

    marked_paths = RunPaths.of(marked)
    trainer_class, trainer_settings = choose_trainer(marked.deploy)
    patterns = {LABELLED_INPUT: marked.data.path, UNLABELLED_INPUT: marked.data.unlabelled_path}
    if marked.data.votes_path:
        patterns[VOTES_INPUT] = marked.data.votes_path
    places = Places(
        # Whole paths, which the ingestion's driver splits where it runs.
        data=Input("", patterns),
        schema_text=schema_text,
        serving=marked_paths.serving,
        checkpoints=marked_paths.checkpoints,
        comparison=PublishedComparison(marked_paths.baseline, class_names_of(config.data)),
        hyperparameters=hyperparameters,
        earlier_models=[EarlierModel(each, "") for each in config.ensemble.models],
        trainer_class=trainer_class,
        trainer_settings=trainer_settings,
    )
    pipeline = tfx.dsl.Pipeline(
        pipeline_name=config.name,
        pipeline_root=paths.artifacts,
        components=build_components(marked, places),
        enable_cache=config.deploy.cache,
        beam_pipeline_args=_build_beam_arguments(config, marked.deploy, paths),
    )
    runner_config = KubeflowV2DagRunnerConfig(
        default_image=config.deploy.image, default_commands=list(_ENTRY), use_pipeline_spec_2_1=True
    )
    job: Json = KubeflowV2DagRunner(runner_config).run(pipeline, write_out=False)
    return job


def _build_beam_arguments(config: PipelineConfig, deploy: DeployConfig, paths: RunPaths) -> list[str]:
    own = config.runtime.beam_pipeline_args
    if deploy.beam == "in_process":
        return build_arguments(config.beam, own)
    beam = dataclasses.replace(
        config.beam,
        engine="dataflow",
        workers=deploy.dataflow_max_workers,
        image=deploy.image,
        project=deploy.project,
        region=deploy.region,
        temp_location=f"{paths.home}/beam",
    )
    labels = [f"--labels={name}={value}" for name, value in sorted(deploy.labels.items())]
    return build_arguments(beam, [*labels, f"--service_account_email={deploy.service_account}", *own])


def _settle_tasks(spec: Json, deploy: DeployConfig, never_cached: Container[str]) -> None:
    """Give each task of a PipelineSpec what the compiler has no word for: caching, retries and resources.

    Both back ends would try again whatever ends with another exit code than 0. So there is no `retryPolicy`: the
    container's entrypoint, which knows what is final, does it.
    """
    tasks = spec["root"]["dag"]["tasks"]
    if unknown := sorted(set(deploy.resources) - set(tasks) - {"default"}):
        raise ConfigError(f"deploy.resources: no component {', '.join(unknown)}; there are {', '.join(sorted(tasks))}")
    for name, task in tasks.items():
        task["cachingOptions"] = {"enableCache": deploy.cache and name not in never_cached}
        label = spec["components"][task["componentRef"]["name"]]["executorLabel"]
        container = spec["deploymentSpec"]["executors"][label]["container"]
        if "lifecycle" in container:
            container["lifecycle"]["preCacheCheck"]["command"] = list(_INGESTION_DRIVER)
        container["args"] += [f"--retries={deploy.retries}", f"--retry_wait_s={deploy.retry_wait_s}"]
        if described := _describe_resources(name, deploy):
            container["resources"] = described
        if "accelerator" in described:
            container["args"].append("--needs_gpu")


def _describe_resources(name: str, deploy: DeployConfig) -> Json:
    """As numbers, which every version reads; newer ones of Kubeflow prefer texts."""
    from pipeline.runners.vertex_training import find_training_resources

    kind, default = name.rstrip("0123456789"), deploy.resources.get("default", ResourcesConfig())
    # Not a container that only waits for a job of Vertex Training; a search has none.
    trains = kind == "Tuner" or (kind in _TRAININGS and deploy.training == "container")
    # An accelerator that isn't used costs as much as one that is.
    shared = (
        find_training_resources(deploy) if trains else dataclasses.replace(default, accelerator="", accelerator_count=0)
    )
    resources = deploy.resources.get(name, shared) if trains or kind not in _TRAININGS else shared
    described: Json = {}
    if resources.cpus:
        described["cpuLimit"] = resources.cpus
    if resources.memory_gb:
        described["memoryLimit"] = resources.memory_gb
    if resources.accelerator and deploy.accelerator != "cpu":
        described["accelerator"] = {"type": resources.accelerator, "count": str(resources.accelerator_count)}
    return described


def _describe_platform(job: Json, deploy: DeployConfig) -> Json:
    """The second document of a file for Kubeflow: labels of the pods, and their volume.

    As kfp-kubernetes writes it: kubeflow/pipelines, kubernetes_platform/proto/kubernetes_executor_config.proto.
    """
    pod: Json = {"podMetadata": {"labels": {f"{_LABEL_PREFIX}/{name}": text for name, text in job["labels"].items()}}}
    if deploy.volume_claim:
        pod["pvcMount"] = [{"mountPath": deploy.volume_path, "constant": deploy.volume_claim}]
    executors = job["pipelineSpec"]["deploymentSpec"]["executors"]
    in_pods = {name: copy.deepcopy(pod) for name, each in executors.items() if "container" in each}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": in_pods}}}}
