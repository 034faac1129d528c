"""The graph -> Kubeflow's intermediate representation, for Kubeflow Pipelines and for Vertex AI."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from configs.convert import read_setting
from configs.spec import PipelineConfig, SpansConfig
from fer_tfx.contract import LABELLED_INPUT, UNLABELLED_INPUT
from fer_tfx.errors import ConfigError
from pipeline.engines.profiles import build_arguments
from pipeline.hyperparameters import resolve_hyperparameters
from pipeline.inputs import Input
from pipeline.paths import RunPaths, is_remote
from pipeline.runners.job_settings import KUBEFLOW, require_deployable, settle_job, settle_tasks
from pipeline.runners.parameters import Json, Parameter, make_parameters, mark, put_placeholders
from pipeline.schema_text import read_schema

ENTRY = ("python", "-m", "pipeline.runners.container_entry")


def compile_job(config: PipelineConfig, target: str, *, require_bucket: bool = True) -> Json:
    """A Vertex PipelineJob as JSON; its `pipelineSpec` is what Kubeflow Pipelines takes.

    Args:
        config: settings; those of `deploy.parameters` become parameters with these values as defaults.
        target: `kubeflow` or `vertex`.
        require_bucket: whether places must be ones that a cluster reaches; False: the job is executed on this machine.

    Raises:
        ConfigError, DataError: a setting doesn't fit a cluster, or a file can't be read.
    """
    require_deployable(config.deploy)
    _require_no_look_back(config.spans)
    if require_bucket:
        _require_reachable(config, target)
    config, schema_text = _without_local_files(config)
    paths = RunPaths.of(config)
    config = _with_places(config, paths)
    parameters = make_parameters(config, config.deploy.parameters)
    job = _compile_graph(mark(config, parameters), schema_text, paths, config)
    spec = job["pipelineSpec"]
    put_placeholders(spec, parameters)
    settle_tasks(spec, config.deploy, target)
    if is_remote(paths.artifacts) or not require_bucket:
        spec["defaultPipelineRoot"] = paths.artifacts  # else Kubeflow's own
    settle_job(job, config, _defaults(parameters))
    return job


def _require_no_look_back(spans: SpansConfig) -> None:
    """Only this machine's metadata know what was there when the data came."""
    if spans.window > 1:
        raise ConfigError(
            f"spans.window: {spans.window}: Kubeflow's compiler can't look for earlier spans; compile with"
            " --set spans.window=1, or use `fer-tfx run`"
        )
    if spans.warm_start:
        raise ConfigError(
            "spans.warm_start: true: on a cluster a second run on the same data would begin with what the first has"
            " trained; compile with --set spans.warm_start=false, or use `fer-tfx run`"
        )


def _require_reachable(config: PipelineConfig, target: str) -> None:
    deploy, root = config.deploy, config.runtime.root
    has_volume = target == KUBEFLOW and bool(deploy.volume_claim)

    def is_reachable(path: str) -> bool:
        return is_remote(path) or (has_volume and f"{path}/".startswith(f"{deploy.volume_path.rstrip('/')}/"))

    if not is_reachable(root):
        instead = (
            f" or a folder below {deploy.volume_path}" if has_volume else ", such as --set runtime.root=gs://bucket/fer"
        )
        raise ConfigError(f"runtime.root: {root or 'none'}: a cluster needs a bucket{instead}")
    for key in ("runtime.serving_path", "data.path", "data.unlabelled_path", "tuner.hyperparameters_path"):
        path = read_setting(config, key)
        if path and not is_reachable(path):
            raise ConfigError(f"{key}: {path}: a cluster can't read this machine's files; give a bucket's URI")


def _without_local_files(config: PipelineConfig) -> tuple[PipelineConfig, str]:
    """The schema travels as text, so the path it was read from says nothing any more."""
    text = read_schema(config.validation)
    return dataclasses.replace(config, validation=dataclasses.replace(config.validation, schema_path="")), text


def _with_places(config: PipelineConfig, paths: RunPaths) -> PipelineConfig:
    """Where a parameter's default would depend on another setting, it's written out."""
    return dataclasses.replace(config, runtime=dataclasses.replace(config.runtime, serving_path=paths.serving))


def _defaults(parameters: list[Parameter]) -> Mapping[str, Any]:
    return {each.name: each.default for each in parameters if "defaultValue" in each.definition}


def _compile_graph(marked: PipelineConfig, schema_text: str, paths: RunPaths, config: PipelineConfig) -> Json:
    """Args: the settings with marks, and as they are: what is no input of a task can't be a parameter."""
    from tfx import v1 as tfx
    from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig

    from pipeline.graph import build_components

    pipeline = tfx.dsl.Pipeline(
        pipeline_name=config.name,
        pipeline_root=paths.artifacts,
        components=build_components(marked, _make_places(marked, schema_text, config)),
        enable_cache=config.deploy.cache,
        beam_pipeline_args=make_beam_arguments(config, paths),
    )
    runner = KubeflowV2DagRunner(
        KubeflowV2DagRunnerConfig(
            default_image=config.deploy.image, default_commands=list(ENTRY), use_pipeline_spec_2_1=True
        )
    )
    job: Json = runner.run(pipeline, write_out=False)
    return job


def _make_places(marked: PipelineConfig, schema_text: str, config: PipelineConfig) -> Any:
    from pipeline.baseline import PublishedComparison
    from pipeline.graph import Places
    from pipeline.runners.vertex_training import choose_trainer

    paths = RunPaths.of(marked)
    patterns = {LABELLED_INPUT: marked.data.path, UNLABELLED_INPUT: marked.data.unlabelled_path}
    trainer_class, trainer_settings = choose_trainer(config.deploy)
    return Places(
        # The whole paths, which the ingestion's driver takes apart where it runs.
        data=Input("", patterns),
        schema_text=schema_text,
        serving=paths.serving,
        checkpoints=paths.checkpoints,
        comparison=PublishedComparison(paths.baseline),
        hyperparameters=resolve_hyperparameters(config, must_read=False),
        trainer_class=trainer_class,
        trainer_settings=trainer_settings,
    )


def make_beam_arguments(config: PipelineConfig, paths: RunPaths) -> list[str]:
    """What the Beam components are started with; the profile's come before one's own, which win."""
    deploy, own = config.deploy, config.runtime.beam_pipeline_args
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
    return build_arguments(beam, [*(f"--labels={name}={value}" for name, value in sorted(deploy.labels.items())), *own])
