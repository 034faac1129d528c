"""Kills a run at one point after the other in the same work folder, and looks at what each kill has left."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tensorflow_data_validation as tfdv
from forked import run_fork
from google.protobuf import text_format

from fault_injection.kill_points import END, KillPoint
from pipeline.history import NodeRecord, open_store, read_latest_run
from pipeline.history.records import read_runs

TESTS = Path(__file__).resolve().parents[1]
PROJECT = TESTS.parent
# They look things up anew in each run, which costs nothing and makes nothing.
LOOK_UPS = frozenset({"PreviousStatistics", "Baseline"})


@dataclass(frozen=True)
class Room:
    """A root for runs, and the options that all of them have."""

    root: Path
    options: tuple[str, ...]
    name: str = "fer"

    def run(
        self, point: KillPoint | None = None, act: str = "kill", options: Sequence[str] = (), user: str | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """One `fer-tfx run` in a process group of its own.

        Args:
            point: where something happens to it; None: nothing does.
            act: what happens there, as `fault_injection.acts` names it.
            options: after those of the room.
            user: who runs it; None: whoever runs the tests.
        """
        program = "fault_injection.faulty_run" if point else "pipeline"
        fault = [act, point.node, point.moment, point.after_s] if point else []
        arguments = [*map(str, fault), *self.arguments(), *options]
        if not user:
            return run_fork(program, arguments, self.root, self.environment())
        return subprocess.run(
            [sys.executable, "-m", program, *arguments],
            cwd=self.root, env=self.environment(),
            capture_output=True, text=True, check=False, start_new_session=True, user=user,
        )  # fmt: skip

    def start(self, *options: str) -> "subprocess.Popen[str]":
        """One `fer-tfx run` to which something is done while it works; the caller waits for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", *self.arguments(), *options],
            cwd=self.root, env=self.environment(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def arguments(self) -> list[str]:
        return ["run", "--set", f"runtime.root={self.root}", *self.options]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": f"{PROJECT}{os.pathsep}{TESTS}"}

    def seconds(self) -> dict[str, float]:
        """How long each node of the latest run took, by node in the order of the run."""
        store = open_store(self.home / "metadata.sqlite")
        records = self.nodes()
        executions = {each.id: each for each in store.get_executions_by_id([node.id for node in records.values()])}
        times = {node: executions[record.id] for node, record in records.items()}
        return {
            node: (each.last_update_time_since_epoch - each.create_time_since_epoch) / 1000
            for node, each in times.items()
        }

    @property
    def home(self) -> Path:
        return self.root / self.name

    def nodes(self) -> dict[str, NodeRecord]:
        return read_latest_run(open_store(self.home / "metadata.sqlite"))

    def versions(self) -> list[str]:
        """Whatever a server would take for a version."""
        folder = self.home / "serving"
        return sorted(each.name for each in folder.iterdir() if each.name.isdecimal()) if folder.is_dir() else []


def run_undisturbed(room: Room) -> Room:
    """One run in `room` that must succeed."""
    done = room.run()
    assert done.returncode == 0, done.stdout + done.stderr
    return room


@dataclass
class Survival:
    """What became of a run that was killed many times."""

    tried: list[KillPoint] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """A sentence for each thing that should not be so after a kill."""


def survive(room: Room, kills: Sequence[KillPoint]) -> Survival:
    """Kill a run at each point, in the order of the graph, each time in the folder that the kill before has left."""
    survival = Survival()
    for kill in kills:
        done = room.run(kill)
        survival.tried.append(kill)
        survival.lost += [f"{kill}: {fault}" for fault in _find_faults(room, kill, done)]
    return survival


def _find_faults(room: Room, kill: KillPoint, done: "subprocess.CompletedProcess[str]") -> Iterator[str]:
    if done.returncode != -signal.SIGKILL:
        yield f"was not killed but ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()[-300:]}"
        return
    before = list(room.nodes())[:-1]
    repeated = [node for node in before if node not in LOOK_UPS and not room.nodes()[node].is_cached]
    # A node that no earlier kill of the series has let finish works for the first time, which is no repetition.
    finished = _count_completions(room)
    yield from (f"{node} worked {finished[node]} times" for node in repeated if finished[node] > 1)
    reached = list(room.nodes())[-1]
    # A look-up is noted only when it is done.
    if reached != kill.node and not (kill.node in LOOK_UPS and kill.moment != END):
        yield f"the run stopped at {reached}"
    yield from find_half_written(room)


def _count_completions(room: Room) -> dict[str, int]:
    """How often each node worked to its end, in all runs."""
    counts: dict[str, int] = {}
    for run in read_runs(open_store(room.home / "metadata.sqlite")):
        for node, record in run.nodes.items():
            counts[node] = counts.get(node, 0) + (record.is_finished and not record.is_cached)
    return counts


def find_half_written(room: Room) -> Iterator[str]:
    """Versions that a server would load and could not, and more versions than one."""
    for version in room.versions():
        folder = room.home / "serving" / version
        if not (folder / "saved_model.pb").is_file() or not (folder / "variables" / "variables.index").is_file():
            yield f"version {version} is not whole"
    if len(room.versions()) > 1:
        yield f"{len(room.versions())} versions were pushed"


def find_differences(room: Room, reference: Room) -> Iterator[str]:
    """Where a finished run in `room` came to something else than an undisturbed one in `reference`."""
    ours, theirs = room.nodes(), reference.nodes()
    yield from (f"{node} did not finish" for node in theirs if node not in ours or not ours[node].is_finished)
    for node, key, read in (
        ("FerExampleGen", "quarantine", _read_account),
        ("StatisticsGen", "statistics", _read_statistics),
    ):
        if read(ours[node].outputs[key].uri) != read(theirs[node].outputs[key].uri):
            yield f"{node} came to another {key}"
    difference = abs(_read_accuracy(room) - _read_accuracy(reference))
    if difference > 0.05:
        yield f"the accuracy differs by {difference:.3f}"
    if len(room.versions()) != 1:
        yield f"{len(room.versions())} versions were pushed"


def _read_account(uri: str) -> Any:
    return json.loads(Path(uri, "ingestion.json").read_text())


def _read_statistics(uri: str) -> list[str]:
    """By split, to nine digits; the order of the features, and so that in which rows are summed up, is Beam's."""
    lists = [tfdv.load_stats_binary(str(path)) for path in sorted(Path(uri).glob("Split-*/FeatureStats.pb"))]
    return [
        "".join(sorted(text_format.MessageToString(each, double_format=".9g") for each in one.datasets[0].features))
        for one in lists
    ]


def _read_accuracy(room: Room) -> float:
    uri = room.nodes()["HtmlReport"].outputs["report"].uri
    return float(json.loads(Path(uri, "report.json").read_text())["evaluation"]["accuracy"]["fraction"])
