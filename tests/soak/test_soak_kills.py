"""Every moment of every component: a run is killed there, goes on, is killed at the next. `make soak` runs this."""

from pathlib import Path
from typing import Any

import pytest
from fault_injection.kill_points import plan_kills
from fault_injection.survival import Room, find_differences, survive
from small_run import list_options, write_small_csvs

SEEDS = (1, 2)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """A run that nothing disturbed."""
    drawn = write_small_csvs(tmp_path_factory.mktemp("drawn"))
    room = Room(tmp_path_factory.mktemp("undisturbed"), list_options(drawn))
    done = room.run()
    assert done.returncode == 0, done.stdout + done.stderr
    return room


@pytest.mark.parametrize("seed", SEEDS)
def test_run_killed_at_every_point_loses_nothing(reference: Room, seed: int, tmp_path: Path, capsys: Any) -> None:
    room = Room(tmp_path, reference.options)

    survival = survive(room, plan_kills(reference.seconds(), seed))
    last = room.run()

    with capsys.disabled():
        print(
            f"\nseed {seed}: {len(survival.tried)} kills tried, {len(survival.lost)} faults", *survival.lost, sep="\n"
        )
    assert survival.lost == []
    assert len(survival.tried) >= 40
    assert last.returncode == 0, last.stdout + last.stderr
    assert list(find_differences(room, reference)) == []
