"""A tuner's values over a component's settings, and the name that they give to a run."""

import json
import logging
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from configs.load import to_json
from configs.spec import ModelConfig, Recipe, TrainerConfig
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import ConfigError
from models import tfx_adapter
from models.computation import Computation
from models.tfx_adapter import Task, match_run_keys, read_recipe, read_settings
from models.tfx_adapter import compute_run_key as compute_key

RECIPE = Recipe(ModelConfig(dropout_fraction=0.3), TrainerConfig(epochs=3))
HERE = Computation("float32", (2,))


def build_fn_args(hyperparameters: Any, **changed: Any) -> SimpleNamespace:
    settings = {
        "model": to_json(RECIPE.model),
        "trainer": to_json(RECIPE.trainer),
        "classes": json.dumps(DEFAULT_CLASS_NAMES),
        "checkpoint_root": "here",
        "code": "c0de",
        **changed,
    }
    return SimpleNamespace(
        custom_config=settings,
        hyperparameters=hyperparameters,
    )


def compute_run_key(
    fn_args: SimpleNamespace, data_digest: str = "rows", computation: Computation = HERE, first_weights: str = ""
) -> str:
    return compute_key(
        read_settings(fn_args.custom_config, fn_args.hyperparameters), computation, data_digest, first_weights
    )


def tuned(**values: Any) -> dict[str, Any]:
    return {"space": [], "values": {f"trainer.{name}": value for name, value in values.items()}}


def test_read_settings_no_tuner_gives_what_the_component_was_given():
    fn_args = build_fn_args(None)
    assert read_settings(fn_args.custom_config, None) is fn_args.custom_config
    assert read_recipe(fn_args.custom_config) == RECIPE


def test_task_judges_by_the_newest_span_as_the_evaluator_does():
    places = dict.fromkeys(("base_model", "serving_model_dir", "model_run_dir", "working_dir", "transform_graph_path"))
    spans = {name: [f"{name}-7/*", f"{name}-8/*"] for name in ("train_files", "eval_files")}
    task = Task(SimpleNamespace(**vars(build_fn_args(None)), **places, **spans))
    assert task.train_patterns == ["train_files-7/*", "train_files-8/*"]
    assert task.eval_patterns == ["eval_files-8/*"]


def test_read_settings_tuned_values_take_the_place_of_the_component_s(caplog):
    fn_args = build_fn_args(tuned(weight_decay=0.003))
    with caplog.at_level(logging.INFO, logger="absl"):
        settings = read_settings(fn_args.custom_config, fn_args.hyperparameters)
    assert read_recipe(settings) == Recipe(RECIPE.model, TrainerConfig(epochs=3, weight_decay=0.003))
    assert settings["code"] == "c0de"
    assert "trainer.weight_decay': 0.003" in caplog.text
    assert read_recipe(fn_args.custom_config) == RECIPE


@pytest.mark.parametrize(
    ("hyperparameters", "expected"),
    [
        (tuned(decay=0.1), "hyperparameters: trainer.decay: unknown setting; did you mean 'trainer.weight_decay'?"),
        (tuned(momentum=1.5), "hyperparameters: trainer.momentum: expected less than 1, got 1.5"),
        ({}, "hyperparameters: expected a tuner's best_hyperparameters.txt, a mapping with `values`, got keys []"),
    ],
)
def test_read_settings_result_that_does_not_fit_is_refused_in_one_line(hyperparameters, expected):
    with pytest.raises(ConfigError) as caught:
        read_settings(build_fn_args(None).custom_config, hyperparameters)
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    "changed",
    [
        {"model": to_json(replace(RECIPE.model, stem_filters=17))},
        {"trainer": to_json(replace(RECIPE.trainer, seed=1))},
        {"code": "c0de2"},
    ],
)
def test_compute_run_key_other_setting_gives_other_key(changed):
    assert compute_run_key(build_fn_args(None, **changed)) != compute_run_key(build_fn_args(None))


def test_compute_run_key_precision_and_threads_count_as_what_they_came_to():
    by_machine = build_fn_args(None)
    by_name = build_fn_args(None, trainer=to_json(replace(RECIPE.trainer, precision="float32", threads=2)))
    assert compute_run_key(by_machine) == compute_run_key(by_name)
    others = [
        Computation("mixed_bfloat16", (2,)),
        Computation("float32", (4,)),
        Computation("float32", (2, 2)),
        Computation("float32", (2,), 1),
    ]
    assert len({compute_run_key(by_machine, computation=each) for each in (HERE, *others)}) == 5
    assert compute_run_key(by_machine, computation=others[2]).endswith("-float32-2_2-cpu")


@pytest.mark.parametrize(
    ("asked", "alike"),
    [
        ({}, "0f-*-*-*"),
        ({"precision": "float32"}, "0f-float32-*-*"),
        ({"threads": 2}, "0f-*-2-*"),
        ({"precision": "float32", "threads": 2}, "0f-float32-2-*"),
    ],
)
def test_match_run_keys_leaves_open_what_the_settings_leave_to_the_machine(asked, alike):
    assert match_run_keys("0f-float32-2-cpu", replace(RECIPE.trainer, **asked)) == alike


def test_compute_run_key_code_that_puts_values_in_place_counts_by_what_it_does(monkeypatch):
    """The values of a tuner that are not put in place make another training, and it is named so."""
    fn_args = build_fn_args(tuned(momentum=0.8))
    before = compute_run_key(fn_args)
    monkeypatch.setattr(tfx_adapter, "overlay", lambda recipe, _: recipe)
    assert compute_run_key(fn_args) == compute_run_key(build_fn_args(None)) != before


def test_compute_run_key_other_data_gives_other_key():
    assert compute_run_key(build_fn_args(None)) != compute_run_key(build_fn_args(None), "other rows")


def test_compute_run_key_tuned_values_are_part_of_it():
    keys = {compute_run_key(build_fn_args(each)) for each in (None, tuned(momentum=0.8), tuned(momentum=0.7))}
    assert len(keys) == 3


def test_compute_run_key_same_values_from_another_space_give_the_same_key():
    other = {**tuned(momentum=0.8), "space": ["wider"]}
    assert compute_run_key(build_fn_args(tuned(momentum=0.8))) == compute_run_key(build_fn_args(other))


def test_compute_run_key_other_place_of_checkpoints_gives_the_same_key():
    assert compute_run_key(build_fn_args(None)) == compute_run_key(build_fn_args(None, checkpoint_root="there"))
    on_vertex = build_fn_args(None, ai_platform_training_args={"project": "p"}, ai_platform_enable_vertex=True)
    assert compute_run_key(build_fn_args(None)) == compute_run_key(on_vertex)


def test_compute_run_key_way_of_reading_does_not_count_as_the_digest_tells_of_it():
    streamed = {"training_input": '{"mode": "stream"}', "streaming_code": "57ea"}
    assert compute_run_key(build_fn_args(None)) == compute_run_key(build_fn_args(None, **streamed))


def test_compute_run_key_search_and_training_of_the_same_recipe_differ():
    assert compute_run_key(build_fn_args(None)) != compute_run_key(build_fn_args(None, tuner="{}"))


def test_compute_run_key_first_weights_and_the_code_that_takes_them_over_count_where_there_are_any():
    asked = build_fn_args(None, warm_start_code="1")
    assert compute_run_key(asked) == compute_run_key(build_fn_args(None))
    warm = [
        compute_run_key(build_fn_args(None, warm_start_code=code), first_weights=first)
        for code, first in ("1a", "1b", "2a")
    ]
    assert len({compute_run_key(asked), *warm}) == 4
    assert compute_run_key(asked, first_weights="a") == warm[0]


def test_compute_run_key_code_and_settings_of_the_export_do_not_count_beside_those_of_the_training():
    keys = {
        compute_run_key(build_fn_args(None, training_code="1", code=code, export=export))
        for code, export in (("a", "{}"), ("b", "{}"), ("a", '{"views": 4}'))
    }
    assert len(keys) == 1
    assert keys != {compute_run_key(build_fn_args(None, training_code="2", code="a", export="{}"))}
