"""Values into dataclasses, and single settings in the place of others: what is kept, and what is refused."""

import pytest

from configs.convert import check_setting, from_nested, overlay, read_setting
from configs.spec import AugmentationConfig, DeployConfig, ModelConfig, PipelineConfig, Recipe, TrainerConfig
from fer_tfx.errors import ConfigError

RECIPE = Recipe(ModelConfig(dropout_fraction=0.3), TrainerConfig(epochs=3, augmentation=AugmentationConfig(flip=False)))


def test_overlay_no_value_gives_an_equal_config():
    assert overlay(RECIPE, {}) == RECIPE


def test_overlay_values_of_several_sections_replace_those_and_no_other():
    values = {
        "model.dropout_fraction": 0.5,
        "trainer.weight_decay": 1e-3,
        "trainer.augmentation.rotation_deg": 3.0,
    }
    found = overlay(RECIPE, values)
    augmentation = AugmentationConfig(flip=False, rotation_deg=3.0)
    assert found.model == ModelConfig(dropout_fraction=0.5)
    assert found.trainer == TrainerConfig(epochs=3, weight_decay=1e-3, augmentation=augmentation)
    assert RECIPE.trainer.weight_decay == TrainerConfig().weight_decay


def test_overlay_list_becomes_a_tuple_again():
    found = overlay(RECIPE, {"model.stage_filters": [8, 16, 32]})
    assert found.model.stage_filters == (8, 16, 32)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"trainer.weigt_decay": 0.1}, "trainer.weigt_decay: unknown setting; did you mean 'trainer.weight_decay'?"),
        ({"weight_decay": 0.1}, "weight_decay: unknown setting; did you mean 'trainer.weight_decay'?"),
        ({"trainer.weight_decay": -1.0}, "trainer.weight_decay: expected at least 0, got -1.0"),
        ({"trainer.weight_decay": "much"}, "trainer.weight_decay: expected a finite number, got 'much'"),
        ({"trainer.batch_size": 1.5}, "trainer.batch_size: expected a whole number, got 1.5"),
    ],
)
def test_overlay_wrong_value_names_its_setting(values, expected):
    with pytest.raises(ConfigError) as caught:
        overlay(RECIPE, values)
    assert str(caught.value) == expected


def test_overlay_section_in_place_of_a_setting_is_unknown():
    with pytest.raises(ConfigError, match=r"^trainer: unknown setting"):
        overlay(RECIPE, {"trainer": {"epochs": 3}})


def test_read_setting_nested_key_gives_its_value():
    assert read_setting(RECIPE, "trainer.augmentation.flip") is False


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"epoch": 3}, "epoch: unknown setting; did you mean 'epochs'?"),
        ({"augmentation": {"flips": True}}, "augmentation.flips: unknown setting; did you mean 'flip'?"),
        ({"augmentation": 3}, "augmentation: expected a mapping, got 3"),
        ({"precision": "float16"}, "precision: expected auto, float32 or mixed_bfloat16, got 'float16'"),
    ],
)
def test_from_nested_error_names_the_place_within_the_section(values, expected):
    with pytest.raises(ConfigError) as caught:
        from_nested(TrainerConfig, values)
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"Trainer": {"cpu": 1}}, "resources.Trainer.cpu: unknown setting; did you mean 'cpus'?"),
        ({"Trainer": {"cpus": -1}}, "resources.Trainer.cpus: expected at least 0, got -1"),
        ({3: {"cpus": 1}}, "resources.3: expected text, got 3"),
    ],
)
def test_from_nested_error_in_a_mapping_names_its_key(resources, expected):
    with pytest.raises(ConfigError) as caught:
        from_nested(DeployConfig, {"resources": resources})
    assert str(caught.value) == expected


def test_from_nested_several_errors_are_one_line_about_one_of_them():
    with pytest.raises(ConfigError, match=r"^epochs: expected at least 1, got -1$"):
        from_nested(TrainerConfig, {"epochs": -1, "threads": -1})
    with pytest.raises(ConfigError, match=r"^epochs: expected at least 1, got 0$"):
        from_nested(TrainerConfig, {"epochs": 0, "batch_size": "many", "threads": 0.5, "warmup_epochs": -1})


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("trainer.epochs", 0, "trainer.epochs: expected at least 1, got 0"),
        ("trainer.augmentation.flip", "x", "trainer.augmentation.flip: expected true or false, got 'x'"),
        ("runtime.root", "s3://b", "runtime.root: expected a local path or gs://BUCKET/PATH, which"),
    ],
)
def test_check_setting_value_out_of_range_is_refused(key, value, said):
    with pytest.raises(ConfigError) as refusal:
        check_setting(PipelineConfig, key, value)
    assert str(refusal.value).startswith(said)


def test_check_setting_rule_that_joins_it_with_others_is_none_of_its_business():
    check_setting(PipelineConfig, "trainer.augmentation.mixed_fraction", 0.5)
    check_setting(PipelineConfig, "trainer.epochs", 30.0)
