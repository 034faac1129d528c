"""What may be searched, checked before anything is trained; and the file with the values that a search found."""

import pytest

from configs.convert import overlay
from configs.spec import ModelConfig, PipelineConfig, Recipe, TrainerConfig, TunerConfig
from configs.tuning import Interval, check_space, list_values, read_values
from fer_tfx.errors import ConfigError


@pytest.mark.parametrize(
    ("setting", "searched", "expected"),
    [
        ("trainer.weight_decay", Interval(1e-5, 1e-3, "log"), [1e-5, 1e-3]),
        ("trainer.batch_size", Interval(16.0, 64.0), [16, 64]),
        ("trainer.batch_size", (16, 64), [16, 64]),
        ("trainer.weight_decay", ("1e-3", 0), [0.001, 0.0]),
        ("trainer.augmentation.flip", (True, False), [True, False]),
    ],
)
def test_list_values_come_in_the_type_of_their_setting(setting, searched, expected):
    found = list_values(Recipe(), setting, searched)
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


@pytest.mark.parametrize(
    ("setting", "searched", "expected"),
    [
        (
            "trainer.weigt_decay",
            Interval(0.1, 0.2),
            "trainer.weigt_decay: unknown setting; did you mean 'trainer.weight_decay'?",
        ),
        ("trainer.momentum", Interval(0.5, 1.5), "trainer.momentum: expected less than 1, got 1.5"),
        ("trainer.momentum", Interval(-0.5, 0.5), "trainer.momentum: expected at least 0, got -0.5"),
        ("trainer.momentum", (0.5, 1.5), "trainer.momentum: expected less than 1, got 1.5"),
        ("trainer.batch_size", Interval(8.5, 64.0), "trainer.batch_size: expected a whole number, got 8.5"),
        (
            "trainer.augmentation.flip",
            Interval(0.0, 1.0),
            "trainer.augmentation.flip: expected true or false, got 0.0",
        ),
        ("model.stage_filters", (8, 16), "model.stage_filters: expected a list, got 8"),
        (
            "trainer.threads",
            (1, 2),
            "trainer.threads: can't be searched: TensorFlow keeps the number of threads that a process started with",
        ),
        ("trainer.epochs", (2, 3), "trainer.epochs: can't be searched: all trials train for tuner.epochs"),
        (
            "trainer.seed",
            (2, 3),
            "trainer.seed: can't be searched: all trials share one, so that they differ by their settings alone",
        ),
    ],
)
def test_check_space_wrong_dimension_names_setting_rule_and_value(setting, searched, expected):
    with pytest.raises(ConfigError) as caught:
        check_space(Recipe(), {"trainer.label_smoothing": (0.1,), setting: searched})
    assert str(caught.value) == f"tuner.space: {expected}"


def test_pipeline_config_space_that_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match=r"^tuner\.space: trainer\.momentum: expected less than 1, got 1\.0"):
        PipelineConfig(tuner=TunerConfig(space={"trainer.momentum": (1.0,)}))


def test_default_space_holds_the_default_value_of_every_setting():
    space = TunerConfig().space
    assert len(space) >= 3
    for setting, searched in space.items():
        section, _, name = setting.partition(".")
        value = getattr(getattr(Recipe(), section), name)
        assert searched.low <= value <= searched.high, setting


def test_read_values_gives_those_of_the_winner_by_setting():
    values = {"trainer.weight_decay": 0.002, "model.dropout_fraction": 0.4}
    found = overlay(Recipe(trainer=TrainerConfig(epochs=3)), read_values({"space": [], "values": values}))
    assert found == Recipe(ModelConfig(dropout_fraction=0.4), TrainerConfig(epochs=3, weight_decay=0.002))


@pytest.mark.parametrize(
    ("content", "found"),
    [([1], "[1]"), ({"space": []}, "keys ['space']"), ({"values": [1]}, "keys ['values']"), (None, "None")],
)
def test_read_values_other_content_is_named(content, found):
    with pytest.raises(ConfigError) as caught:
        read_values(content)
    assert str(caught.value) == (f"expected a tuner's best_hyperparameters.txt, a mapping with `values`, got {found}")
