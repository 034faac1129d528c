"""A whole run within this process, marked at the end of each component."""

import logging

from absl import logging as absl_logging
from tfx import v1 as tfx

import pipeline.graph  # noqa: F401  (what the components import belongs to the imports)
from benchmarks.component_sizes import measure_outputs
from benchmarks.marks import Mark
from configs.load import load_config
from configs.spec import PipelineConfig
from pipeline.history import open_store, read_latest_run
from pipeline.paths import RunPaths
from pipeline.runners.local import build_pipeline
from pipeline.view import FINISHED

# What a run is to cost, not what it is worth: one epoch, and no bound that would keep a component from its work.
_SETTINGS = (
    "trainer.epochs=1",
    "gate.min_accuracy=0", "gate.min_macro_f1=0", "gate.min_class_recall=0", "gate.max_ece=1",
    "gate.min_corrupted_accuracy=0", "gate.max_accuracy_drop=1", "gate.max_latency_ratio=1000",
)  # fmt: skip


def build_cheap_config(*overrides: str) -> PipelineConfig:
    """The default settings but for `overrides`, one epoch and a gate that lets all through."""
    return load_config(overrides=[*_SETTINGS, *overrides])


def run_marked(config: PipelineConfig, mark: Mark) -> dict[str, int]:
    """Run the whole graph as `fer-tfx run` does, and call `mark` with the id of each component as it ends.

    Returns:
        By component, how many bytes its outputs take on disk.
    """
    paths = RunPaths.of(config)
    listener = _Listener(mark)
    logger = logging.getLogger("absl")
    absl_logging.set_verbosity(absl_logging.INFO)  # or Transform would set it back
    logger.addHandler(listener)
    try:
        tfx.orchestration.LocalDagRunner().run(build_pipeline(config, paths))
    finally:
        logger.removeHandler(listener)
    return measure_outputs(read_latest_run(open_store(paths.metadata)))


class _Listener(logging.Handler):
    """TFX's launcher says on absl's logger that a component has ended."""

    def __init__(self, mark: Mark) -> None:
        super().__init__(logging.INFO)
        self._mark = mark

    def emit(self, record: logging.LogRecord) -> None:
        if match := FINISHED.fullmatch(record.getMessage()):
            self._mark(match[1])
