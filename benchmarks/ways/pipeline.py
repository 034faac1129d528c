"""Ways through this project's graph: its nodes up to Transform, and whole runs by component."""

import logging
from pathlib import Path

import tensorflow_transform as tft
from absl import logging as absl_logging
from tfx import v1 as tfx

import models.preprocessing  # noqa: F401  (Transform imports it by name: its time belongs to the imports)
from benchmarks.harness.marks import Mark
from benchmarks.ways import INGESTION, LAST_DATA_NODE
from configs.load import load_config
from configs.spec import PipelineConfig
from fer_tfx.contract import DEFAULT_CLASS_NAMES, EVAL_SPLIT, TRAIN_SPLIT
from models.dataset import make_eval_dataset, read_examples
from models.transform_graph import TransformGraph
from pipeline.engines import build_arguments, require_engine
from pipeline.graph import Places, build_components
from pipeline.history import open_store, read_latest_run
from pipeline.history.records import NodeRecord
from pipeline.inputs import read_schema, resolve_input
from pipeline.lookups import MetadataComparison
from pipeline.paths import RunPaths
from pipeline.runners.local import assemble, build_pipeline
from pipeline.view import FINISHED

# What a run costs, not what it is worth: one epoch of a small network, and a gate that lets every model through.
_CHEAP = (
    "trainer.epochs=1", "model.stem_filters=4", "model.stage_filters=[8]", "model.convolutions_per_stage=1",
    "gate.min_accuracy=0", "gate.min_macro_f1=0", "gate.min_class_recall=0", "gate.max_ece=1",
    "gate.min_corrupted_accuracy=0", "gate.max_accuracy_drop=1", "gate.max_latency_ratio=1000",
)  # fmt: skip


def prepare_data(csv_path: Path, folder: Path, mark: Mark) -> None:
    """CSV -> Transform's graph -> float32 images (n, 48, 48, 1), batch by batch as the Trainer gets them."""
    records = _run_data_nodes(_load(csv_path, folder))
    mark("nodes")
    examples = records[INGESTION].outputs["examples"].uri
    transform = TransformGraph(tft.TFTransformOutput(records[LAST_DATA_NODE].outputs["transform_graph"].uri))
    for split in (TRAIN_SPLIT, EVAL_SPLIT):
        stored = read_examples([f"{examples}/Split-{split}/*"], len(DEFAULT_CLASS_NAMES))
        for _images, _class_indices in make_eval_dataset(stored, transform):
            pass
    mark("graph applied")


def prepare_data_by(csv_path: Path, folder: Path, mark: Mark, *settings: str) -> None:
    """CSV -> Transform's graph on the engine of those settings, with a mark at the end of each component."""
    _mark_components(mark)
    _run_data_nodes(_load(csv_path, folder, *settings))


def run_components(csv_path: Path, folder: Path, mark: Mark) -> dict[str, int]:
    """CSV -> pushed model of a small network, with a mark at the end of each component; bytes of their outputs."""
    config = _load(csv_path, folder, *_CHEAP)
    paths = RunPaths.of(config)
    _mark_components(mark)
    tfx.orchestration.LocalDagRunner().run(build_pipeline(config, paths))
    sizes = {}
    for name, node in read_latest_run(open_store(paths.metadata)).items():
        files = (path for output in node.outputs.values() for path in Path(output.uri).rglob("*") if path.is_file())
        sizes[name] = sum(path.stat().st_size for path in files)
    return sizes


def _mark_components(mark: Mark) -> None:
    def watch(record: logging.LogRecord) -> bool:
        if end := FINISHED.fullmatch(record.getMessage()):
            mark(end[1])
        return True

    absl_logging.set_verbosity(absl_logging.INFO)  # or Transform would set it back
    logging.getLogger("absl").addFilter(watch)  # TFX's launcher tells it that a component has ended


def _run_data_nodes(config: PipelineConfig) -> dict[str, NodeRecord]:
    paths = RunPaths.of(config)
    data, schema_text = resolve_input(config.data), read_schema(config)
    nodes = build_components(config, Places(data, schema_text, paths.serving, paths.checkpoints, MetadataComparison()))
    data_nodes = nodes[: 1 + [node.id for node in nodes].index(LAST_DATA_NODE)]
    arguments = build_arguments(require_engine(config.beam))
    dag = assemble(config.name, data_nodes, paths.artifacts, paths.metadata, arguments)
    tfx.orchestration.LocalDagRunner().run(dag)
    return read_latest_run(open_store(paths.metadata))


def _load(data: Path, root: Path, *overrides: str) -> PipelineConfig:
    """The default settings, with that data and all files in that folder."""
    places = {"data.path": data, "runtime.root": root}
    return load_config(overrides=[*overrides, *(f"{key}={path}" for key, path in places.items())])
