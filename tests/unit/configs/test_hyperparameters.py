"""The file a tuner leaves: its values in the recipe, or one line on why not."""

import pytest

from configs.hyperparameters import apply_hyperparameters, read_values
from configs.spec import ModelConfig, Recipe, TrainerConfig
from fer_tfx.errors import ConfigError


def test_apply_hyperparameters_values_replace_the_settings_they_name():
    found = apply_hyperparameters(
        Recipe(trainer=TrainerConfig(epochs=3)),
        {"space": [], "values": {"trainer.weight_decay": 0.002, "model.dropout_fraction": 0.4}},
    )
    assert found == Recipe(ModelConfig(dropout_fraction=0.4), TrainerConfig(epochs=3, weight_decay=0.002))


def test_apply_hyperparameters_unknown_name_is_refused_in_one_line():
    with pytest.raises(ConfigError) as caught:
        apply_hyperparameters(Recipe(), {"values": {"trainer.learning_rate": 0.1}})
    assert str(caught.value).startswith("trainer.learning_rate: unknown setting; did you mean 'trainer.peak_")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "found"),
    [([1], "[1]"), ({"space": []}, "keys ['space']"), ({"values": [1]}, "keys ['values']"), (None, "None")],
)
def test_read_values_other_content_is_named(content, found):
    with pytest.raises(ConfigError) as caught:
        read_values(content)
    assert str(caught.value) == (f"expected a tuner's best_hyperparameters.txt, a mapping with `values`, got {found}")
