"""Data preparation by this project's graph, its nodes up to Transform, and the pictures as the Trainer gets them."""

import json
from itertools import takewhile
from pathlib import Path

import tensorflow_transform as tft
from tfx import v1 as tfx
from tfx.dsl.components.base.base_node import BaseNode

import models.preprocessing  # noqa: F401  (Transform imports it by name: its time belongs to the imports)
from benchmarks.marks import Mark
from configs.load import load_config
from configs.spec import PipelineConfig
from fer_tfx.contract import EVAL_SPLIT, TRAIN_SPLIT
from models.dataset import make_eval_dataset, read_examples
from models.transform_graph import TransformGraph
from pipeline.graph import Places, build_components
from pipeline.history import open_store, read_latest_run
from pipeline.inputs import read_schema, resolve_input
from pipeline.lookups import MetadataComparison
from pipeline.paths import RunPaths
from pipeline.runners.local import assemble

_LAST_NODE = "Transform"


def prepare(csv_path: Path, folder: Path, mark: Mark) -> None:
    """CSV -> Transform's graph -> float32 images (n, 48, 48, 1), batch by batch."""
    config = build_config(csv_path, folder)
    paths = RunPaths.of(config)
    run_nodes(config, paths, build_nodes(config, paths))
    mark("nodes")
    _apply_graph(paths)
    mark("graph applied")


def build_config(csv_path: Path, folder: Path) -> PipelineConfig:
    """The default settings, with that CSV and all files in that folder."""
    return load_config(overrides=[f"data.path={json.dumps(str(csv_path))}", f"runtime.root={json.dumps(str(folder))}"])


def run_nodes(config: PipelineConfig, paths: RunPaths, nodes: list[BaseNode]) -> None:
    """Run these nodes as `fer-tfx run` would; those that ran before in the same folder come from the cache."""
    tfx.orchestration.LocalDagRunner().run(assemble(config.name, nodes, paths.artifacts, paths.metadata))


def build_nodes(config: PipelineConfig, paths: RunPaths) -> list[BaseNode]:
    """The nodes from ingestion to Transform."""
    data, schema_text = resolve_input(config.data), read_schema(config.validation)
    places = Places(data, schema_text, paths.serving, paths.checkpoints, MetadataComparison())
    nodes = build_components(config, places)
    before = list(takewhile(lambda node: node.id != _LAST_NODE, nodes))
    return [*before, nodes[len(before)]]


def _apply_graph(paths: RunPaths) -> None:
    nodes = read_latest_run(open_store(paths.metadata))
    examples = nodes["FerExampleGen"].outputs["examples"].uri
    transform = TransformGraph(tft.TFTransformOutput(nodes[_LAST_NODE].outputs["transform_graph"].uri))
    for split in (TRAIN_SPLIT, EVAL_SPLIT):
        for _images, _class_indices in make_eval_dataset(read_examples([f"{examples}/Split-{split}/*"]), transform):
            pass
