"""Which runs there are, which one is meant, and how each ended."""

from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import ml_metadata

from configs.spec import PipelineConfig
from fer_tfx.errors import ConfigError
from pipeline.history.figures import Figures, find_artifact
from pipeline.lineage import RunRecord, open_store_for_reading, read_runs
from pipeline.paths import RunPaths, is_remote

LATEST = "latest"
_LAST_NODES = ("BulkInferrer", "Pusher")


@dataclass(frozen=True)
class History:
    """The metadata store of one pipeline, open for reading."""

    path: Path
    store: ml_metadata.MetadataStore

    @classmethod
    def open(cls, config: PipelineConfig) -> "History":
        """Open the store that `fer-tfx run` would write to with these settings.

        Raises:
            ConfigError: there is none, or it would lie in a bucket.
            DataError: it can't be read.
        """
        if is_remote(config.runtime.root):
            raise ConfigError(f"runtime.root: {config.runtime.root}: metadata lies in a local folder; name that one")
        path = RunPaths.of(config).metadata
        if not path.is_file():
            raise ConfigError(f"{path}: no run is recorded there; {_suggest_runs(path)}")
        return cls(path, open_store_for_reading(path))

    def list_runs(self) -> list[RunRecord]:
        """All runs, newest first; at least one.

        Raises:
            ConfigError: there is none.
        """
        runs = read_runs(self.store)
        if not runs:
            raise ConfigError(f"{self.path}: no run is recorded there; {_suggest_runs(self.path)}")
        return runs

    def find_run(self, name: str) -> RunRecord:
        """The run of an id as `fer-tfx runs` prints it, or the `latest`.

        Raises:
            ConfigError: there is no such run.
        """
        runs = self.list_runs()
        if name == LATEST:
            return runs[0]
        for run in runs:
            if str(run.id) == name:
                return run
        known = ", ".join(str(run.id) for run in runs[:10]) + (", ..." if len(runs) > 10 else "")
        raise ConfigError(f"{self.path}: has no run {name!r}, only {known}, or {LATEST}; `fer-tfx runs` tells of them")


def describe_verdict(run: RunRecord, figures: Figures | None, data_refusal: str = "") -> str:
    """How a run ended, in a few words.

    Args:
        run: to describe.
        figures: None: it did not come so far.
        data_refusal: the sentence of the data gate; empty: it let the data through, or left none.
    """
    if data_refusal:
        return f"refused: {data_refusal}"
    if end := _describe_early_end(run):
        return end
    if figures and figures.refusals:
        return f"refused: {figures.refusals[0]}"
    if not find_version(run):
        return "refused"
    return "pushed before, unchanged" if run.nodes["Pusher"].is_cached else "pushed"


def _describe_early_end(run: RunRecord) -> str:
    """Where a run stopped on the way; empty: it came to its end."""
    for name, node in run.nodes.items():
        if node.is_failed:
            return f"failed at {name}"
        if not node.is_finished:
            return f"unfinished at {name}"
    missing = next((name for name in _LAST_NODES if name not in run.nodes), "")
    return f"stopped before {missing}" if missing else ""


def find_version(run: RunRecord) -> str:
    """The version that a run pushed; empty: none."""
    artifact = find_artifact(run, "Pusher", "pushed_model")
    return str(artifact.properties.get("pushed_version", "")) if artifact else ""


def describe_time(seconds: float) -> str:
    """Seconds since 1970 as date and time."""
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def _suggest_runs(path: Path) -> str:
    """What to do where there is no run: the pipelines beside this one that have some, or a run."""
    names = sorted(each.parent.name for each in path.parent.parent.glob(f"*/{path.name}") if each != path)
    if names:
        return f"there are runs of {', '.join(names)}: choose one with --set name=NAME"
    return "`fer-tfx run` makes one; name its folder with --set runtime.root=FOLDER"
