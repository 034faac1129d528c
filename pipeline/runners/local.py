"""A run on this machine: LocalDagRunner, metadata in SQLite, Beam in this process."""

import dataclasses
import gc
import hashlib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from configs.load import to_yaml
from configs.spec import PipelineConfig
from pipeline.engines.checks import require_engine
from pipeline.engines.options import parse_options
from pipeline.engines.profiles import build_arguments
from pipeline.hyperparameters import resolve_hyperparameters
from pipeline.inputs import resolve_input
from pipeline.paths import RunPaths, is_remote
from schema.drawn_faces import name_drawn_run, write_drawn_csvs
from schema.errors import ConfigError, DataError

if TYPE_CHECKING:
    from pipeline.outcome import Outcome


def prepare(config: PipelineConfig) -> PipelineConfig:
    """Draw faces if no data is given. Quick checks come here, before TFX takes its seconds to import.

    Raises:
        ConfigError, DataError: a path can't be used.
    """
    if is_remote(config.runtime.root):
        raise ConfigError(f"runtime.root: {config.runtime.root}: a local run keeps its metadata in a local folder")
    require_engine(config.beam, config.runtime.root)
    if not config.data.path:
        config = _draw_data(config)
    resolve_input(config.data)
    resolve_hyperparameters(config)
    return config


def _draw_data(config: PipelineConfig) -> PipelineConfig:
    """Under a name of its own: a model of drawn faces is no baseline for a real one, nor served beside it."""
    config = dataclasses.replace(config, name=name_drawn_run(config.name))
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

    gc.enable()
    gc.freeze()
    logging.set_verbosity(logging.INFO)
    logging.info("Settings of this run:\n%s", to_yaml(config))
    paths = RunPaths.of(config)
    dag = build_pipeline(config, paths)
    with RunView([node.id for node in dag.components], output):
        NotingRunner(config).run(dag)
    store = open_store(paths.metadata)
    outcome = read_outcome(read_latest_run(store))
    note_figures(store, Figures.of(outcome))
    return outcome


def build_pipeline(config: PipelineConfig, paths: RunPaths) -> Any:
    """The graph with its metadata in SQLite: a `tfx.dsl.Pipeline`. Stages the schema.

    Raises:
        ConfigError: there are no hyperparameters to import, or they don't fit; or Beam doesn't know an option.
        DataError: the schema can't be read.
    """
    from pipeline.graph import Places, build_components

    places = Places(
        data=resolve_input(config.data),
        schema=_stage_schema(config, paths),
        serving=paths.serving,
        checkpoints=paths.checkpoints,
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


def _stage_schema(config: PipelineConfig, paths: RunPaths) -> str:
    text = _read_schema(config.validation.schema_path)
    staged = Path(paths.staged_schema(hashlib.sha256(text.encode()).hexdigest()[:16]))
    if not staged.exists():
        staged.parent.mkdir(parents=True, exist_ok=True)
        partial = staged.with_suffix(".partial")
        partial.write_text(text, "utf-8")
        partial.replace(staged)
    return str(staged)


def _read_schema(own: str) -> str:
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    path = Path(own).expanduser() if own else resources.files("schema").joinpath("schema.pbtxt")
    try:
        text = path.read_text("utf-8")
        text_format.Parse(text, schema_pb2.Schema())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{own}: can't be read: {error}; write a schema with `fer-tfx schema`") from None
    except text_format.ParseError as error:
        raise DataError(f"{own}:{error.GetLine()}: not a schema: {error}; see schema/schema.pbtxt for one") from None
    return text
