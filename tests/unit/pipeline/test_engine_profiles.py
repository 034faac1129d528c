"""The options of each engine, as Beam's own parser reads them."""

import pytest

from configs.spec import BeamConfig
from fer_tfx.errors import ConfigError
from pipeline import engines
from pipeline.engines import JAVA_OPTIONS, build_arguments, needs_image, parse_options

LOOPBACK = {
    "environment_type": "LOOPBACK",
    "sdk_worker_parallelism": "2",
    "environment_cache_millis": "600000",
    "job_server_timeout": 604800,
    "sdk_container_image": "this-installation",
}
CONTAINER = {
    "environment_type": "DOCKER",
    "environment_config": "registry/fer:1",
    "sdk_container_image": "registry/fer:1",
    "sdk_worker_parallelism": "2",
    "environment_cache_millis": "600000",
    "job_server_timeout": 604800,
}
CLUSTER = {"image": "registry/fer:1"}


@pytest.fixture(autouse=True)
def _beam_that_chooses_well(monkeypatch):
    """As Beam 2.59 does, whichever is installed."""
    monkeypatch.setattr(engines, "build_local_runner", list)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"engine": "local"}, {}),
        (
            {"engine": "local-parallel", "workers": 3},
            {
                "direct_running_mode": "multi_processing",
                "direct_num_workers": 3,
                "sdk_container_image": "this-installation",
            },
        ),
        (
            {"engine": "portable", "endpoint": "jobs:8099"},
            {"runner": "PortableRunner", "job_endpoint": "jobs:8099", **LOOPBACK},
        ),
        (
            {"engine": "portable", "endpoint": "jobs:8099", **CLUSTER},
            {"runner": "PortableRunner", "job_endpoint": "jobs:8099", **CONTAINER},
        ),
        (
            {"engine": "flink", "job_server_jar": "/jars/flink.jar"},
            {
                "runner": "FlinkRunner",
                "flink_master": "[local]",
                "flink_job_server_jar": "/jars/flink.jar",
                "job_server_jvm_properties": list(JAVA_OPTIONS),
                "parallelism": 2,
                **LOOPBACK,
            },
        ),
        (
            {"engine": "flink", "endpoint": "http://flink:8081", **CLUSTER},
            {
                "runner": "FlinkRunner",
                "flink_master": "http://flink:8081",
                "flink_submit_uber_jar": True,
                "parallelism": 2,
                **CONTAINER,
            },
        ),
        (
            {"engine": "spark", "job_server_jar": "/jars/spark.jar"},
            {
                "runner": "SparkRunner",
                "spark_master_url": "local[2]",
                "spark_job_server_jar": "/jars/spark.jar",
                "job_server_jvm_properties": list(JAVA_OPTIONS),
                **LOOPBACK,
            },
        ),
        (
            {"engine": "spark", "endpoint": "http://spark:6066", **CLUSTER},
            {
                "runner": "SparkRunner",
                "spark_rest_url": "http://spark:6066",
                "spark_submit_uber_jar": True,
                **CONTAINER,
            },
        ),
        (
            {"engine": "dataflow", "project": "p", "region": "r", "temp_location": "gs://b/t", "workers": 9, **CLUSTER},
            {
                "runner": "DataflowRunner",
                "project": "p",
                "region": "r",
                "temp_location": "gs://b/t",
                "sdk_container_image": "registry/fer:1",
                "experiments": ["use_runner_v2"],
                "max_num_workers": 9,
            },
        ),
    ],
    ids=lambda value: value.get("engine") if isinstance(value, dict) else None,
)
def test_options_of_an_engine_are_those_that_beams_parser_reads(settings, expected):
    options = parse_options(build_arguments(BeamConfig(**settings)))
    options.pop("flink_version", None)  # not there where it is the default of this Beam
    assert options == expected


@pytest.mark.parametrize("engine", ["local", "local-parallel"])
def test_runner_is_named_for_a_beam_that_would_choose_another(engine, monkeypatch):
    monkeypatch.setattr(engines, "build_local_runner", lambda: ["--runner=FnApiRunner"])
    options = parse_options(build_arguments(BeamConfig(engine=engine)))
    assert (options["runner"], options["sdk_container_image"]) == ("FnApiRunner", "this-installation")
    assert build_arguments(BeamConfig(), ("--runner=DataflowRunner",)) == ["--runner=DataflowRunner"]


def test_arguments_given_by_hand_come_last_and_win():
    arguments = build_arguments(BeamConfig(engine="local-parallel"), ("--direct_num_workers=7",))
    assert parse_options(arguments)["direct_num_workers"] == 7


def test_packages_are_handed_to_the_workers_library_first_and_stop_tfx_from_building_its_own():
    library, pipeline = "/dist/fer_tfx-0.1.0.tar.gz", "/dist/fer_tfx_pipeline-0.1.0-py3-none-any.whl"
    beam = BeamConfig(engine="portable", endpoint="jobs:8099", packages=(pipeline, library))
    options = parse_options(build_arguments(beam))
    assert options["extra_packages"] == [library, pipeline]
    assert "sdk_container_image" not in options


@pytest.mark.parametrize("engine", ["local-parallel", "portable", "flink", "spark", "dataflow"])
def test_tfx_builds_no_package_of_itself_for_any_engine(engine, monkeypatch):
    from tfx.utils import dependency_utils

    def fail():
        raise AssertionError("TFX packs itself")

    monkeypatch.setattr(dependency_utils, "build_ephemeral_package", fail)
    arguments = build_arguments(BeamConfig(engine=engine, image="registry/fer:1" if engine == "dataflow" else ""))
    assert dependency_utils.make_beam_dependency_flags(arguments) == arguments


def test_another_runner_given_by_hand_is_told_nothing_of_this_installation():
    assert build_arguments(BeamConfig(), ("--runner=DataflowRunner",)) == ["--runner=DataflowRunner"]


@pytest.mark.parametrize(
    ("engine", "endpoint", "expected"),
    [
        ("flink", "http://flink:8081", True),
        ("flink", "http://localhost:8081", False),
        ("spark", "", False),
        ("spark", "spark:6066", True),
        ("portable", "jobs:8099", False),
    ],
)
def test_image_is_needed_where_workers_run_on_other_machines(engine, endpoint, expected):
    assert needs_image(BeamConfig(engine=engine, endpoint=endpoint)) is expected


def test_option_that_beam_does_not_know_is_named():
    with pytest.raises(ConfigError, match="Beam has no option direct_num_wrokers; correct or remove it"):
        parse_options(["--direct_num_wrokers=2"])


def test_option_with_a_value_of_another_type_is_refused(capsys):
    said = "runtime.beam_pipeline_args: Beam can't read one: argument --direct_num_workers: invalid int value: 'two'; "
    with pytest.raises(ConfigError, match=f"^{said}"):
        parse_options(["--direct_num_workers=two"])
    assert capsys.readouterr().err == ""


def test_pickled_main_is_refused():
    with pytest.raises(ConfigError, match="save_main_session would pickle this process's __main__"):
        parse_options(["--save_main_session"])
