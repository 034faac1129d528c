"""`labels/stable` answers all the time: while a version is pushed, rolled back or brought back, and after any kill.

The server looks at the folder before each single change that a command makes, in every order of its looks.
"""

import random
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from serving_double import FolderPolls, ServingFault, TensorFlowServingDouble, answer_by_first_value

from fer_tfx.versions.folder import VersionFolder
from fer_tfx.versions.versions import ServedModel

VERSIONS = (10, 20, 30, 40, 50)
MODEL = ServedModel("fer", "/models/fer", settle_s=15)
CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.copyfile"}
HABITS = ((1, 1, 1), (1, 0, 1), (1, 4, 2))
"""How often a server looks at the folder and at models.config, and how often it loads or unloads: all alike; never at
models.config but in time; mostly there."""
Command = Callable[[VersionFolder, Path], object]
_observers: list[Callable[[], None]] = []


def _audit(event: str, _: Any) -> None:
    if _observers and event in CHANGES:
        _observers[-1]()


sys.addaudithook(_audit)


class KilledError(BaseException):
    """The process ends here; nothing that it does afterwards has an effect."""


@contextmanager
def observing(observer: Callable[[], None]) -> Iterator[None]:
    """Call `observer` before each change of a file or folder."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.clear()


class Watch:
    """A server that looks at a folder by a schedule of its own, and a client that asks it for `stable` all the time.

    Args:
        folder: of the versions.
        seed: of the schedule.
        unloadable: versions that this server can't load.

    Attributes:
        killed_at: after so many changes the process is killed; None: it isn't.
        changes: made so far.
        unanswered: when there was no answer.
        answered: versions that answered, in order.
    """

    def __init__(self, folder: Path, seed: int, unloadable: tuple[int, ...] = ()) -> None:
        self.polls = FolderPolls(TensorFlowServingDouble({1: answer_by_first_value}), folder, unloadable)
        self.random = random.Random(seed)
        self.habit = HABITS[seed % len(HABITS)]
        self.killed_at: int | None = None
        self.changes = 0
        self.unanswered: list[str] = []
        self.answered: list[int] = []
        self.polls.start()

    def note_change(self) -> None:
        self.changes += 1
        if self.killed_at is not None and self.changes > self.killed_at:
            raise KilledError
        observers, _observers[:] = list(_observers), []
        self.look_about()
        _observers[:] = observers

    def look_about(self) -> None:
        looks = [self.polls.look_at_folder, self.polls.look_at_config, self.polls.work]
        for look in self.random.choices(looks, self.habit, k=self.random.randrange(8)):
            look()
            self.ask(look.__name__)

    def sleep(self, seconds: float) -> None:
        assert seconds == 15
        self.look_about()
        self.polls.settle()
        self.ask("settle")

    def ask(self, after: str) -> None:
        try:
            self.answered.append(self.polls.find_labelled("stable"))
        except ServingFault as fault:
            self.unanswered.append(f"change {self.changes}, {after}: {fault.message}")

    def run(self, command: Callable[[], object]) -> None:
        """Have a command work, and the server see all that it came to."""
        with observing(self.note_change):
            command()
        self.look_about()
        self.polls.settle()
        self.ask("end")


def write_model(folder: Path, content: object) -> Path:
    """A SavedModel to whoever looks at names alone."""
    (folder / "variables").mkdir(parents=True, exist_ok=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"index")
    (folder / "variables" / "variables.data-00000-of-00001").write_text(f"weights {content}")
    return folder


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five versions, 50 in service."""
    place = tmp_path_factory.mktemp("five")
    for version in VERSIONS:
        VersionFolder(place / "serving", MODEL).push(write_model(place / "export", version), version)
    return place / "serving"


def copy_versions(five: Path, place: Path, seed: int, unloadable: tuple[int, ...] = ()) -> tuple[VersionFolder, Watch]:
    """A copy of the five versions, and a server that has loaded the newest of them."""
    shutil.copytree(five, place / "serving")
    watch = Watch(place / "serving", seed, unloadable)
    return VersionFolder(place / "serving", MODEL, sleep=watch.sleep, clock=lambda: 100.0), watch


def push_and_forget(folder: VersionFolder, tmp_path: Path) -> None:
    folder.push(write_model(tmp_path / "export", "new"), 60)
    folder.forget(1)


COMMANDS: dict[str, tuple[list[Command], int]] = {
    "push": ([lambda folder, tmp_path: folder.push(write_model(tmp_path / "export", "new"), 60)], 60),
    "push and forget": ([push_and_forget], 60),
    "two pushes": (
        [push_and_forget, lambda folder, tmp_path: folder.push(write_model(tmp_path / "export", "newer"), 70)],
        70,
    ),
    "roll back": ([lambda folder, _: folder.roll_back()], 40),
    "roll back to one that isn't loaded": ([lambda folder, _: folder.roll_back(10)], 10),
    "bring back the newest": ([lambda folder, _: folder.roll_back(20), lambda folder, _: folder.roll_back(50)], 50),
    "bring back one of several": (
        [
            lambda folder, _: folder.roll_back(20),
            lambda folder, tmp_path: folder.push(write_model(tmp_path / "export", "new"), 60),
            lambda folder, _: folder.roll_back(40),
        ],
        40,
    ),
}


@pytest.mark.parametrize("seed", range(9))
@pytest.mark.parametrize("name", COMMANDS)
def test_stable_answers_before_during_and_after_every_command(five, tmp_path, name, seed):
    commands, expected = COMMANDS[name]
    folder, watch = copy_versions(five, tmp_path, seed)
    for command in commands:
        watch.run(partial(command, folder, tmp_path))
    assert watch.unanswered == []
    assert (watch.answered[-1], folder.list_served()[-1]) == (expected, expected)
    assert watch.changes > 2


@pytest.mark.parametrize("next_command", ["push", "roll back"])
@pytest.mark.parametrize("name", COMMANDS)
def test_stable_answers_after_a_kill_before_any_change_and_the_next_command_mends_the_folder(
    five, tmp_path, name, next_command
):
    killed_at = 0
    while kill_and_mend(five, tmp_path / str(killed_at), COMMANDS[name][0], killed_at, next_command):
        killed_at += 1
    assert killed_at > 3


def kill_and_mend(five: Path, place: Path, commands: list[Command], killed_at: int, next_command: str) -> bool:
    """Kill the last command before a change, give the next one, and look; whether there were so many changes."""
    folder, watch = copy_versions(five, place, seed=killed_at)
    for command in commands[:-1]:
        watch.run(partial(command, folder, place))
    watch.killed_at = watch.changes + killed_at
    was_killed = False
    try:
        watch.run(partial(commands[-1], folder, place))
    except KilledError:
        was_killed = True
        watch.look_about()
        watch.polls.settle()
        watch.ask("the kill")
    watch.killed_at = None
    if next_command == "push":
        watch.run(partial(folder.push, write_model(place / "export", "after"), 90))
        assert watch.answered[-1] == 90
        assert [each.name for each in folder.path.rglob(".*")] == []
    else:
        watch.run(partial(folder.roll_back, folder.list_served()[-1]))
    assert watch.unanswered == [], killed_at
    assert watch.answered[-1] == folder.list_served()[-1]
    assert sorted(int(each.name) for each in folder.path.iterdir() if each.name.isdecimal()) == folder.list_served()
    return was_killed


def test_stable_answers_though_versions_can_not_be_loaded_and_moves_on_with_the_next_that_can(five, tmp_path):
    folder, watch = copy_versions(five, tmp_path, 0, unloadable=(60,))
    watch.run(lambda: folder.push(write_model(tmp_path / "export", 60), 60))
    assert watch.answered[-1] == 50, "the server stays with what it has"
    watch.run(lambda: folder.push(write_model(tmp_path / "export", 70), 70))
    assert watch.answered[-1] == 70, "though the version before it was never loaded"
    assert watch.unanswered == []


def test_stable_answers_after_a_roll_back_of_what_can_not_be_loaded_and_beside_it(five, tmp_path):
    folder, watch = copy_versions(five, tmp_path, 0, unloadable=(30, 60))
    watch.run(lambda: folder.push(write_model(tmp_path / "export", 60), 60))
    watch.run(folder.roll_back)
    assert watch.answered[-1] == 50
    watch.run(lambda: folder.roll_back(40))
    assert watch.answered[-1] == 40
    assert watch.unanswered == []


def test_stable_at_a_server_that_starts_with_what_it_can_not_load_answers_from_the_roll_back_on(five, tmp_path):
    folder, watch = copy_versions(five, tmp_path, 0, unloadable=(60,))
    folder.push(write_model(tmp_path / "export", 60), 60)
    watch.polls = FolderPolls(TensorFlowServingDouble({1: answer_by_first_value}), folder.path, unloadable=(60,))
    watch.polls.start()
    with pytest.raises(ServingFault, match=r"Servable not found for request: Specific\(fer, 60\)"):
        watch.polls.find_labelled("stable")
    watch.run(folder.roll_back)
    assert watch.answered[-1] == 50
