"""A run on this machine: LocalDagRunner, metadata in SQLite, Beam in this process."""

import dataclasses
import gc
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from configs.convert import overlay
from configs.load import to_yaml
from configs.served_model import served_model_of
from configs.spec import PipelineConfig
from fer_tfx.errors import ConfigError, FerError
from pipeline.engines.checks import require_engine
from pipeline.engines.lost_workers import ending_with_workers
from pipeline.engines.options import parse_options
from pipeline.engines.profiles import build_arguments
from pipeline.hyperparameters import resolve_hyperparameters
from pipeline.inputs import resolve_input
from pipeline.paths import RunPaths, is_remote
from pipeline.schema_text import read_schema
from schema.drawn_faces import name_drawn_run, write_drawn_csvs

if TYPE_CHECKING:
    from pipeline.outcome import Outcome


class RunFailureError(Exception):
    """A component ended with an error that is no `FerError`."""

    def __init__(self, node: str) -> None:
        super().__init__(node)
        self.node = node


def check(config: PipelineConfig) -> PipelineConfig:
    """Look at what is given before anything is written, and before TFX takes its seconds to import.

    A run without data of its own gets another name: a model of drawn faces is no baseline for a real one, nor served
    beside it.

    Raises:
        ConfigError, DataError: a path can't be used.
    """
    if is_remote(config.runtime.root):
        raise ConfigError(f"runtime.root: {config.runtime.root}: a local run keeps its metadata in a local folder")
    require_engine(config.beam, config.runtime.root)
    if not is_remote(config.tuner.hyperparameters_path):  # which takes TFX to read, as the run does later
        resolve_hyperparameters(config)
    if config.data.path:
        resolve_input(config.data)
        return config
    if config.data.unlabelled_path:
        resolve_input(dataclasses.replace(config.data, path=config.data.unlabelled_path))
    return overlay(config, {"name": name_drawn_run(config.name)})


def prepare(config: PipelineConfig) -> PipelineConfig:
    """Draw faces if no data is given.

    Args:
        config: settings that have passed `check`.
    """
    return config if config.data.path else _draw_data(config)


def _draw_data(config: PipelineConfig) -> PipelineConfig:
    drawn = write_drawn_csvs(RunPaths.of(config).drawn_data)
    unlabelled = config.data.unlabelled_path or str(drawn.unlabelled_path)
    data = dataclasses.replace(config.data, path=str(drawn.labelled_path), unlabelled_path=unlabelled)
    return dataclasses.replace(config, data=data)


def run(config: PipelineConfig, output: TextIO) -> "Outcome":
    """Run the whole graph.

    Args:
        config: settings that `prepare` has completed.
        output: where the progress is shown.

    Raises:
        FerError: bad input, or refused data.
        RunFailureError: a component failed in a way that nobody foresaw; the cause is the error itself.
    """
    # The collector walks the millions of objects of these imports again and again, and once more at exit: 5 s of
    # CPU time for nothing, since they stay until the end.
    gc.disable()
    from absl import logging

    from pipeline.history.figures import Figures
    from pipeline.history.notes import NotingRunner, note_figures
    from pipeline.lineage import open_store, read_latest_run
    from pipeline.outcome import read_outcome
    from pipeline.view import RunView

    _settle_threads(config.trainer.threads)
    gc.enable()
    gc.freeze()
    logging.set_verbosity(logging.INFO)
    logging.info("Settings of this run:\n%s", to_yaml(config))
    paths = RunPaths.of(config)
    dag = build_pipeline(config, paths)
    view = RunView([node.id for node in dag.components], output)
    try:
        with view, _watching_workers(config):
            NotingRunner(config).run(dag)
    except FerError:
        raise
    except Exception as error:
        raise RunFailureError(view.failed) from error
    store = open_store(paths.metadata)
    outcome = read_outcome(read_latest_run(store))
    note_figures(store, Figures.of(outcome))
    return outcome


def _settle_threads(count: int) -> None:
    """All nodes work in this process, and TensorFlow keeps the threads that the first of them begins with."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(count)
    tf.config.threading.set_inter_op_parallelism_threads(count)


def _watching_workers(config: PipelineConfig) -> AbstractContextManager[None]:
    return ending_with_workers() if config.beam.engine == "local-parallel" else nullcontext()


def list_finished_artifacts(paths: RunPaths) -> list[Path]:
    """Folders of all that the nodes of the latest run have finished."""
    from pipeline.lineage import open_store_for_reading, read_latest_run

    if not paths.metadata.exists():
        return []
    nodes = read_latest_run(open_store_for_reading(paths.metadata)).values()
    return [Path(each.uri) for node in nodes if node.is_finished for each in node.outputs.values()]


def build_pipeline(config: PipelineConfig, paths: RunPaths) -> Any:
    """The graph with its metadata in SQLite: a `tfx.dsl.Pipeline`.

    Raises:
        ConfigError: there are no hyperparameters to import, or they don't fit; or Beam doesn't know an option.
        DataError: the schema can't be read, or an older span is lost for good.
    """
    from components.bucket_versions import open_versions
    from pipeline.baseline import MetadataComparison
    from pipeline.graph import Places, build_components
    from pipeline.spans import find_lost_spans

    data = resolve_input(config.data)
    places = Places(
        data=data,
        schema_text=read_schema(config.validation),
        serving=paths.serving,
        lifted=open_versions(paths.serving, served_model_of(config.serving)).count_lifted(),
        checkpoints=paths.checkpoints,
        comparison=MetadataComparison(),
        lost_spans=find_lost_spans(paths.metadata, data, config.spans.window),
        hyperparameters=resolve_hyperparameters(config),
    )
    arguments = build_arguments(config.beam, config.runtime.beam_pipeline_args)
    parse_options(arguments)
    nodes = build_components(config, places)
    return assemble(config.name, nodes, paths.artifacts, paths.metadata, arguments)


def assemble(
    name: str, nodes: list[Any], root: str, metadata_path: Path, beam_pipeline_args: Sequence[str] = ()
) -> Any:
    """A cached `tfx.dsl.Pipeline` of `nodes` with its metadata in SQLite."""
    from tfx import v1 as tfx

    return tfx.dsl.Pipeline(
        pipeline_name=name,
        pipeline_root=root,
        components=nodes,
        enable_cache=True,
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(str(metadata_path)),
        beam_pipeline_args=list(beam_pipeline_args),
    )
