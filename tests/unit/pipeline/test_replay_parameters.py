"""Where the values of a run's and a task's parameters come from."""

import pytest

from fer_tfx.errors import ConfigError
from pipeline.replay.execution import resolve_run, resolve_task
from pipeline.runners.compiled import Task

DECLARED = {
    "epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 10},
    "rate": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.1},
    "data": {"parameterType": "STRING"},
    "is_quick": {"parameterType": "BOOLEAN", "isOptional": True},
}


def test_resolve_run_override_wins_over_the_file_and_the_file_over_the_default(tmp_path):
    values = resolve_run(DECLARED, {"epochs": 3, "rate": 0.2}, ["epochs=5", "data=a=b.csv", "is_quick=True"], tmp_path)
    assert values == {"epochs": 5, "rate": 0.2, "data": "a=b.csv", "is_quick": True}
    assert type(values["epochs"]) is int


def test_resolve_run_bucket_of_the_file_becomes_a_folder_and_one_given_stays(tmp_path):
    declared = {name: {"parameterType": "STRING", "defaultValue": "gs://bucket/runs"} for name in ("root", "data")}
    values = resolve_run(declared, {}, ["data=gs://bucket/fer.csv"], tmp_path)
    assert values == {"root": f"{tmp_path}/gs/bucket/runs", "data": "gs://bucket/fer.csv"}


def test_resolve_run_parameter_without_any_value_is_asked_for(tmp_path):
    with pytest.raises(ConfigError, match=r"^parameter data: has no value and no default; give --param data=VALUE"):
        resolve_run(DECLARED, {}, [], tmp_path)


def test_resolve_task_value_comes_from_run_or_constant():
    parameters = {
        "epochs": {"componentInputParameter": "trainer_epochs"},
        "settings": {"runtimeValue": {"constant": "{{$.inputs.parameters['epochs']}}"}},
        "left_out": {"componentInputParameter": "optional"},
    }
    values = resolve_task(Task("Trainer", executor={}, input_parameters=parameters), {"trainer_epochs": 8})
    assert values == {"epochs": 8, "settings": "{{$.inputs.parameters['epochs']}}"}
