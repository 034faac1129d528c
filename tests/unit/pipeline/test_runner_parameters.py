"""Settings as parameters of a compiled pipeline, on a specification of two tasks; their values and placeholders.

Numbers within texts must look as Go's strconv.FormatFloat(value, 'f', -1, 64) writes them.
"""

import json

import pytest

from configs.convert import overlay, read_setting
from configs.spec import PipelineConfig
from fer_tfx.errors import ConfigError
from pipeline.runners.parameters import (
    make_parameters,
    mark,
    put_placeholders,
    resolve_parameters,
    substitute,
    substitute_all,
    to_text,
)

CONFIG = overlay(PipelineConfig(), {"data.path": "gs://b/fer.csv", "trainer.epochs": 30, "gate.min_accuracy": 0.6})
DECLARED = {
    "data_path": {"parameterType": "STRING"},
    "trainer_epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 10},
    "gate_max_ece": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.15},
    "is_fast": {"parameterType": "BOOLEAN", "isOptional": True},
    "stages": {"parameterType": "LIST", "defaultValue": [32]},
}


def describe(inputs: dict[str, dict[str, object]]) -> dict:
    """A PipelineSpec whose tasks have these constants as inputs, each task with a component of its own."""
    tasks, components = {}, {}
    for name, constants in inputs.items():
        parameters = {key: {"runtimeValue": {"constant": value}} for key, value in constants.items()}
        tasks[name] = {"componentRef": {"name": f"comp-{name}"}, "inputs": {"parameters": parameters}}
        definitions = {key: {"parameterType": "STRING"} for key in constants}
        components[f"comp-{name}"] = {"inputDefinitions": {"parameters": definitions}}
    return {"root": {"dag": {"tasks": tasks}}, "components": components}


def constants_of(spec: dict, task: str) -> dict:
    inputs = spec["root"]["dag"]["tasks"][task]["inputs"]["parameters"]
    return {key: value["runtimeValue"]["constant"] for key, value in inputs.items() if "runtimeValue" in value}


def test_put_placeholders_number_in_json_within_json_is_replaced_there_alone():
    (epochs,) = make_parameters(CONFIG, ["trainer.epochs"])
    marked = mark(CONFIG, [epochs])
    inner = json.dumps({"epochs": marked.trainer.epochs, "batch_size": 64})
    spec = describe({"Trainer": {"custom_config": json.dumps({"trainer": inner}), "run_fn": "f"}})
    put_placeholders(spec, [epochs])
    text = constants_of(spec, "Trainer")["custom_config"]
    assert text == json.dumps({"trainer": '{"epochs": {{$.inputs.parameters[\'trainer_epochs\']}}, "batch_size": 64}'})
    assert constants_of(spec, "Trainer")["run_fn"] == "f"


def test_put_placeholders_task_declares_the_input_and_so_does_the_pipeline_with_its_default():
    parameters = make_parameters(CONFIG, ["trainer.epochs", "data.path"])
    marked = mark(CONFIG, parameters)
    spec = describe({"Trainer": {"a": str(marked.trainer.epochs)}, "Gen": {"b": f"{marked.data.path}/x"}})
    put_placeholders(spec, parameters)
    trainer = spec["root"]["dag"]["tasks"]["Trainer"]["inputs"]["parameters"]
    assert trainer["trainer_epochs"] == {"componentInputParameter": "trainer_epochs"}
    assert set(trainer) == {"a", "trainer_epochs"}
    declared = spec["components"]["comp-Trainer"]["inputDefinitions"]["parameters"]
    assert declared["trainer_epochs"] == {"parameterType": "NUMBER_INTEGER"}
    assert spec["root"]["inputDefinitions"]["parameters"] == {
        "trainer_epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 30, "isOptional": True},
        "data_path": {"parameterType": "STRING", "defaultValue": "gs://b/fer.csv", "isOptional": True},
    }
    assert constants_of(spec, "Gen") == {"b": "{{$.inputs.parameters['data_path']}}/x"}


@pytest.mark.parametrize(
    ("key", "written", "expected"),
    [
        ("gate.max_accuracy_drop", "-{}", "-{{$.inputs.parameters['gate_max_accuracy_drop']}}"),
        ("gate.min_eval_rows", "{}.0,", "{{$.inputs.parameters['gate_min_eval_rows']}},"),
        ("gate.min_eval_rows", "[{}]", "[{{$.inputs.parameters['gate_min_eval_rows']}}]"),
    ],
)
def test_put_placeholders_number_as_the_graph_writes_it_is_found(key, written, expected):
    (parameter,) = make_parameters(CONFIG, [key])
    spec = describe({"Evaluator": {"eval_config": written.format(parameter.mark)}})
    put_placeholders(spec, [parameter])
    assert constants_of(spec, "Evaluator") == {"eval_config": expected}


def test_put_placeholders_mark_that_is_all_of_an_input_makes_it_the_parameter_itself():
    (size,) = make_parameters(CONFIG, ["gate.max_model_mb"])
    spec = describe({"ServingCheck": {"max_model_mb": size.mark, "max_latency_ratio": 2.0}})
    put_placeholders(spec, [size])
    inputs = spec["root"]["dag"]["tasks"]["ServingCheck"]["inputs"]["parameters"]
    assert inputs["max_model_mb"] == {"componentInputParameter": "gate_max_model_mb"}
    assert inputs["max_latency_ratio"] == {"runtimeValue": {"constant": 2.0}}


def test_put_placeholders_number_that_only_begins_like_a_mark_stays():
    (parameter,) = make_parameters(CONFIG, ["trainer.epochs"])
    longer = f"{parameter.mark}7 1.{parameter.mark} {parameter.mark}.5"
    spec = describe({"Trainer": {"a": longer, "b": str(parameter.mark)}})
    put_placeholders(spec, [parameter])
    assert constants_of(spec, "Trainer")["a"] == longer


def test_put_placeholders_parameter_without_a_place_is_refused():
    parameters = make_parameters(CONFIG, ["trainer.epochs", "serving.model_name"])
    spec = describe({"Trainer": {"a": str(parameters[0].mark)}})
    with pytest.raises(ConfigError, match=r"deploy\.parameters: serving\.model_name: nothing in the pipeline depends"):
        put_placeholders(spec, parameters)


def test_put_placeholders_parameter_that_only_the_report_shows_is_refused():
    parameters = make_parameters(CONFIG, ["runtime.root"])
    with pytest.raises(ConfigError, match=r"deploy\.parameters: runtime\.root: nothing in the pipeline depends"):
        put_placeholders(describe({"HtmlReport": {"settings": str(parameters[0].mark)}}), parameters)


def test_make_parameters_data_without_a_path_must_be_given_at_submission():
    (parameter,) = make_parameters(PipelineConfig(), ["data.path"])
    assert parameter.definition == {"parameterType": "STRING"}
    (unlabelled,) = make_parameters(PipelineConfig(), ["data.unlabelled_path"])
    assert unlabelled.definition == {"parameterType": "STRING", "defaultValue": "", "isOptional": True}


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("trainer.epoch", r"deploy\.parameters: unknown setting 'trainer\.epoch'; did you mean 'trainer\.epochs'\?"),
        ("tuner.trials", r"deploy\.parameters: tuner\.trials: settled when the pipeline is compiled"),
        ("name", r"deploy\.parameters: name: settled when the pipeline is compiled"),
        ("gate.use_baseline", r"gate\.use_baseline is True; only text and numbers"),
        ("model.stage_filters", r"model\.stage_filters is \(32, 64, 128\); only text and numbers"),
    ],
)
def test_make_parameters_setting_that_can_be_none_is_refused(key, message):
    with pytest.raises(ConfigError, match=message):
        make_parameters(CONFIG, [key])


def test_mark_setting_with_narrow_bounds_is_refused():
    with pytest.raises(ConfigError, match=r"trainer\.crop_px can't be a parameter"):
        mark(CONFIG, make_parameters(CONFIG, ["trainer.crop_px"]))


@pytest.mark.parametrize(
    ("key", "with_it"),
    [
        ("trainer.batch_size", {"trainer.consistency_weight": 0.5}),
        ("trainer.augmentation.mixup_alpha", {"trainer.augmentation.mixup_alpha": 0.2}),
    ],
)
def test_mark_is_a_value_that_its_setting_takes_wherever_it_stands_in_the_list(key, with_it):
    config = overlay(CONFIG, with_it)
    for others in ([], ["trainer.seed"]):
        parameters = make_parameters(config, [*others, key])
        assert read_setting(mark(config, parameters), key) == parameters[-1].mark


def test_mark_every_default_parameter_bears_a_mark_of_its_own():
    parameters = make_parameters(CONFIG, CONFIG.deploy.parameters)
    marked = mark(CONFIG, parameters)
    assert marked.data.path == "gs://parameter/data.path#"
    assert len({str(each.mark) for each in parameters}) == len(parameters) == 18


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


def test_resolve_parameters_slash_at_the_end_of_a_place_goes_as_names_are_joined_to_it():
    """In a bucket, gs://b/runs//fer/baseline is not what `fer-tfx accept` reads."""
    declared = {name: {"parameterType": "STRING"} for name in ("runtime_root", "runtime_serving_path", "data_path")}
    overrides = ["runtime_root=gs://b/runs/", "runtime_serving_path=/fer/served//", "data_path=gs://b/faces/"]
    assert resolve_parameters(declared, {}, overrides) == {
        "runtime_root": "gs://b/runs",
        "runtime_serving_path": "/fer/served",
        "data_path": "gs://b/faces/",
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"), (10, "10"), (100.0, "100"), (0.1, "0.1"), (1e-05, "0.00001"), (1.5e21, "1500000000000000000000"),
        (-2.50, "-2.5"), (0.0, "0"), (True, "true"), (False, "false"), ("a b", "a b"), (20130421.0, "20130421"),
    ],
)  # fmt: skip
def test_to_text_value_is_written_as_go_writes_it(value, text):
    assert to_text(value) == text


def test_substitute_known_names_are_filled_in_and_others_stay():
    text = "{{$.inputs.parameters['root']}}/x/{{$.inputs.parameters['epochs']}}/{{$.inputs.parameters['none']}}"
    assert substitute(text, {"root": "gs://b", "epochs": 8}) == "gs://b/x/8/{{$.inputs.parameters['none']}}"


def test_substitute_all_fills_texts_only():
    values = {"epochs": 8, "settings": "{{$.inputs.parameters['epochs']}} epochs"}
    assert substitute_all(values) == {"epochs": 8, "settings": "8 epochs"}
