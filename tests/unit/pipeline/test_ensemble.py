"""The section `ensemble`: members in the graph, what they are trained with, and what the Trainer is given of them."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from golden_files import compile_example
from graph_nodes import build_nodes, read_settings
from tfx import v1 as tfx

from configs.load import load_config, to_yaml
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import ConfigError
from pipeline.runners import local

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
    trainer = nodes["Trainer"]
    for number, member in enumerate((first, second), start=1):
        assert trainer.inputs[f"member_{number}"] is member.outputs["model"]
        for key in ("examples", "transform_graph", "schema", "targets"):
            assert member.inputs[key] is trainer.inputs[key]
    alike = ("classes", "distillation", "export", "training_code")
    assert [read_settings(first)[key] for key in alike] == [read_settings(trainer)[key] for key in alike]
    tfx.dsl.Pipeline(pipeline_name="fer", pipeline_root="/root", components=list(nodes.values()))  # links the nodes
    assert {"Member1", "Member2"} <= {node.id for node in trainer.upstream_nodes}


def test_member_trains_in_the_same_folder_whichever_others_there_are():
    """Where it finds itself finished: taking out the first of two repeats nothing."""

    def find_folders(members: str) -> list[str]:
        nodes = build_nodes(f"ensemble.members={members}")
        return [read_settings(nodes[name])["checkpoint_root"] for name in nodes if name.startswith("Member")]

    first, second = find_folders("[{trainer.seed: 2}, {trainer.seed: 3}]")
    assert first != second
    assert find_folders("[{trainer.seed: 3}]") == [second]
    assert find_folders("[{trainer.seed: 4}, {trainer.seed: 3}, {trainer.seed: 2}]")[1:] == [second, first]


@pytest.mark.parametrize("setting", ["ensemble.members=[{trainer.threads: 3}]",
                                     "distillation.teacher={trainer.threads: 3}"])  # fmt: skip
def test_threads_are_those_of_the_process_so_no_further_training_may_set_them(setting):
    key = setting.partition("=")[0]
    with pytest.raises(
        ConfigError, match=rf"^--set: {key}: trainer\.threads: can't differ: TensorFlow keeps the number"
    ):
        load_config(overrides=[setting])


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


def write_weights(folder: Path, content: str, class_names: Sequence[str] = DEFAULT_CLASS_NAMES) -> Path:
    for name, text in {
        "Format-Training/weights.npz": content,
        "Format-Serving/assets.extra/class_names.txt": "".join(f"{name}\n" for name in class_names),
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_models_of_earlier_runs_reach_the_trainer_alone_with_a_fingerprint_of_their_weights(tmp_path, monkeypatch):
    write_weights(tmp_path / "8", "first")
    monkeypatch.chdir(tmp_path)
    nodes = build_nodes(MEMBERS, "ensemble.models=[8, gs://bucket/9]")
    (local, fingerprint), remote = json.loads(read_settings(nodes["Trainer"])["earlier_models"])
    assert (local, remote) == (str(tmp_path / "8"), ["gs://bucket/9", ""])
    assert "earlier_models" not in read_settings(nodes["Member1"])
    write_weights(tmp_path / "8", "second")
    ((_, other),) = json.loads(read_settings(build_nodes("ensemble.models=[8]")["Trainer"])["earlier_models"])
    assert len({fingerprint, other}) == 2


def test_card_names_models_of_earlier_runs_by_their_weights(tmp_path):
    nodes = build_nodes(f"ensemble.models=[{write_weights(tmp_path, 'first')}, gs://bucket/9]")
    settings = json.loads(nodes["ModelCard"].exec_properties["settings"])
    fingerprint = hashlib.sha256(b"first").hexdigest()[:16]
    assert settings["ensemble"] == {"members": [], "models": [fingerprint, "gs://bucket/9"]}


@pytest.mark.parametrize("same", ["8", "8/", "./8", "9/../8"])
def test_model_of_an_earlier_run_that_is_named_twice_is_refused(same):
    for bucket in ("", "gs://b/"):
        if not bucket or same.startswith("8"):
            with pytest.raises(ConfigError, match=r"ensemble.models: expected each model once, got \('"):
                load_config(overrides=[f"ensemble.models=[{bucket}8, {bucket}9, {bucket}{same}]"])


def test_models_of_earlier_runs_with_the_same_weights_are_refused_before_anything_runs(tmp_path):
    first, copied = write_weights(tmp_path / "8", "first"), write_weights(tmp_path / "copied", "first")
    (tmp_path / "link").symlink_to(first)
    for other in (copied, tmp_path / "link"):
        config = load_config(overrides=[f"ensemble.models=[{first}, {other}]", f"runtime.root={tmp_path / 'runs'}"])
        said = f"^ensemble.models: {first} and {other} have the same weights; leave one of them out$"
        with pytest.raises(ConfigError, match=said):
            local.check(config)


def test_model_of_an_earlier_run_with_other_classes_is_named_before_anything_runs(tmp_path):
    model = write_weights(tmp_path / "8", "first", "ab")
    config = load_config(overrides=[f"ensemble.models=[{model}]", f"runtime.root={tmp_path / 'runs'}"])
    with pytest.raises(ConfigError, match=rf"^ensemble.models: {model}: has the classes a, b, now they are angry, dis"):
        local.check(config)


def test_model_of_an_earlier_run_that_is_not_there_is_named_before_anything_runs(tmp_path):
    config = load_config(overrides=[f"ensemble.models=[{tmp_path}]", f"runtime.root={tmp_path / 'runs'}"])
    with pytest.raises(ConfigError) as caught:
        local.check(config)
    path = tmp_path / "Format-Training" / "weights.npz"
    remedy = "give a folder below artifacts/Trainer/model of a run"
    assert str(caught.value) == f"ensemble.models: {path}: No such file or directory; {remedy}"


def test_model_of_an_earlier_run_is_compiled_for_a_cluster_if_it_can_be_reached_there():
    job = json.loads(compile_example("vertex", "ensemble.models=[gs://bucket/model/9]"))
    parameters = job["pipelineSpec"]["root"]["dag"]["tasks"]["Trainer"]["inputs"]["parameters"]
    settings = json.loads(parameters["custom_config"]["runtimeValue"]["constant"])
    assert json.loads(settings["earlier_models"]) == [["gs://bucket/model/9", ""]]
    # Nobody can tell here what lies there, now or later.
    tasks = job["pipelineSpec"]["root"]["dag"]["tasks"]
    assert not tasks["Trainer"]["cachingOptions"].get("enableCache")
    with pytest.raises(ConfigError, match="ensemble"):
        compile_example("vertex", "ensemble.models=[runs/model/9]")


def test_members_survive_the_way_into_a_file_and_back(tmp_path):
    config = load_config(overrides=[MEMBERS])
    (tmp_path / "own.yaml").write_text(to_yaml(config), "utf-8")
    assert load_config(tmp_path / "own.yaml") == config
