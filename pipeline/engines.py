"""The engines that the Beam components run on: what each one needs, and its options.

Workers import this project from their image, from `beam.packages`, or from this installation if they run on this
machine. Nothing is pickled from `__main__`.
"""

import dataclasses
import io
import os
import shutil
import socket
from collections.abc import Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from configs.spec import BeamConfig
from fer_tfx.errors import ConfigError
from pipeline.stack import build_local_runner, read_flink_version

# Without such an option TFX packs itself for each Beam component, 6 s each. No engine looks for this image.
_THIS_INSTALLATION = "--sdk_container_image=this-installation"
_CODE_OPTIONS = ("--sdk_container_image", "--extra_package", "--setup_file", "--requirements_file")
# Where Beam and requirements/job_server/pom.xml put job servers.
_JARS = Path("~/.apache_beam/cache/jars")
# What Flink's and Spark's own scripts tell a Java from 16 on, which Beam's start of a job server does not.
_OPENED = (
    *("java.io", "java.lang", "java.lang.invoke", "java.lang.reflect", "java.net", "java.nio", "java.util"),
    *("java.util.concurrent", "java.util.concurrent.atomic", "sun.nio.ch"),
)
JAVA_OPTIONS = tuple(f"--add-opens=java.base/{each}=ALL-UNNAMED" for each in _OPENED)
# Flink would start new workers for each stage of a job, and each would import TensorFlow.
_ENVIRONMENT_CACHE_MS = 600_000
# Beam's default is 60 s, after which it stops waiting for a job that may still be running.
_JOB_TIMEOUT_S = 7 * 24 * 3600
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
_LIBRARY_PREFIX = "fer_tfx-"
_CONNECT_TIMEOUT_S = 5.0


def require_engine(beam: BeamConfig) -> BeamConfig:
    """`beam` with the job server that was found, if it names none. Imports nothing of Beam.

    Raises ConfigError: something that a run on `beam.engine` needs is missing.
    """
    for package in beam.packages:
        if not Path(package).is_file():
            raise ConfigError(
                f"beam.packages: {package}: no such file; build both packages with `pip wheel --no-deps ./fer_tfx .`"
            )
    if beam.engine == "portable":
        _require_endpoint(beam, "host:port of a Beam job service")
    elif beam.engine in ("flink", "spark"):
        _require_cluster(beam)
        if not beam.job_server_jar:
            jars = _JARS.expanduser().glob(f"beam-runners-{beam.engine}-*job-server-*.jar")
            return dataclasses.replace(beam, job_server_jar=str(max(jars, key=os.path.getmtime, default="")))
    elif beam.engine == "dataflow":
        raise ConfigError(
            "beam.engine: dataflow: its workers can't reach the local folder that `fer-tfx run` works in; compile for a"
            " cluster with --set deploy.beam=dataflow, or choose another engine"
        )
    return beam


def require_settings(beam: BeamConfig) -> None:
    """Raise ConfigError if a setting that `beam.engine` needs is empty, wherever it is going to work."""
    needed = {"portable": ("endpoint",), "dataflow": ("project", "region", "temp_location", "image")}
    for name in needed.get(beam.engine, ("image",) if needs_image(beam) else ()):
        if not getattr(beam, name):
            raise ConfigError(
                f"beam.{name}: none, but beam.engine: {beam.engine} needs it; give --set beam.{name}=..., see"
                " docs/engines.md"
            )


def _require_cluster(beam: BeamConfig) -> None:
    if beam.job_server_jar and not Path(beam.job_server_jar).is_file():
        raise ConfigError(
            f"beam.job_server_jar: {beam.job_server_jar}: no such file; make one with `mvn -f"
            f" requirements/job_server/pom.xml package -P {beam.engine}`, or leave it empty"
        )
    if beam.endpoint:
        _require_endpoint(beam, "http://host:port of the cluster's REST interface")
    elif shutil.which("java") is None:
        raise ConfigError(
            f"beam.engine: {beam.engine}: no `java` found to start a cluster on this machine; install a Java runtime,"
            " or give the cluster's address as beam.endpoint"
        )
    if needs_image(beam) and not beam.image:
        raise ConfigError(
            f"beam.image: none, but the workers of {beam.endpoint} run elsewhere; give a container image with this"
            " project"
        )


def _require_endpoint(beam: BeamConfig, expected: str) -> None:
    try:
        parts = _split(beam.endpoint)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port:
        raise ConfigError(f"beam.endpoint: expected {expected}, got {beam.endpoint!r}; give --set beam.endpoint=...")
    try:
        socket.create_connection((host, port), _CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise ConfigError(
            f"beam.endpoint: {beam.endpoint}: no answer ({error}); start the service that beam.engine: {beam.engine}"
            " needs, or correct the address"
        ) from None


def _split(endpoint: str) -> SplitResult:
    return urlsplit(endpoint if "//" in endpoint else f"//{endpoint}")


def needs_image(beam: BeamConfig) -> bool:
    """Whether workers of `flink` and `spark` run on other machines."""
    is_elsewhere = bool(beam.endpoint) and _split(beam.endpoint).hostname not in _THIS_MACHINE
    return beam.engine in ("flink", "spark") and is_elsewhere


def build_arguments(beam: BeamConfig, own: Sequence[str] = ()) -> list[str]:
    """Options of the engine, then the caller's `own`, which win. None: Beam runs in this process by default."""
    has_own_runner = beam.engine == "local" and any(each.startswith("--runner") for each in own)
    # The library first: the pipeline's package requires it, and Beam installs them in this order.
    packages = sorted(beam.packages, key=lambda path: not Path(path).name.startswith(_LIBRARY_PREFIX))
    arguments = [
        *([] if has_own_runner else _build_engine(beam)), *own, *(f"--extra_package={each}" for each in packages)
    ]  # fmt: skip
    tells_code = any(each.startswith(_CODE_OPTIONS) for each in arguments)
    # The workers of another runner may be anywhere.
    return arguments if not arguments or tells_code or has_own_runner else [*arguments, _THIS_INSTALLATION]


def _build_engine(beam: BeamConfig) -> list[str]:
    endpoint, workers = beam.endpoint, beam.workers
    jar = [f"--{beam.engine}_job_server_jar={beam.job_server_jar}"] if beam.job_server_jar else []
    java = [] if endpoint else [f"--job_server_jvm_properties={each}" for each in JAVA_OPTIONS]
    match beam.engine:
        case "local-parallel":
            parallel = ["--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]
            return [*build_local_runner(), *parallel]
        case "portable":
            return ["--runner=PortableRunner", f"--job_endpoint={endpoint}", *_build_environment(beam)]
        case "flink":
            place = [f"--flink_master={endpoint or '[local]'}", *(["--flink_submit_uber_jar"] if endpoint else java)]
            version = [f"--flink_version={read_flink_version()}", f"--parallelism={workers}"]
            return ["--runner=FlinkRunner", *place, *jar, *version, *_build_environment(beam)]
        case "spark":
            local = [f"--spark_master_url=local[{workers}]", *java]
            place = [f"--spark_rest_url={endpoint}", "--spark_submit_uber_jar"] if endpoint else local
            return ["--runner=SparkRunner", *place, *jar, *_build_environment(beam)]
        case "dataflow":
            settings = [f"--{name}={getattr(beam, name)}" for name in ("project", "region", "temp_location")]
            image = [f"--sdk_container_image={beam.image}", "--experiments=use_runner_v2"]
            return ["--runner=DataflowRunner", *settings, *image, f"--max_num_workers={workers}"]
    return build_local_runner()


def _build_environment(beam: BeamConfig) -> list[str]:
    """Workers in containers of the image, or within this process."""
    common = [
        f"--sdk_worker_parallelism={beam.workers}",
        f"--environment_cache_millis={_ENVIRONMENT_CACHE_MS}",
        f"--job_server_timeout={_JOB_TIMEOUT_S}",
    ]
    if beam.image:
        image = [f"--environment_config={beam.image}", f"--sdk_container_image={beam.image}"]
        return ["--environment_type=DOCKER", *image, *common]
    # Not `use_loopback_process_worker`: that runs the first `python` on the path, which may be another one.
    return ["--environment_type=LOOPBACK", *common]


def parse_options(arguments: Sequence[str]) -> dict[str, Any]:
    """The options that Beam's own parser reads, by name, without those at their defaults.

    Raises ConfigError: Beam doesn't know one, which it would only log, or can't use it.
    """
    from apache_beam.options.pipeline_options import PipelineOptions

    options = PipelineOptions(list(arguments))
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            known = options.get_all_options(drop_default=True)
            unknown = sorted(set(options.get_all_options(drop_default=True, retain_unknown_options=True)) - set(known))
    except SystemExit:  # argparse can't read a value
        reason = said.getvalue().rstrip().rpartition("error: ")[2]
        raise ConfigError(f"runtime.beam_pipeline_args: Beam can't read one: {reason}; correct or remove it") from None
    if unknown:
        raise ConfigError(f"runtime.beam_pipeline_args: Beam has no option {', '.join(unknown)}; correct or remove it")
    if known.get("save_main_session"):
        raise ConfigError(
            "runtime.beam_pipeline_args: save_main_session would pickle this process's __main__; remove it: the workers"
            " import this project from beam.image or beam.packages"
        )
    return dict(known)
