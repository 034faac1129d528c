"""What may be searched: bounds and choices are held to the rules of their setting before anything is trained."""

import pytest

from configs.search_space import Interval, check_space, list_values
from configs.spec import PipelineConfig, Recipe, TunerConfig
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
        ("trainer.momentum", Interval(0.5, 1.5), "trainer.momentum: expected 0 to below 1, got 1.5"),
        ("trainer.momentum", Interval(-0.5, 0.5), "trainer.momentum: expected 0 to below 1, got -0.5"),
        ("trainer.momentum", (0.5, 1.5), "trainer.momentum: expected 0 to below 1, got 1.5"),
        ("trainer.momentum", Interval(0.9, 0.5), "trainer.momentum: expected low below high, got 0.9 and 0.5"),
        ("trainer.momentum", Interval(0.9, 0.9), "trainer.momentum: expected low below high, got 0.9 and 0.9"),
        (
            "trainer.peak_learning_rate",
            Interval(0.1, float("inf")),
            "trainer.peak_learning_rate: expected low below high, got 0.1 and inf",
        ),
        (
            "trainer.weight_decay",
            Interval(0.0, 0.1, "log"),
            "trainer.weight_decay: expected low above 0 on a log scale, got 0.0",
        ),
        ("trainer.momentum", Interval(0.1, 0.2, "cube"), "trainer.momentum: scale: expected linear or log, got 'cube'"),
        ("trainer.momentum", (), "trainer.momentum: expected at least one choice, got none"),
        ("trainer.batch_size", Interval(8.5, 64.0), "trainer.batch_size: expected a whole number, got 8.5"),
        (
            "trainer.augmentation.flip",
            Interval(0.0, 1.0),
            "trainer.augmentation.flip: expected true or false, got 0",
        ),
        ("model.stage_filters", (8, 16), "model.stage_filters: expected a list, got 8"),
        (
            "trainer.threads",
            (1, 2),
            "trainer.threads: is not searched: TensorFlow keeps the number that a process has begun with",
        ),
        ("trainer.epochs", (2, 3), "trainer.epochs: is not searched: all trials train for tuner.epochs"),
        (
            "trainer.seed",
            (2, 3),
            "trainer.seed: is not searched: all trials share one, so that they differ by their settings alone",
        ),
    ],
)
def test_check_space_wrong_dimension_names_setting_rule_and_value(setting, searched, expected):
    with pytest.raises(ConfigError) as caught:
        check_space(Recipe(), {"trainer.label_smoothing": (0.1,), setting: searched})
    assert str(caught.value) == f"tuner.space: {expected}"


def test_pipeline_config_space_that_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match=r"^tuner\.space: trainer\.momentum: expected 0 to below 1, got 1\.0"):
        PipelineConfig(tuner=TunerConfig(space={"trainer.momentum": (1.0,)}))


def test_default_space_holds_the_default_value_of_every_setting():
    space = TunerConfig().space
    assert len(space) >= 3
    for setting, searched in space.items():
        section, _, name = setting.partition(".")
        value = getattr(getattr(Recipe(), section), name)
        assert searched.low <= value <= searched.high, setting
