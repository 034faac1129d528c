"""A run that is killed goes on with the next command: a few kills here, all of them by `make soak`."""

from pathlib import Path

from fault_injection.kill_points import choose_kills, plan_kills
from fault_injection.survival import Room, find_differences, survive

KILLS = 3
SEED = 7


def test_run_killed_again_and_again_ends_as_an_undisturbed_one(reference: Room, tmp_path: Path) -> None:
    kills = choose_kills(plan_kills(reference.seconds(), SEED), KILLS, SEED)
    room = Room(tmp_path, reference.options)

    survival = survive(room, kills)
    last = room.run()

    assert survival.lost == []
    assert len(survival.tried) == KILLS
    assert last.returncode == 0, last.stdout + last.stderr
    assert list(find_differences(room, reference)) == []
