"""What earlier runs left in ML Metadata and beside it, and the one way in for everything outside this folder.

Only `acceptance` and `notes`, `comparison` and `overview` are imported by themselves: TFX, and what draws pages, take
seconds to import.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_metadata

from configs.convert import check_setting
from configs.spec import PipelineConfig
from fer_tfx.errors import ConfigError, DataError
from pipeline.history.figures import REPORTER, Figures, locate_refused, summarise
from pipeline.history.lineage import Lineage, Product, WorkStep, trace
from pipeline.history.records import (
    NodeRecord,
    RunRecord,
    explaining_reads,
    list_run_contexts,
    open_store,
    open_store_for_reading,
    read_latest_run,
    read_runs,
)
from pipeline.paths import RunPaths, is_remote
from pipeline.runners.work_folder import require_readable
from reporting import PAGE_FILE, REPORT_KEY

__all__ = [
    "Figures", "History", "NodeRecord", "Product", "RunRecord", "WorkStep", "open_store",
    "open_store_for_reading", "read_latest_run",
]  # fmt: skip

LATEST = "latest"
_TRAINER, _LOGS = "Trainer", "model_run"
_REMEDY = "run the same command again: finished steps are not repeated, and the page comes last"


@dataclass(frozen=True)
class History:
    """The runs of one pipeline, at least one, for reading. Methods raise ConfigError: there is no such run or model.

    DataError: the metadata can't be read, as they are damaged or another program holds them.
    """

    config: PipelineConfig
    path: Path
    store: ml_metadata.MetadataStore

    @classmethod
    def open(cls, config: PipelineConfig) -> "History":
        """Open the store that `fer-tfx run` would write to with these settings; DataError: it can't be read."""
        if is_remote(config.runtime.root):
            raise ConfigError(f"runtime.root: {config.runtime.root}: metadata is kept in a local folder; name that one")
        path = RunPaths.of(config).metadata
        if path.is_file():
            require_readable(path)
            store = open_store_for_reading(path)
            with explaining_reads(path):
                if list_run_contexts(store):
                    return cls(config, path, store)
        raise ConfigError(f"{path}: no run is recorded there; {_suggest_runs(path)}")

    def find_run(self, name: str) -> RunRecord:
        """The run with a number as `fer-tfx runs` prints it, or the `latest`."""
        with explaining_reads(self.path):
            runs = read_runs(self.store)
        for run in runs:
            if name in (LATEST, str(run.number)):
                return run
        known = ", ".join(str(run.number) for run in runs[:10]) + (", ..." if len(runs) > 10 else "")
        raise ConfigError(f"{self.path}: has no run {name!r}, only {known}, or {LATEST}; `fer-tfx runs` lists them")

    def summarise(self) -> list[dict[str, Any]]:
        with explaining_reads(self.path):
            runs = read_runs(self.store)
        return [summarise(run, self.config) for run in runs]

    def read_latest(self, most: int) -> tuple[list[RunRecord], int]:
        """The newest runs, and how many there are in all."""
        with explaining_reads(self.path):
            return read_runs(self.store, most), len(list_run_contexts(self.store))

    def trace(self, name: str) -> Lineage:
        """What a model was made of; `latest` is the model of the latest run. DataError: it trained none."""
        if name == LATEST:
            run = self.find_run(LATEST)
            name = run.find_uri(_TRAINER, "model")
            if not name:
                raise DataError(f"run {run.number}: trained no model; `fer-tfx runs` tells how each run ended")
        with explaining_reads(self.path):
            return trace(self.store, name, self.config)

    def find_page(self, run: RunRecord) -> Path:
        """The page that a run wrote at its end, or the data gate when it refused the data; DataError: there is none."""
        folder = run.find_uri(REPORTER, REPORT_KEY) or locate_refused(run, self.config)
        page = Path(folder, PAGE_FILE)
        if not folder:
            why = next(filter(None, map(_explain_end, run.nodes.items())), f"it ended without {REPORTER}")
            raise DataError(f"run {run.number}: has no page, as {why}; {_REMEDY}")
        if not page.is_file():
            raise DataError(f"{page}: the page of run {run.number} is gone; {_REMEDY}, or choose one of `fer-tfx runs`")
        return page

    def find_training_logs(self, run: RunRecord) -> Path:
        """Folder of the logs of a run's training; DataError: there are none."""
        if _TRAINER not in run.nodes:
            raise DataError(f"run {run.number}: did not start training; `fer-tfx runs` tells how each run ended")
        # A training that is running, or was killed, has no output yet, but TFX has made the folder already.
        expected = Path(RunPaths.of(self.config).artifacts, _TRAINER, _LOGS, str(run.nodes[_TRAINER].id))
        folder = Path(run.find_uri(_TRAINER, _LOGS) or expected)
        if not folder.is_dir():
            raise DataError(f"{folder}: the logs of run {run.number} are gone; `fer-tfx runs` lists other runs")
        return folder


def _explain_end(item: tuple[str, NodeRecord]) -> str:
    """How a node kept a run from its end; empty: it finished."""
    name, node = item
    if node.is_finished:
        return ""
    return f"it failed at {name}" if node.is_failed else f"{name} is still running, or was killed"


def _is_name(folder: str) -> bool:
    """Whether a pipeline may be called like this folder, which may have been renamed."""
    with suppress(ConfigError):
        check_setting(PipelineConfig, "name", folder)
        return True
    return False


def _suggest_runs(path: Path) -> str:
    """What to do where there is no run: choose a pipeline beside this one that has some, or start a run."""
    folders = [each.parent.name for each in path.parent.parent.glob(f"*/{path.name}") if each != path]
    names = sorted(filter(_is_name, folders))
    if names:
        return f"there are runs of {', '.join(names)}: choose one with --set name=NAME"
    return "`fer-tfx run` makes one; name its folder with --set runtime.root=FOLDER"
