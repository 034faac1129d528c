"""The section `distillation`: teachers in the graph, what they are trained with, and what the final training knows."""

import json

import pytest
from golden_files import compile_example
from graph_nodes import build_nodes, read_settings
from tfx import v1 as tfx

from configs.load import from_json, load_config, to_json, to_yaml
from configs.spec import DistillationConfig, ModelConfig
from fer_tfx.errors import ConfigError
from models.computation import Computation
from models.tfx_adapter import compute_run_key

TEACHER = "distillation.teacher={trainer.epochs: 3, model.stage_filters: [8, 16]}"


def test_no_distillation_leaves_the_graph_and_the_trainers_settings_alone():
    nodes = build_nodes()
    assert not {"Teacher0", "SoftTargets"} & set(nodes)
    assert "targets" not in nodes["Trainer"].inputs
    assert not {"distillation", "unseen"} & set(read_settings(nodes["Trainer"]))


def test_two_folds_give_teachers_of_their_own_settings_whose_answers_the_trainer_reads():
    nodes = build_nodes("distillation.folds=2", TEACHER)
    for fold in (0, 1):
        teacher = nodes[f"Teacher{fold}"]
        settings = read_settings(teacher)
        assert json.loads(settings["unseen"]) == [fold, 2]
        assert json.loads(settings["trainer"])["epochs"] == 3
        assert json.loads(settings["model"])["stage_filters"] == [8, 16]
        assert json.loads(settings["export"])["views"] == 4
        assert settings["checkpoint_root"] == f"/checkpoints-Teacher{fold}"
        assert nodes["SoftTargets"].inputs[f"teacher_{fold}"] is teacher.outputs["model"]
    assert nodes["Trainer"].inputs["targets"] is nodes["SoftTargets"].outputs["targets"]
    assert nodes["Trainer"].inputs["examples"] is nodes["FerExampleGen"].outputs["examples"]
    settings = read_settings(nodes["Trainer"])
    assert json.loads(settings["trainer"])["epochs"] == load_config().trainer.epochs
    assert tuple(json.loads(settings["model"])["stage_filters"]) == ModelConfig().stage_filters
    assert json.loads(settings["export"])["views"] == 1
    tfx.dsl.Pipeline(pipeline_name="fer", pipeline_root="/root", components=list(nodes.values()))  # links the nodes
    assert {"Teacher0", "Teacher1"} <= {node.id for node in nodes["SoftTargets"].upstream_nodes}


def test_one_fold_teacher_of_the_same_settings_is_the_training_without_teachers():
    """So that a model trained before may teach: all that names its training is equal."""
    teacher, plain = (
        read_settings(nodes[name])
        for nodes, name in ((build_nodes("distillation.folds=1"), "Teacher0"), (build_nodes(), "Trainer"))
    )
    assert {**teacher, "export": "", "checkpoint_root": ""} == {**plain, "export": "", "checkpoint_root": ""}


def test_edit_of_a_teachers_setting_changes_the_final_trainings_run_key():
    computation = Computation("float32", (1, 1))

    def name(*overrides: str) -> str:
        return compute_run_key(read_settings(build_nodes(*overrides)["Trainer"]), computation, "digest")

    keys = [name(), name(TEACHER), name("distillation.folds=1"), name("distillation.folds=1", TEACHER)]
    assert keys[0] == keys[1]  # without folds there is no teacher
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "teacher={trainer.epoch: 3}",
            r"--set: distillation.teacher: trainer.epoch: unknown setting; did you mean 'train",
        ),
        ("teacher={trainer.epochs: 0}", "distillation.teacher: trainer.epochs: expected at least 1, got 0"),
        ("teacher={export.views: 2}", "distillation.teacher: export.views: unknown setting"),
        ("teacher=fast", "distillation.teacher: expected a mapping, got 'fast'"),
        ("folds=11", "distillation.folds: expected at most 10, got 11"),
        ("views=3", "distillation.views: expected"),
    ],
)
def test_distillation_setting_that_fits_no_training_is_refused(setting, message):
    with pytest.raises(ConfigError, match=message):
        load_config(overrides=[f"distillation.{setting}"])


def test_two_folds_compile_and_teachers_have_the_trainers_resources():
    job = json.loads(compile_example("vertex", "distillation.folds=2", TEACHER))
    tasks, executors = job["pipelineSpec"]["root"]["dag"]["tasks"], job["pipelineSpec"]["deploymentSpec"]["executors"]
    assert {"Teacher0", "Teacher1", "SoftTargets"} <= set(tasks)
    assert "Teacher1" in tasks["SoftTargets"]["dependentTasks"]
    assert "SoftTargets" in tasks["Trainer"]["dependentTasks"]
    for name in ("Teacher0", "Teacher1"):
        assert executors[f"{name}_executor"]["container"].get("resources") == (
            executors["Trainer_executor"]["container"].get("resources")
        )
    constant = tasks["Teacher0"]["inputs"]["parameters"]["custom_config"]["runtimeValue"]["constant"]
    assert "trainer_epochs" not in constant  # its own, while what it shares is a parameter of the run
    assert "trainer_batch_size" in constant


def test_teachers_settings_survive_the_way_into_a_file_and_back(tmp_path):
    config = load_config(overrides=["distillation.folds=1", TEACHER])
    (tmp_path / "run.yaml").write_text(to_yaml(config), "utf-8")
    assert load_config(tmp_path / "run.yaml") == config
    assert from_json(DistillationConfig, to_json(config.distillation)) == config.distillation
