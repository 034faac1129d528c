"""A run on this machine, in order: `run_pipeline`. LocalDagRunner, metadata in SQLite, Beam in this process."""

import dataclasses
import gc
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from configs.convert import overlay
from configs.library import class_names_of, served_model_of
from configs.load import to_yaml
from configs.spec import DataConfig, PipelineConfig
from fer_tfx.commands.ending import print_error
from fer_tfx.errors import ConfigError, FerError, GateError
from fer_tfx.model_files import PUSHED, KnownModels, note_model
from fer_tfx.quiet import hush_libraries, output_in_log, print_note
from fer_tfx.versions.model_digest import compute_digest
from pipeline.engines import build_arguments, parse_options, require_engine
from pipeline.failures import ComponentError, explaining_failures
from pipeline.inputs import (
    look_into_input,
    read_schema,
    resolve_earlier_models,
    resolve_hyperparameters,
    resolve_input,
)
from pipeline.notification import telling_end
from pipeline.paths import RunPaths, is_remote
from pipeline.runners.work_folder import find_last_execution, only_run_in, require_usable
from pipeline.seals import keeping_seals
from pipeline.stack import require_tfx
from pipeline.standard_input import keep_standard_input
from pipeline.supervisor import ending_with_workers
from schema.drawn_faces import name_drawn_run, write_drawn_csvs

if TYPE_CHECKING:
    from pipeline.outcome import Outcome


def run_pipeline(config: PipelineConfig) -> int:
    """A whole run, from settings to exit code: 0 pushed, 3 refused. Any other end is a FerError."""
    with telling_end(config.notify, config.name) as end:
        require_tfx()
        if not is_remote(config.runtime.root):
            given = keep_standard_input(config.data, Path(RunPaths.of(config).home, "standard_input"))
            config = dataclasses.replace(config, data=given)
        config = check(config)
        paths, end.run = RunPaths.of(config), config.name
        with only_run_in(Path(paths.home)):
            require_usable(paths.metadata)
            last_execution = find_last_execution(paths.metadata)
            config, started_s = prepare(config), time.monotonic()
            end.log = str(paths.logs / f"{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}.log")
            hush_libraries()
            print_note(f"fer-tfx: run {config.name!r} on {config.data.path}; log: {end.log}")
            sys.stdout.flush()
            with output_in_log(Path(end.log)) as output:
                try:
                    with (
                        explaining_failures(Exception, end.log),
                        keeping_seals(Path(paths.home), last_execution, output) as seals,
                    ):
                        outcome = run(config, output, seals.seal)
                finally:
                    from pipeline.history.overview import refresh_index

                    refresh_index(config)
                from pipeline.outcome import write_summary

                spent_s = time.monotonic() - started_s
                print(f"\n{write_summary(outcome)}\n{'time':<12} {spent_s:.0f} s", file=output)
        end.take_outcome(outcome)
        if not outcome.is_pushed:
            judged = f", judged by the {outcome.rows.labels}" if outcome.rows.labels else ""
            print_error(f"the gate refused the model{judged}: {'; '.join(outcome.refusals)}")
            return GateError.exit_code
        # `fer-tfx predict --model` loads only known models. In a bucket, or rolled back, there is nothing to load, and
        # what has been changed since the push isn't this run's.
        model = Path(outcome.model_path)
        if model.is_dir() and outcome.is_as_pushed and (warning := note_model(model, PUSHED, KnownModels.of_user())):
            print(f"fer-tfx: {warning}", file=sys.stderr)
    return 0


def check(config: PipelineConfig) -> PipelineConfig:
    """Check what is given before anything is written, and before TFX takes its seconds to import.

    A run without data gets another name: a model of drawn faces is no baseline for a real one, nor served beside it.
    Raises ConfigError, DataError: a path can't be used.
    """
    if is_remote(config.runtime.root):
        raise ConfigError(f"runtime.root: {config.runtime.root}: a local run keeps its metadata in a local folder")
    config = dataclasses.replace(config, beam=require_engine(config.beam))
    if not is_remote(config.tuner.hyperparameters_path):  # which takes TFX to read, as the run does later
        resolve_hyperparameters(config)
    resolve_earlier_models(config)
    if config.data.path:
        look_into_input(config.data)
        return config
    for setting, place in (
        ("runtime.serving_path", config.runtime.serving_path),
        ("serving.endpoint.name", config.serving.endpoint.name),
    ):
        if place:
            found = "without --data faces are drawn, and their model is served nowhere"
            raise ConfigError(f"{setting}: {place}: {found}; give your data, or set {setting}= for this run")
    if config.data.targets != "label":
        raise ConfigError(f"data.targets: {config.data.targets}: drawn faces have no votes; give your data with --data")
    if class_names_of(config.data) != (drawn := class_names_of(DataConfig())):
        raise ConfigError(f"data.classes: without --data faces are drawn, and only {', '.join(drawn)}; give your data")
    if config.data.unlabelled_path:
        look_into_input(dataclasses.replace(config.data, path=config.data.unlabelled_path))
    return overlay(config, {"name": name_drawn_run(config.name)})


def prepare(config: PipelineConfig) -> PipelineConfig:
    """Draw faces if no data is given."""
    if config.data.path:
        return config
    drawn = write_drawn_csvs(RunPaths.of(config).drawn_data)
    unlabelled = config.data.unlabelled_path or str(drawn.unlabelled_path)
    data = dataclasses.replace(config.data, path=str(drawn.labelled_path), unlabelled_path=unlabelled)
    return dataclasses.replace(config, data=data)


def run(config: PipelineConfig, output: TextIO, at_end: Callable[[Iterable[Path]], None]) -> "Outcome":
    """Run the whole graph with settings that `prepare` has completed; for `at_end` see `run_with_notes`.

    Raises FerError: bad input or refused data; ComponentError: a component failed unexpectedly.
    """
    # The collector would walk the millions of objects of these imports again and again: 5 s of CPU time.
    gc.disable()
    from absl import logging

    from pipeline.history.notes import run_with_notes
    from pipeline.view import RunView

    _settle_threads(config.trainer.threads)
    gc.enable()
    gc.freeze()
    logging.set_verbosity(logging.INFO)
    logging.info("Settings of this run:\n%s", to_yaml(config))
    paths = RunPaths.of(config)
    _forget_superseded_pushes(config, paths)
    dag = build_pipeline(config, paths)
    if remark := _describe_served(config, paths):
        print(remark, file=output)
    view = RunView([node.id for node in dag.components], output)
    watch = ending_with_workers if config.beam.engine == "local-parallel" else nullcontext
    try:
        with view, watch():
            return run_with_notes(dag, config, paths.metadata, at_end)
    except FerError:
        raise
    except Exception as error:
        raise ComponentError(view.failed) from error


def _forget_superseded_pushes(config: PipelineConfig, paths: RunPaths) -> None:
    """Remove the copies of pushes whose model is in service no more, so that TFX's cache can't say they were done."""
    from components.bucket_versions import open_versions
    from components.remote_files import read_files
    from pipeline.history.acceptance import find_superseded_pushes

    served = open_versions(paths.serving, served_model_of(config.serving)).list_served()
    digest = compute_digest(read_files(f"{paths.serving}/{served[-1]}")) if served else ""
    for folder in find_superseded_pushes(paths.metadata, paths.serving, served, digest):
        shutil.rmtree(folder, ignore_errors=True)


def _describe_served(config: PipelineConfig, paths: RunPaths) -> str:
    """A line about the model in service if it is no fair baseline of this run; else empty."""
    from components.bucket_versions import open_versions
    from components.model_facts import read_class_names
    from pipeline.history.acceptance import describe_served

    served = open_versions(paths.serving, served_model_of(config.serving)).list_served()
    if not served or not config.gate.use_baseline:
        return ""
    model = f"{paths.serving}/{served[-1]}"
    names = read_class_names(model)
    if names != class_names_of(config.data):
        return f"fer-tfx: {model} has other classes ({', '.join(names) or 'unknown'}), so it is no baseline of this run"
    found = describe_served(paths.metadata, model, config.data)
    return found and f"fer-tfx: {found}"


def _settle_threads(count: int) -> None:
    """All nodes work in this process, and TensorFlow keeps the threads that the first of them begins with."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(count)
    tf.config.threading.set_inter_op_parallelism_threads(count)


def build_pipeline(config: PipelineConfig, paths: RunPaths) -> Any:
    """The graph with its metadata in SQLite: a `tfx.dsl.Pipeline`.

    Raises ConfigError, DataError: hyperparameters, Beam's options, the schema or an older span can't be used.
    """
    from components.bucket_versions import open_versions
    from pipeline.graph import Places, build_components
    from pipeline.history.acceptance import find_lost_spans
    from pipeline.lookups import MetadataComparison

    data = resolve_input(config.data)
    places = Places(
        data=data,
        schema_text=read_schema(config),
        serving=paths.serving,
        lifted=open_versions(paths.serving, served_model_of(config.serving)).read_record().lifted,
        checkpoints=paths.checkpoints,
        comparison=MetadataComparison(),
        lost_spans=find_lost_spans(paths.metadata, data, config.spans.window, class_names_of(config.data)),
        hyperparameters=resolve_hyperparameters(config),
        earlier_models=resolve_earlier_models(config),
    )
    arguments = build_arguments(config.beam, config.runtime.beam_pipeline_args)
    parse_options(arguments)
    return assemble(config.name, build_components(config, places), paths.artifacts, paths.metadata, arguments)


def assemble(name: str, nodes: list[Any], root: str, metadata: Path, beam_pipeline_args: Sequence[str] = ()) -> Any:
    """A cached `tfx.dsl.Pipeline` of `nodes` with its metadata in SQLite."""
    from tfx import v1 as tfx

    return tfx.dsl.Pipeline(
        pipeline_name=name,
        pipeline_root=root,
        components=nodes,
        enable_cache=True,
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(str(metadata)),
        beam_pipeline_args=list(beam_pipeline_args),
    )
