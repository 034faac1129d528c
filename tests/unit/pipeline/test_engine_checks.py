"""What is looked for before a run starts, and the one line that says what is missing."""

import dataclasses
import os
import socket
from collections.abc import Iterator

import pytest

from configs.spec import BeamConfig
from fer_tfx.errors import ConfigError
from pipeline import engines
from pipeline.engines import require_engine


@pytest.fixture
def open_port() -> Iterator[int]:
    with socket.create_server(("localhost", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("localhost", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.parametrize("engine", ["local", "local-parallel"])
def test_engine_of_this_process_needs_nothing(engine):
    require_engine(BeamConfig(engine=engine))


def test_endpoint_that_answers_passes(open_port):
    require_engine(BeamConfig(engine="portable", endpoint=f"localhost:{open_port}"))
    require_engine(BeamConfig(engine="flink", endpoint=f"http://localhost:{open_port}"))


@pytest.mark.parametrize("engine", ["portable", "flink", "spark"])
def test_endpoint_where_nobody_listens_is_named_with_its_engine(engine, closed_port):
    beam = BeamConfig(engine=engine, endpoint=f"localhost:{closed_port}")
    expected = rf"beam.endpoint: localhost:{closed_port}: no answer \(.*\); start the service .* {engine} needs"
    with pytest.raises(ConfigError, match=expected):
        require_engine(beam)


@pytest.mark.parametrize("endpoint", ["", "jobs", "jobs:", "jobs:many", "http://:8099"])
def test_endpoint_without_host_or_port_is_refused(endpoint):
    with pytest.raises(ConfigError, match=r"beam.endpoint: expected host:port of a Beam job service, got"):
        require_engine(BeamConfig(engine="portable", endpoint=endpoint))


@pytest.mark.parametrize("engine", ["flink", "spark"])
def test_cluster_within_this_machine_without_java_is_refused(engine, monkeypatch):
    monkeypatch.setattr(engines.shutil, "which", lambda program: None)
    with pytest.raises(ConfigError, match=rf"beam.engine: {engine}: no `java` found .* give .* beam.endpoint"):
        require_engine(BeamConfig(engine=engine))


def test_job_server_jar_that_is_missing_is_refused(tmp_path):
    beam = BeamConfig(engine="spark", job_server_jar=str(tmp_path / "spark.jar"))
    with pytest.raises(ConfigError, match=r"spark\.jar: no such file; make one with `mvn -f .* -P spark`"):
        require_engine(beam)


def test_newest_job_server_of_the_engine_is_found_unless_one_is_given(open_port, tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "_JARS", tmp_path)
    given = BeamConfig(engine="flink", endpoint=f"localhost:{open_port}")
    assert require_engine(given).job_server_jar == ""
    names = ("flink-1.19-job-server-2.62.0", "flink-1.18-job-server-2.59.0", "spark-3-job-server-2.62.0")
    jars = [tmp_path / f"beam-runners-{name}.jar" for name in names]
    for age, jar in enumerate(jars):
        jar.touch()
        os.utime(jar, (1000 - age, 1000 - age))
    assert require_engine(given).job_server_jar == str(jars[0])
    own = dataclasses.replace(given, job_server_jar=str(jars[1]))
    assert require_engine(own) == own


def test_cluster_elsewhere_without_an_image_is_refused(open_port, monkeypatch):
    monkeypatch.setattr(engines, "needs_image", lambda beam: True)
    with pytest.raises(ConfigError, match=r"beam.image: none, but the workers of .* run elsewhere"):
        require_engine(BeamConfig(engine="flink", endpoint=f"localhost:{open_port}"))


def test_package_that_is_missing_is_refused(tmp_path):
    (tmp_path / "fer_tfx-0.1.0.whl").touch()
    packages = tuple(str(tmp_path / name) for name in ("fer_tfx-0.1.0.whl", "fer.tar.gz"))
    with pytest.raises(ConfigError, match=r"fer\.tar\.gz: no such file; build both packages with `pip wheel "):
        require_engine(BeamConfig(packages=packages))


def test_dataflow_is_for_clusters():
    with pytest.raises(ConfigError, match=r"^beam.engine: dataflow: .*; compile for a cluster with --set deploy.beam="):
        require_engine(BeamConfig(engine="dataflow"))
