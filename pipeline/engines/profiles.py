"""`beam` of the settings -> the options that Beam's own parser takes.

The options are those of Beam 2.59 and 2.77, apache_beam/options/pipeline_options.py. Workers import this project: from
the image or the package that they are given, or from this installation where they run on this machine. Nothing is
pickled from `__main__`.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from configs.spec import BeamConfig
from pipeline.stack import build_local_runner

# TFX packs itself anew for each component, 6 s each, unless it is told what the workers have. Those of this machine
# have this installation, and none of the engines looks at the image of such workers.
_THIS_INSTALLATION = "--sdk_container_image=this-installation"
# Without it Flink starts workers anew for each stage of a job, and each of them imports TensorFlow.
_ENVIRONMENT_CACHE_MS = 600_000
# Beam ends its watch over a job after as long, 60 s where nothing is said, whether or not the job is done.
_JOB_TIMEOUT_S = 7 * 24 * 3600
_OWN_HOSTS = ("localhost", "127.0.0.1", "::1")


def build_arguments(beam: BeamConfig, own: Sequence[str] = ()) -> list[str]:
    """Options of the engine, then `own`, which win. None at all: Beam in this process, where that is its own choice.

    Args:
        beam: settings that `pipeline.engines.checks.require_engine` has passed.
        own: further options of Beam's.
    """
    has_runner_of_own = beam.engine == "local" and any(each.startswith("--runner") for each in own)
    arguments = [*([] if has_runner_of_own else _BUILDERS[beam.engine](beam)), *own]
    if beam.package:
        arguments.append(f"--extra_package={beam.package}")
    if has_runner_of_own:
        return arguments  # its workers may lie anywhere
    return arguments if not arguments or _tells_workers_code(arguments) else [*arguments, _THIS_INSTALLATION]


def needs_image(beam: BeamConfig) -> bool:
    """Whether workers of `flink` and `spark` run on machines other than this one."""
    return beam.engine in ("flink", "spark") and bool(beam.endpoint) and not _is_own_host(beam.endpoint)


def _is_own_host(endpoint: str) -> bool:
    return urlsplit(endpoint if "//" in endpoint else f"//{endpoint}").hostname in _OWN_HOSTS


def _tells_workers_code(arguments: list[str]) -> bool:
    known = ("--sdk_container_image", "--extra_package", "--setup_file", "--requirements_file")
    return any(each.startswith(known) for each in arguments)


def _build_local(beam: BeamConfig) -> list[str]:
    del beam
    return build_local_runner()


def _build_local_parallel(beam: BeamConfig) -> list[str]:
    return [*build_local_runner(), "--direct_running_mode=multi_processing", f"--direct_num_workers={beam.workers}"]


def _build_portable(beam: BeamConfig) -> list[str]:
    return ["--runner=PortableRunner", f"--job_endpoint={beam.endpoint}", *_build_environment(beam)]


def _build_flink(beam: BeamConfig) -> list[str]:
    # A job goes to a cluster as one jar, over REST; without a cluster the job server brings one along.
    place = (
        [f"--flink_master={beam.endpoint}", "--flink_submit_uber_jar"] if beam.endpoint else ["--flink_master=[local]"]
    )
    jar = [f"--flink_job_server_jar={beam.job_server_jar}"] if beam.job_server_jar else []
    return ["--runner=FlinkRunner", *place, *jar, f"--parallelism={beam.workers}", *_build_environment(beam)]


def _build_spark(beam: BeamConfig) -> list[str]:
    place = (
        [f"--spark_rest_url={beam.endpoint}", "--spark_submit_uber_jar"]
        if beam.endpoint
        else [f"--spark_master_url=local[{beam.workers}]"]
    )
    jar = [f"--spark_job_server_jar={beam.job_server_jar}"] if beam.job_server_jar else []
    return ["--runner=SparkRunner", *place, *jar, *_build_environment(beam)]


def _build_dataflow(beam: BeamConfig) -> list[str]:
    return [
        "--runner=DataflowRunner",
        f"--project={beam.project}",
        f"--region={beam.region}",
        f"--temp_location={beam.temp_location}",
        f"--sdk_container_image={beam.image}",
        "--experiments=use_runner_v2",
        f"--max_num_workers={beam.workers}",
    ]


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
    # Not in processes of their own, `use_loopback_process_worker`: Beam starts those with whatever `python` comes first
    # on the path, which needn't be this one.
    return ["--environment_type=LOOPBACK", *common]


_BUILDERS = {
    "local": _build_local,
    "local-parallel": _build_local_parallel,
    "portable": _build_portable,
    "flink": _build_flink,
    "spark": _build_spark,
    "dataflow": _build_dataflow,
}
