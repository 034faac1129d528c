"""What an engine needs, looked at before the run starts: seconds now instead of minutes until the first component."""

import importlib.util
import shutil
import socket
from pathlib import Path
from urllib.parse import urlsplit

from configs.spec import BeamConfig
from fer_tfx.errors import ConfigError
from pipeline.engines.profiles import needs_image
from pipeline.paths import is_remote

_CONNECT_TIMEOUT_S = 5.0
_DATAFLOW_MODULES = ("apitools", "google.cloud.storage")


def require_engine(beam: BeamConfig, root: str) -> None:
    """Look for all that `beam.engine` needs. Imports nothing of Beam.

    Args:
        beam: settings.
        root: runtime.root, which the workers must reach.

    Raises:
        ConfigError: a setting, a file, a program or an extra is missing, or nobody answers at the endpoint.
    """
    if beam.package and not Path(beam.package).is_file():
        raise ConfigError(f"beam.package: {beam.package}: no such file; build one with `python setup.py sdist`")
    if beam.engine == "portable":
        _require_endpoint(beam, "host:port of a Beam job service")
    elif beam.engine in ("flink", "spark"):
        _require_cluster(beam)
    elif beam.engine == "dataflow":
        _require_dataflow(beam, root)


def _require_cluster(beam: BeamConfig) -> None:
    if beam.job_server_jar and not Path(beam.job_server_jar).is_file():
        raise ConfigError(
            f"beam.job_server_jar: {beam.job_server_jar}: no such file; take beam-runners-{beam.engine}-*-job-server of"
            " the installed Beam's version from Maven, or leave it empty, and Beam fetches it"
        )
    if beam.endpoint:
        _require_endpoint(beam, "http://host:port of the cluster's REST interface")
    elif shutil.which("java") is None:
        raise ConfigError(
            f"beam.engine: {beam.engine}: no `java` is found to start a cluster within this machine; install a Java"
            " runtime, or give the cluster's address as beam.endpoint"
        )
    if needs_image(beam) and not beam.image:
        raise ConfigError(
            f"beam.image: none, but the workers of {beam.endpoint} run elsewhere; give a container image with this"
            " project"
        )


def _require_dataflow(beam: BeamConfig, root: str) -> None:
    for module in _DATAFLOW_MODULES:
        if not _is_installed(module):
            raise ConfigError(f"beam.engine: dataflow: {module} is missing; install apache-beam[gcp]")
    for name in ("project", "region", "temp_location", "image"):
        if not getattr(beam, name):
            raise ConfigError(f"beam.{name}: none, but dataflow needs it; give --set beam.{name}=...")
    if not is_remote(root):
        raise ConfigError(
            f"runtime.root: {root}: Dataflow's workers can't reach a folder of this machine; give a bucket, gs://..."
        )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of a package above it
        return False


def _require_endpoint(beam: BeamConfig, expected: str) -> None:
    try:
        parts = urlsplit(beam.endpoint if "//" in beam.endpoint else f"//{beam.endpoint}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port:
        raise ConfigError(f"beam.endpoint: expected {expected}, got {beam.endpoint!r}; give --set beam.endpoint=...")
    try:
        socket.create_connection((host, port), _CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise ConfigError(
            f"beam.endpoint: {beam.endpoint}: nobody answers ({error}); start the service that beam.engine:"
            f" {beam.engine} needs, or mend the address"
        ) from None
