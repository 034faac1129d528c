"""What ModelCard is given: a change of it pushes the model anew, so it is no more than the model is made of."""

import dataclasses
import json

import pytest
from tfx import types

from components.model_card import ModelCard
from components.model_facts import describe_lineage
from configs.convert import overlay
from configs.load import from_json, load_config, to_json
from configs.spec import (
    DataConfig,
    DistillationConfig,
    EnsembleConfig,
    GateConfig,
    PipelineConfig,
    Recipe,
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


def test_describe_lineage_after_a_search_has_settings_that_train_every_network_again_without_it():
    config = PipelineConfig(
        ensemble=EnsembleConfig(members=({"trainer.seed": 2}, {"model.dropout_fraction": 0.2})),
        distillation=DistillationConfig(folds=1, teacher={"trainer.epochs": 5}),
        tuner=TunerConfig(trials=2),
    )
    recipe = Recipe(config.model, config.trainer)
    tuned = overlay(recipe, {"trainer.peak_learning_rate": 0.3, "model.dropout_fraction": 0.4})
    examples = types.standard_artifacts.Examples()
    lineage = describe_lineage(
        {"examples": [examples]}, json.loads(to_json(config)), json.loads(to_json(tuned)), stage_code={}
    )
    again = from_json(PipelineConfig, json.dumps(lineage.settings))
    assert again.tuner.trials == 0
    assert Recipe(again.model, again.trainer) == tuned
    for first, second in zip(config.ensemble.members, again.ensemble.members, strict=True):
        assert overlay(tuned, second) == overlay(recipe, first)
    assert overlay(tuned, again.distillation.teacher) == overlay(recipe, config.distillation.teacher)


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
