"""Which earlier model a training begins with, on a metadata store of known pushes."""

from pathlib import Path

import pytest
from graph_nodes import build_nodes
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx import v1 as tfx
from tfx.types import standard_artifacts

from pipeline.fingerprint import compute_code_fingerprint
from pipeline.history.acceptance import AcceptedStrategy


class Pushes:
    """Models below `folder`, and what was pushed of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        config = mlmd.ConnectionConfig()
        config.fake_database.SetInParent()
        self._store = MetadataStore(config)
        self._artifact_type = self._store.put_artifact_type(mlmd.ArtifactType(name="Any"))
        self._pusher_type = self._store.put_execution_type(mlmd.ExecutionType(name="Pusher"))
        self.models: list[standard_artifacts.Model] = []
        self.pushed: list[standard_artifacts.PushedModel] = []

    def _put(self, artifact):
        (artifact.id,) = self._store.put_artifacts([mlmd.Artifact(type_id=self._artifact_type, uri=artifact.uri)])
        return artifact

    def train(self, name: str) -> standard_artifacts.Model:
        model = standard_artifacts.Model()
        model.uri = str(self.folder / name)
        Path(model.uri).mkdir()
        self.models.append(self._put(model))
        return model

    def judge(self, model: standard_artifacts.Model, version: int, is_pushed: bool = True) -> None:
        """An execution of Pusher that took a card beside the model."""
        pushed = standard_artifacts.PushedModel()
        pushed.set_int_custom_property("pushed", int(is_pushed))
        pushed.set_string_custom_property(
            "pushed_destination", str(self.folder / "serving" / str(version)) if is_pushed else ""
        )
        card = self._put(standard_artifacts.ExampleAnomalies())
        self.pushed.append(self._put(pushed))
        (execution,) = self._store.put_executions([mlmd.Execution(type_id=self._pusher_type)])
        for artifact, key, kind in (
            (card, "card", mlmd.Event.INPUT), (model, "model", mlmd.Event.INPUT),
            (pushed, "pushed_model", mlmd.Event.OUTPUT),
        ):  # fmt: skip
            event = mlmd.Event(execution_id=execution, artifact_id=artifact.id, type=kind)
            event.path.steps.add().key = key
            event.path.steps.add().index = 0
            self._store.put_events([event])

    def ingest(self) -> standard_artifacts.Examples:
        return self._put(standard_artifacts.Examples())

    def find(self, current: standard_artifacts.Examples) -> str:
        """Name of the model that a training on `current` begins with; empty: none."""
        given = {"model": list(self.models), "pushed_model": list(self.pushed), "current": [current]}
        found = AcceptedStrategy("warm_start").resolve_artifacts(self._store, given)
        assert found["current"] == [current]
        assert len(found["model"]) <= 1
        return "".join(Path(each.uri).name for each in found["model"])


@pytest.fixture
def pushes(tmp_path: Path) -> Pushes:
    return Pushes(tmp_path)


def test_first_weights_nothing_trained_yet_is_none(pushes):
    assert pushes.find(pushes.ingest()) == ""


def test_first_weights_several_gives_the_one_of_the_last_push_before_the_data(pushes):
    one, two = pushes.train("one"), pushes.train("two")
    pushes.judge(two, 1)
    pushes.judge(one, 2)
    assert pushes.find(pushes.ingest()) == "one"


def test_first_weights_what_was_trained_on_the_data_themselves_changes_no_answer(pushes):
    pushes.judge(pushes.train("one"), 1)
    current = pushes.ingest()
    assert pushes.find(current) == "one"
    pushes.judge(pushes.train("two"), 2)
    assert pushes.find(current) == "one"
    assert pushes.find(pushes.ingest()) == "two"


def test_first_weights_earlier_model_that_is_pushed_after_the_data_came_changes_no_answer(pushes):
    one, two = pushes.train("one"), pushes.train("two")
    pushes.judge(one, 1)
    current = pushes.ingest()
    pushes.judge(two, 2)
    assert pushes.find(current) == "one"


def test_first_weights_refused_ones_are_passed_over(pushes):
    pushes.judge(pushes.train("one"), 1)
    pushes.judge(pushes.train("two"), 2, is_pushed=False)
    pushes.train("three")
    assert pushes.find(pushes.ingest()) == "one"


def test_first_weights_whose_folder_is_gone_is_passed_over(pushes):
    pushes.judge(pushes.train("one"), 1)
    pushes.judge(pushes.train("two"), 2)
    (pushes.folder / "two").rmdir()
    assert pushes.find(pushes.ingest()) == "one"


def test_first_weights_whose_version_was_rolled_back_is_passed_over(pushes):
    pushes.judge(pushes.train("one"), 1)
    pushes.judge(pushes.train("two"), 2)
    aside = pushes.folder / "serving" / "rolled_back" / "2"
    aside.mkdir(parents=True)
    (aside / "saved_model.pb").touch()
    assert pushes.find(pushes.ingest()) == "one"


def test_build_components_without_warm_start_leaves_the_trainer_without_a_model():
    nodes = build_nodes()
    assert "WarmStart" not in nodes
    assert "base_model" not in nodes["Trainer"].inputs
    assert "warm_start_code" not in nodes["Trainer"].exec_properties["custom_config"]


def test_build_components_warm_start_feeds_the_trainer_and_asks_for_nothing_that_it_makes():
    nodes = build_nodes("spans.warm_start=true")
    assert nodes["Trainer"].inputs["base_model"] is nodes["WarmStart"].outputs["model"]
    assert compute_code_fingerprint("models.warm_start") in nodes["Trainer"].exec_properties["custom_config"]
    assert list(nodes).index("WarmStart") < list(nodes).index("Trainer")
    assert nodes["Evaluator"].inputs["baseline_model"] is nodes["Baseline"].outputs["model"]
    tfx.dsl.Pipeline(pipeline_name="fer", pipeline_root="/root", components=list(nodes.values()))  # links the nodes
    assert {node.id for node in nodes["WarmStart"].upstream_nodes} == {"FerExampleGen"}
