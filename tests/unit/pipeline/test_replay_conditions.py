"""Conditions as TFX's compiler writes them, against its own writer."""

import pytest
from tfx.dsl.placeholder import placeholder as ph
from tfx.orchestration.kubeflow.v2.compiler_utils import placeholder_to_cel

from fer_tfx.errors import ConfigError
from pipeline.replay.conditions import is_met

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
