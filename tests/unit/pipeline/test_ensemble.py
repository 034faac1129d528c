"""The section `ensemble`: members in the graph, what they are trained with, and what the Trainer is given of them."""

import json

import pytest
from golden_files import compile_example
from graph_nodes import build_nodes, read_settings
from tfx import v1 as tfx

from configs.load import load_config, to_yaml
from fer_tfx.errors import ConfigError

MEMBERS = "ensemble.members=[{trainer.seed: 2}, {model.stem_filters: 8, trainer.epochs: 3}]"


def test_no_members_leave_the_graph_alone():
    nodes = build_nodes()
    assert "Member1" not in nodes
    assert "member_1" not in nodes["Trainer"].inputs


def test_members_are_trained_with_their_own_settings_on_what_the_trainer_learns_from():
    nodes = build_nodes(MEMBERS, "distillation.folds=1")
    first, second = nodes["Member1"], nodes["Member2"]
    assert json.loads(read_settings(first)["trainer"])["seed"] == 2
    assert json.loads(read_settings(second)["trainer"])["epochs"] == 3
    assert json.loads(read_settings(second)["model"])["stem_filters"] == 8
    assert read_settings(first)["checkpoint_root"] == "/checkpoints-Member1"
    trainer = nodes["Trainer"]
    for number, member in enumerate((first, second), start=1):
        assert trainer.inputs[f"member_{number}"] is member.outputs["model"]
        for key in ("examples", "transform_graph", "schema", "targets"):
            assert member.inputs[key] is trainer.inputs[key]
    alike = ("classes", "distillation", "export", "training_code")
    assert [read_settings(first)[key] for key in alike] == [read_settings(trainer)[key] for key in alike]
    tfx.dsl.Pipeline(pipeline_name="fer", pipeline_root="/root", components=list(nodes.values()))  # links the nodes
    assert {"Member1", "Member2"} <= {node.id for node in trainer.upstream_nodes}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ("[{trainer.epoch: 3}]", "--set: ensemble.members: trainer.epoch: unknown setting; did you mean 'train"),
        ("[{trainer.epochs: 0}]", "ensemble.members: trainer.epochs: expected at least 1, got 0"),
        ("[{}]", "ensemble.members: expected settings that differ from each other and from the first network's"),
        ("[{trainer.seed: 2}, {trainer.seed: 2}]", "ensemble.members: expected settings that differ"),
        ("{trainer.seed: 2}", "ensemble.members: expected a list"),
        ("3", "ensemble.members: expected a list"),
        (f"[{', '.join(f'{{trainer.seed: {seed}}}' for seed in range(1, 11))}]", "ensemble.members: expected"),
    ],
)
def test_members_that_fit_no_training_are_refused(members, message):
    with pytest.raises(ConfigError, match=message.replace("(", "\\(")):
        load_config(overrides=[f"ensemble.members={members}"])


def test_members_compile_with_the_trainers_resources():
    job = json.loads(compile_example("vertex", MEMBERS))
    tasks, executors = job["pipelineSpec"]["root"]["dag"]["tasks"], job["pipelineSpec"]["deploymentSpec"]["executors"]
    assert {"Member1", "Member2"} <= set(tasks["Trainer"]["dependentTasks"])
    resources = [executors[f"{name}_executor"]["container"].get("resources") for name in ("Trainer", "Member1")]
    assert resources[0] == resources[1]


def test_members_survive_the_way_into_a_file_and_back(tmp_path):
    config = load_config(overrides=[MEMBERS])
    (tmp_path / "own.yaml").write_text(to_yaml(config), "utf-8")
    assert load_config(tmp_path / "own.yaml") == config
