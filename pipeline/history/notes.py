"""What a run notes about itself in its context in ML Metadata: its settings, and the figures it reached.

A context is in no node's cache key (`tfx.orchestration.portable.cache_utils`), so notes make nothing run again.
"""

import dataclasses
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ml_metadata
from tfx import v1 as tfx
from tfx.orchestration.portable import launcher
from tfx.orchestration.portable.mlmd import execution_lib
from tfx.proto.orchestration import pipeline_pb2

from configs.load import to_json
from configs.spec import PipelineConfig
from fer_tfx.errors import FerError
from pipeline.history import open_store, open_store_for_reading, read_latest_run
from pipeline.history.acceptance import AcceptedStrategy
from pipeline.history.figures import FIGURES_NOTE, Figures
from pipeline.history.records import CACHED, COMPLETE, RUN_CONTEXT, SETTINGS_NOTE, list_run_contexts
from pipeline.outcome import Outcome, read_outcome
from reporting.report_data import RUN_NOTE, RunFacts, describe_time


def run_with_notes(
    dag: Any, config: PipelineConfig, metadata: Path, at_end: Callable[[Iterable[Path]], None]
) -> Outcome:
    """Run a `tfx.dsl.Pipeline`; `at_end` gets the folders of all finished artifacts, also if the run failed."""
    try:
        NotingRunner(config, _describe_run(metadata)).run(dag)
        store = open_store(metadata)
        outcome = read_outcome(read_latest_run(store))
        note_figures(store, outcome)
        return outcome
    finally:
        # With a full disk or damaged metadata, what made the run fail is the error to report, not this.
        with suppress(OSError, FerError):
            nodes = read_latest_run(open_store_for_reading(metadata)).values() if metadata.exists() else ()
            at_end([Path(each.uri) for node in nodes if node.is_finished for each in node.outputs.values()])


class NotingRunner(tfx.orchestration.LocalDagRunner):  # type: ignore[misc]
    """LocalDagRunner that notes settings and facts of a run as its first node starts, so that a killed one has them."""

    def __init__(self, config: PipelineConfig, facts: RunFacts) -> None:
        super().__init__()
        self._notes = {SETTINGS_NOTE: to_json(config), RUN_NOTE: json.dumps(dataclasses.asdict(facts))}

    def run_with_ir(self, pipeline: pipeline_pb2.Pipeline, run_options: pipeline_pb2.RunOptions | None = None) -> None:
        """Run a compiled pipeline. Every node carries the note: whichever starts first creates the run's context."""
        for node in pipeline.nodes:
            for context in node.pipeline_node.contexts.contexts:
                if context.type.name == RUN_CONTEXT:
                    for name, text in self._notes.items():
                        context.properties[name].field_value.string_value = text
        with _ending_at_failed_inputs():
            super().run_with_ir(pipeline, run_options)


@contextmanager
def _ending_at_failed_inputs() -> Iterator[None]:
    """Have LocalDagRunner end at a node whose inputs can't be found.

    TFX's launcher only logs that, and a model would then be judged without what it is to be compared with.
    """
    original = launcher.Launcher
    AcceptedStrategy.failure = None

    class Launcher(original):  # type: ignore[misc, valid-type]
        """TFX's, which raises the error."""

        def launch(self) -> Any:
            launched = super().launch()
            with self._mlmd_connection as handle:
                known = handle.store.get_executions_by_id([launched.execution_id]) if launched.execution_id else []
            if not known or known[0].last_known_state not in (COMPLETE, CACHED):
                result = execution_lib.get_execution_result(known[0]) if known else None
                raise AcceptedStrategy.failure or RuntimeError(result.result_message if result else "was skipped")
            return launched

    launcher.Launcher = Launcher
    try:
        yield
    finally:
        launcher.Launcher = original


def _describe_run(metadata: Path) -> RunFacts:
    earlier = list_run_contexts(open_store_for_reading(metadata)) if metadata.exists() else []
    command = shlex.join(["fer-tfx", *sys.argv[1:]])
    return RunFacts(describe_time(time.time()), len(earlier) + 1, command, _describe_version())


def _describe_version() -> str:
    """Of the installed code, with its commit where it is a checkout."""
    found = version("fer-tfx-pipeline")
    if not (checkout := Path(__file__).parents[2]).joinpath(".git").exists():
        return found
    with suppress(OSError):  # git isn't installed
        words = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        found += f", commit {done.stdout.strip()}" if done.returncode == 0 else ""
    return found


def note_figures(store: ml_metadata.MetadataStore, figures: Figures) -> None:
    """Add the figures to the context of the latest run."""
    context = list_run_contexts(store)[0]
    context.custom_properties[FIGURES_NOTE].string_value = figures.to_json()
    store.put_contexts([context])
