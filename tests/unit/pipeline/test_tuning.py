"""How a search, or the import of one, stands in the graph."""

import json
from typing import Any

import pytest
from tfx import v1 as tfx
from tfx.types import standard_artifacts

from configs.load import from_json, load_config
from configs.spec import PipelineConfig, TrainerConfig, TunerConfig
from pipeline.graph import Places, build_components, build_tuning
from pipeline.inputs import ImportedHyperparameters, Input
from pipeline.lookups import MetadataComparison

IMPORTED = ImportedHyperparameters("/earlier/best_hyperparameters/7", "f1f1")


def build(*overrides: str, imported: ImportedHyperparameters | None = None) -> dict[str, Any]:
    """The graph's nodes by id, in their order."""
    data = Input("/data", {"labelled": "train.csv"})
    places = Places(data, "schema", "/serving", "/checkpoints", MetadataComparison(), imported)
    return {node.id: node for node in build_components(load_config(overrides=overrides), places)}


def settings_of(node: Any) -> dict[str, str]:
    return json.loads(node.exec_properties["custom_config"])


def test_build_components_no_tuner_leaves_trainer_without_hyperparameters():
    nodes = build()
    assert [name for name in nodes if "uner" in name or "yper" in name] == []
    assert "hyperparameters" not in nodes["Trainer"].inputs
    assert "hyperparameters" not in settings_of(nodes["Trainer"])


def test_build_components_trials_put_a_tuner_before_the_trainer():
    nodes = build("tuner.trials=8", "tuner.epochs=3", "trainer.epochs=30")
    names = list(nodes)
    assert names.index("Transform") < names.index("Tuner") < names.index("Trainer")
    channel = nodes["Trainer"].inputs["hyperparameters"]
    assert channel is nodes["Tuner"].outputs["best_hyperparameters"]
    assert nodes["Tuner"].exec_properties["tuner_fn"] == "models.tuner_fn.tuner_fn"
    settings = settings_of(nodes["Tuner"])
    assert from_json(TunerConfig, settings["tuner"]) == TunerConfig(trials=8, epochs=3)
    assert from_json(TrainerConfig, settings["trainer"]).epochs == 3
    assert from_json(TrainerConfig, settings_of(nodes["Trainer"])["trainer"]).epochs == 30


def test_build_components_longer_training_leaves_the_tuner_as_it_is():
    """So that TFX finds the search in its cache."""
    short, long = (build("tuner.trials=8", f"trainer.epochs={epochs}")["Tuner"] for epochs in (10, 30))
    assert short.exec_properties == long.exec_properties
    other = build("tuner.trials=8", "trainer.momentum=0.8")["Tuner"]
    assert short.exec_properties != other.exec_properties


def test_build_components_imported_result_feeds_the_trainer():
    nodes = build(imported=IMPORTED)
    importer = nodes["ImportHyperparameters"]
    assert importer.exec_properties == {"folder": IMPORTED.uri, "fingerprint": IMPORTED.fingerprint}
    assert nodes["Trainer"].inputs["hyperparameters"] is importer.outputs["hyperparameters"]
    assert importer.outputs["hyperparameters"].type is standard_artifacts.HyperParameters
    assert settings_of(nodes["Trainer"])["hyperparameters"] == "f1f1"
    assert "Tuner" not in nodes


def test_build_components_edited_file_behind_the_same_uri_is_another_training():
    trainers = [build(imported=ImportedHyperparameters(IMPORTED.uri, text))["Trainer"] for text in ("f1f1", "f2f2")]
    assert trainers[0].exec_properties != trainers[1].exec_properties


@pytest.mark.parametrize(
    ("config", "imported", "producer", "key"),
    [
        (PipelineConfig(tuner=TunerConfig(trials=8)), None, "Tuner", "best_hyperparameters"),
        (PipelineConfig(), IMPORTED, "ImportHyperparameters", "hyperparameters"),
    ],
)
def test_build_tuning_compiles_for_kubeflow(tmp_path, config, imported, producer, key):
    """With imported data: the rest of the graph is no matter of the tuner's."""
    examples = tfx.dsl.Importer(source_uri="/examples", artifact_type=standard_artifacts.Examples).with_id("Data")
    graph = tfx.dsl.Importer(source_uri="/graph", artifact_type=standard_artifacts.TransformGraph).with_id("Graph")
    data = {"examples": examples.outputs["result"], "transform_graph": graph.outputs["result"]}
    tuning = build_tuning(config, imported, "/checkpoints", **data)
    trainer = tfx.components.Trainer(run_fn="a.b", **tuning.outputs, **data)
    nodes = [examples, graph, *tuning.nodes, trainer]
    settings = tfx.orchestration.experimental.KubeflowV2DagRunnerConfig("image", use_pipeline_spec_2_1=True)
    tfx.orchestration.experimental.KubeflowV2DagRunner(settings, str(tmp_path), "pipeline.json").run(
        tfx.dsl.Pipeline(config.name, pipeline_root="/root", components=nodes)
    )
    tasks = json.loads((tmp_path / "pipeline.json").read_text())["pipelineSpec"]["root"]["dag"]["tasks"]
    source = tasks["Trainer"]["inputs"]["artifacts"]["hyperparameters"]["taskOutputArtifact"]
    assert source == {"producerTask": producer, "outputArtifactKey": key}
