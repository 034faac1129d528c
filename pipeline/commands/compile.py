"""fer-tfx compile."""

import json
import tempfile
from pathlib import Path

import yaml

from configs.spec import PipelineConfig
from fer_tfx.errors import ConfigError, DataError
from fer_tfx.installation import require_tfx
from fer_tfx.quiet import hush_libraries, output_in_log
from pipeline.inputs import resolve_hyperparameters
from pipeline.runners.job_settings import KUBEFLOW, VERTEX, describe_platform

# Kubeflow's and Vertex's clients go by the suffix too.
_SUFFIXES = {KUBEFLOW: (".yaml", ".yml"), VERTEX: (".json",)}


def compile_to_file(config: PipelineConfig, target: str, out: Path) -> int:
    """Write the pipeline for Vertex AI (PipelineJob, JSON) or Kubeflow Pipelines (PipelineSpec, YAML).

    Raises:
        ConfigError, DataError: a setting doesn't fit a cluster, or a file can't be read or written.
    """
    require_tfx()
    if out.suffix not in _SUFFIXES[target]:
        raise ConfigError(f"--out {out}: the file for {target} must end in {_SUFFIXES[target][0]}")
    hush_libraries()
    with tempfile.TemporaryDirectory() as folder, output_in_log(Path(folder, "log")):
        text = compile_to_text(config, target)
    _write(text, out)
    print(f"pipeline {config.name!r} for {target} written to {out}; its image is {config.deploy.image}")
    imported = resolve_hyperparameters(config, must_read=False)
    if imported and not imported.fingerprint:
        print(
            f"tuner.hyperparameters_path: {imported.uri}: can't be read here, so neither its fit was checked nor will a"
            " file put in its place be noticed: give each search's result a folder of its own"
        )
    return 0


def compile_to_text(config: PipelineConfig, target: str, *, require_bucket: bool = True) -> str:
    """What the file holds: the same for the same settings and code.

    Args:
        config: settings.
        target: `kubeflow` or `vertex`.
        require_bucket: False: paths of this machine are let through, for a replay on it.

    Raises:
        ConfigError, DataError: a setting doesn't fit a cluster, or a file can't be read.
    """
    from pipeline.runners.compilation import compile_job

    job = compile_job(config, target, require_bucket=require_bucket)
    if target == VERTEX:
        return json.dumps(job, indent=2, sort_keys=True) + "\n"
    documents = [job["pipelineSpec"], describe_platform(job, config.deploy)]
    return str(yaml.safe_dump_all(documents, sort_keys=True, width=120))


def _write(text: str, out: Path) -> None:
    partial = out.with_name(f".{out.name}.partial")
    try:
        partial.write_text(text, "utf-8")
        partial.replace(out)
    except OSError as error:
        raise DataError(f"{out}: can't be written: {error.strerror}; give a folder that is there with --out") from None
