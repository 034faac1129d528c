"""Every moment of every component: a run is killed there, goes on, is killed at the next. `make soak` runs this."""

from pathlib import Path
from typing import Any

import pytest
from fault_injection.kill_points import plan_kills
from fault_injection.survival import Room, find_differences, survive

SEEDS = (1, 2)


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
