"""Where the values of a run's and a task's parameters come from."""

import pytest

from fer_tfx.errors import ConfigError
from pipeline.replay.execution import resolve_run, resolve_task
from pipeline.runners.compiled import KUBEFLOW, CompiledPipeline, Task

DECLARED = {
    "epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 10},
    "rate": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.1},
    "data": {"parameterType": "STRING"},
    "is_quick": {"parameterType": "BOOLEAN", "isOptional": True},
}


def declare(declared: dict, given: dict | None = None) -> CompiledPipeline:
    """A pipeline without tasks."""
    return CompiledPipeline("fer", KUBEFLOW, {}, declared, given or {}, content=b"", documents=[])


def declare_texts(**defaults: str) -> CompiledPipeline:
    return declare({name: {"parameterType": "STRING", "defaultValue": text} for name, text in defaults.items()})


def test_resolve_run_override_wins_over_the_file_and_the_file_over_the_default(tmp_path):
    pipeline = declare(DECLARED, {"epochs": 3, "rate": 0.2})
    values = resolve_run(pipeline, ["epochs=5", "data=a=b.csv", "is_quick=True"], tmp_path)
    assert values == {"epochs": 5, "rate": 0.2, "data": "a=b.csv", "is_quick": True}
    assert type(values["epochs"]) is int


def test_resolve_run_bucket_of_the_file_becomes_a_folder_and_one_given_stays(tmp_path):
    pipeline = declare_texts(root="gs://bucket/runs", data="gs://bucket/runs")
    values = resolve_run(pipeline, ["data=gs://bucket/fer.csv"], tmp_path)
    assert values == {"root": f"{tmp_path}/gs/bucket/runs", "data": "gs://bucket/fer.csv"}


def test_resolve_run_volume_that_is_written_to_becomes_a_folder_and_data_on_it_stay(tmp_path):
    places = {"runtime_root": "/fer/runs", "runtime_serving_path": "/fer/runs/fer/serving", "data_path": "/fer/a.csv"}
    assert resolve_run(declare_texts(**places), [], tmp_path) == {
        "runtime_root": f"{tmp_path}/file/fer/runs",
        "runtime_serving_path": f"{tmp_path}/file/fer/runs/fer/serving",
        "data_path": "/fer/a.csv",
    }
    given = {"runtime_root": "/mine", "runtime_serving_path": "/mine/served"}
    overrides = [f"{name}={place}" for name, place in given.items()]
    assert resolve_run(declare_texts(**places), overrides, tmp_path) == {**places, **given}


@pytest.mark.parametrize("name", ["runtime_root", "runtime_serving_path", "data_path"])
def test_resolve_run_needed_place_given_as_nothing_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match=rf"^--param {name}: expected a place, got nothing; is a variable unset\?$"):
        resolve_run(declare_texts(**{name: "gs://b/x"}), [f"{name}="], tmp_path)


def test_resolve_run_parameter_without_any_value_is_asked_for(tmp_path):
    with pytest.raises(ConfigError, match=r"^parameter data: has no value and no default; give --param data=VALUE"):
        resolve_run(declare(DECLARED), [], tmp_path)


def test_resolve_task_value_comes_from_run_or_constant():
    parameters = {
        "epochs": {"componentInputParameter": "trainer_epochs"},
        "settings": {"runtimeValue": {"constant": "{{$.inputs.parameters['epochs']}}"}},
        "left_out": {"componentInputParameter": "optional"},
    }
    values = resolve_task(Task("Trainer", executor={}, input_parameters=parameters), {"trainer_epochs": 8})
    assert values == {"epochs": 8, "settings": "{{$.inputs.parameters['epochs']}}"}
