"""Runs of the real command in processes of their own, on a copy of the sources that a test may edit."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from forked import run_command
from planted_secret import ENVIRONMENT
from small_run import SETTINGS

from pipeline.history import NodeRecord, open_store, read_latest_run
from schema.drawn_faces import DrawnCsvs

PROJECT = Path(__file__).parents[1]
PACKAGES = ("components", "configs", "fer_tfx", "models", "pipeline", "reporting", "schema")


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Workshop:
    """A copy of the sources and a root for runs."""

    sources: Path
    root: Path

    def run(self, data: DrawnCsvs | Path, **overrides: str) -> Finished:
        """`fer-tfx run` on `data`; a keyword `trainer__epochs` sets trainer.epochs."""
        changed = {key.replace("__", "."): value for key, value in overrides.items()}
        settings = {**SETTINGS, "runtime.root": str(self.root), **changed}
        options = [option for key, value in settings.items() for option in ("--set", f"{key}={value}")]
        paths = ["--data", str(data)] if isinstance(data, Path) else _paths(data)
        return self.command("run", *paths, *options)

    def command(self, *arguments: str) -> Finished:
        done = run_command(arguments, self.root, {**os.environ, **ENVIRONMENT, "PYTHONPATH": str(self.sources)})
        return Finished(done.returncode, done.stdout, done.stderr)

    def nodes(self) -> dict[str, NodeRecord]:
        """What the nodes of the latest run did."""
        return read_latest_run(open_store(self.root / "fer" / "metadata.sqlite"))

    def executed(self) -> set[str]:
        """Components of the latest run that worked, neither cached nor mere look-ups."""
        return {name for name, node in self.nodes().items() if not node.is_cached}

    def versions(self) -> list[str]:
        """Pushed versions, oldest first."""
        folder = self.root / "fer" / "serving"
        return sorted(path.name for path in folder.iterdir() if path.name.isdecimal()) if folder.exists() else []


def _paths(data: DrawnCsvs) -> list[str]:
    return ["--data", str(data.labelled_path), "--unlabelled", str(data.unlabelled_path)]


def make_workshop(folder: Path) -> Workshop:
    """Copy the packages, so that an edit in a test touches nobody else's files."""
    sources, root = folder / "sources", folder / "runs"
    for package in PACKAGES:
        shutil.copytree(PROJECT / package, sources / package, ignore=shutil.ignore_patterns("__pycache__"))
    root.mkdir()
    return Workshop(sources, root)
