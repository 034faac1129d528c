"""Conditions and queries as TFX's compiler writes them."""

import pytest
from tfx import v1 as tfx
from tfx.dsl.placeholder import placeholder as ph
from tfx.orchestration.kubeflow.v2.compiler_utils import placeholder_to_cel
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig

from fer_tfx.errors import ConfigError
from pipeline.replay.expressions import is_met, resolve

INPUT = {
    "inputs": {
        "artifacts": {"blessing": {"artifacts": [{"uri": "gs://b/&&!", "metadata": {"blessed": 1.0, "why": "sound"}}]}}
    }
}
BLESSED = "inputs.artifacts['blessing'].artifacts[0].metadata['blessed']"
URI = "inputs.artifacts['blessing'].artifacts[0].uri"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (f"({BLESSED} == 1.0)", True),
        (f"({BLESSED} < 1.0)", False),
        (f"({BLESSED} > 0.5)", True),
        (f"!(({BLESSED} == 1.0))", False),
        (f"({BLESSED} == 1.0) && ({URI} == 'gs://b/x')", False),
        (f"({BLESSED} == 2.0) || ({URI} == 'gs://b/&&!')", True),
        (f"(({URI} + 'x') == 'gs://b/&&!x')", True),
        (f"({BLESSED} != 1.0)", False),
    ],
)
def test_is_met_condition_is_evaluated(condition, expected):
    assert is_met(condition, INPUT) is expected


@pytest.mark.parametrize(("blessed", "expected"), [(1, True), (0, False)])
def test_is_met_condition_of_tfx_own_writer_is_understood(blessed, expected):
    predicate = ph.logical_not(ph.input("blessing")[0].property("blessed") != blessed)
    assert is_met(placeholder_to_cel(predicate.encode()), INPUT) is expected


@pytest.mark.parametrize(
    "condition", ["inputs.artifacts['none'].artifacts[0].uri == 'x'", "parseJson(inputs) == 1", "(1 ==", "1.0 < 'x'"]
)
def test_is_met_condition_beyond_its_knowledge_is_refused_by_name(condition):
    with pytest.raises(ConfigError, match=r"^condition .* can't be evaluated: \w+Error: "):
        is_met(condition, INPUT)


def make_artifact(title, name, **metadata):
    return {"name": name, "uri": f"/{name}", "type": {"instanceSchema": f"title: {title}"}, "metadata": metadata}


MADE = [
    make_artifact("tfx.Model", "m1"), make_artifact("tfx.ModelBlessing", "b1", blessed=1.0, current_model_id="m1"),
    make_artifact("tfx.Model", "m2"), make_artifact("tfx.ModelBlessing", "b2", blessed=1.0, current_model_id="m2"),
    make_artifact("tfx.Model", "m3"), make_artifact("tfx.ModelBlessing", "b3", blessed=0.0, current_model_id="m3"),
]  # fmt: skip


@pytest.fixture(scope="module")
def queries():
    """Both that TFX's compiler makes of its resolver for the latest blessed model."""
    resolver = tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy,
        model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
        model_blessing=tfx.dsl.Channel(type=tfx.types.standard_artifacts.ModelBlessing),
    ).with_id("Baseline")
    pipeline = tfx.dsl.Pipeline(pipeline_name="fer", pipeline_root="gs://b", components=[resolver])
    config = KubeflowV2DagRunnerConfig(default_image="x", use_pipeline_spec_2_1=True)
    job = KubeflowV2DagRunner(config).run(pipeline, write_out=False)
    executors = job["pipelineSpec"]["deploymentSpec"]["executors"]
    return {
        key: query["filter"]
        for executor in executors.values()
        for key, query in executor["resolver"]["outputArtifactQueries"].items()
    }


def test_resolve_latest_blessing_is_that_of_the_last_blessed_model(queries):
    assert [each["name"] for each in resolve(queries["model_blessing"], {}, MADE)] == ["b2"]


def test_resolve_model_is_the_one_that_the_blessing_names(queries):
    (blessing,) = resolve(queries["model_blessing"], {}, MADE)
    inputs = {"input": {"artifacts": [blessing]}}
    assert [each["name"] for each in resolve(queries["model"], inputs, MADE)] == ["m2"]


def test_resolve_without_a_blessing_finds_nothing(queries):
    assert resolve(queries["model_blessing"], {}, MADE[-2:]) == []
    assert resolve(queries["model"], {"input": {"artifacts": []}}, MADE) == []


def test_resolve_unknown_term_is_refused():
    with pytest.raises(ConfigError, match=r"""resolver query 'uri="/m1"' can't be replayed"""):
        resolve('schema_title="tfx.Model" AND uri="/m1"', {}, MADE)
