"""What ModelCard is given: a change of it pushes the model anew, so it is no more than the model is made of."""

import dataclasses

import pytest
from tfx import types

from components.model_card import ModelCard
from configs.load import load_config
from configs.spec import (
    DataConfig,
    GateConfig,
    PipelineConfig,
    RuntimeConfig,
    ServingConfig,
    SpansConfig,
    TrainerConfig,
    TrainingInputConfig,
    TunerConfig,
    ValidationConfig,
)
from pipeline.graph import build_model_card


def describe(**changes) -> dict:
    """Parameters of the component under a configuration with these changes."""
    channels = {key: types.Channel(type=each.type) for key, each in ModelCard.SPEC_CLASS.INPUTS.items()}
    return build_model_card(dataclasses.replace(PipelineConfig(), **changes), **channels).exec_properties


@pytest.mark.parametrize(
    "changes",
    [
        {"data": DataConfig(path="/elsewhere/fer.csv", unlabelled_path="test.csv")},
        {"runtime": RuntimeConfig(root="/elsewhere", beam_pipeline_args=("--direct_num_workers=2",))},
        {"serving": ServingConfig(keep_versions=2)},
        {"tuner": TunerConfig(epochs=7)},
    ],
)
def test_build_model_card_setting_that_the_model_does_not_depend_on_changes_nothing(changes):
    assert describe(**changes) == describe()


@pytest.mark.parametrize(
    "changes",
    [
        {"data": DataConfig(eval_fraction=0.2)},
        {"trainer": TrainerConfig(epochs=3)},
        {"gate": GateConfig(min_accuracy=0.6)},
        {"spans": SpansConfig(window=3)},
        {"tuner": TunerConfig(trials=4)},
        {"tuner": TunerConfig(hyperparameters_path="/best/7")},
        {"training_input": TrainingInputConfig("stream")},
        {"validation": ValidationConfig("own.pbtxt")},
    ],
)
def test_build_model_card_setting_of_the_model_is_told(changes):
    assert describe(**changes)["settings"] != describe()["settings"]


def test_build_model_card_settings_are_those_of_the_run_when_they_are_read_back(tmp_path):
    """But for the paths of the data, which the card names by what is in them."""
    config = dataclasses.replace(
        PipelineConfig(),
        data=DataConfig(eval_fraction=0.2),
        spans=SpansConfig(window=3),
        validation=ValidationConfig("own.pbtxt"),
        training_input=TrainingInputConfig("stream"),
        tuner=TunerConfig(trials=4),
    )
    file = tmp_path / "settings.yaml"
    for each in (config, PipelineConfig()):
        file.write_text(describe(**{name: getattr(each, name) for name in SECTIONS})["settings"])
        assert load_config(file) == each


SECTIONS = ("data", "spans", "validation", "training_input", "tuner")
