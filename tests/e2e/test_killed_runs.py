"""A run that is killed goes on with the next command: a few kills here, all of them by `make soak`."""

from pathlib import Path

import pytest
from fault_injection.kill_points import choose_kills, plan_kills
from fault_injection.survival import Room, find_differences, survive
from small_run import list_options

from schema.drawn_faces import DrawnSummary

KILLS = 6
SEED = 7


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, drawn: DrawnSummary) -> Room:
    """A run that nothing disturbed."""
    room = Room(tmp_path_factory.mktemp("undisturbed"), list_options(drawn))
    done = room.run()
    assert done.returncode == 0, done.stdout + done.stderr
    return room


def test_run_killed_again_and_again_ends_as_an_undisturbed_one(reference: Room, tmp_path: Path) -> None:
    kills = choose_kills(plan_kills(reference.seconds(), SEED), KILLS, SEED)
    room = Room(tmp_path, reference.options)

    survival = survive(room, kills)
    last = room.run()

    assert survival.lost == []
    assert len(survival.tried) == KILLS
    assert last.returncode == 0, last.stdout + last.stderr
    assert list(find_differences(room, reference)) == []
