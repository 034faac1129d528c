"""Values of a compiled pipeline's parameters, from the command line, the file and the defaults."""

import pytest

from fer_tfx.errors import ConfigError
from pipeline.deployment.parameters import resolve_parameters

DECLARED = {
    "data_path": {"parameterType": "STRING"},
    "trainer_epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 10},
    "gate_max_ece": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.15},
    "is_fast": {"parameterType": "BOOLEAN", "isOptional": True},
    "stages": {"parameterType": "LIST", "defaultValue": [32]},
}


def test_resolve_parameters_caller_wins_over_file_and_file_over_default():
    values = resolve_parameters(
        DECLARED, {"trainer_epochs": 5, "gate_max_ece": 0.2}, ["data_path=a=b", "gate_max_ece=1"]
    )
    assert values == {"data_path": "a=b", "trainer_epochs": 5, "gate_max_ece": 1.0, "stages": [32]}


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("trainer_epochs=3", "trainer_epochs", 3),
        ("is_fast=False", "is_fast", False),
        ("stages=[1, 2]", "stages", [1, 2]),
    ],
)
def test_resolve_parameters_text_becomes_the_declared_type(text, name, value):
    assert resolve_parameters(DECLARED, {"data_path": "a"}, [text])[name] == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trainer_epochs", "--param trainer_epochs: expected name=value"),
        (
            "trainer_epoch=3",
            "--param trainer_epoch: the pipeline has no such parameter; did you mean 'trainer_epochs'?",
        ),
        ("trainer_epochs=3.5", "--param trainer_epochs: expected a whole number, got '3.5'"),
        ("gate_max_ece=nan", "--param gate_max_ece: expected a finite number, got 'nan'"),
        ("gate_max_ece=1e999", "--param gate_max_ece: expected a finite number, got '1e999'"),
        ("is_fast=perhaps", "--param is_fast: expected true or false, got 'perhaps'"),
        ("stages=[1", "--param stages: expected a list in JSON, got '[1'"),
    ],
)
def test_resolve_parameters_unfit_value_is_refused_by_name(text, message):
    with pytest.raises(ConfigError) as refusal:
        resolve_parameters(DECLARED, {"data_path": "a"}, [text])
    assert str(refusal.value) == message


def test_resolve_parameters_value_that_nobody_gives_is_asked_for():
    with pytest.raises(ConfigError, match="parameter data_path: has no value and no default; give --param data_path="):
        resolve_parameters(DECLARED, {}, [])
