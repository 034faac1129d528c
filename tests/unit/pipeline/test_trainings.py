"""One training at a time in a folder of checkpoints: turns, and tickets of those that are gone."""

import os
import threading
import time
from pathlib import Path

import pytest
from forked import run_fork

from fer_tfx.errors import FerError
from pipeline.runners import trainings
from pipeline.runners.trainings import only_training_in


@pytest.fixture
def folder(tmp_path, monkeypatch) -> str:
    for name, value in {"_SETTLING_S": 0.1, "_PAUSE_S": 0.02, "_RENEWAL_S": 0.1, "_EXPIRY_S": 1.0}.items():
        monkeypatch.setattr(trainings, name, value)
    return str(tmp_path / "checkpoints")


def leave_ticket(folder: str, owner: str, age_s: float = 0) -> None:
    """As a training does whose machine is gone."""
    queue = Path(f"{folder}-queue")
    queue.mkdir(exist_ok=True)
    for name in (owner, f"{owner}.alive"):
        (queue / name).write_text("elsewhere since 2030-01-01 00:00:00 UTC")
        os.utime(queue / name, (time.time() - age_s,) * 2)


def test_only_training_in_lets_one_at_a_time_work(folder):
    working, most, done = [], [], []

    def train(owner: str) -> None:
        with only_training_in(folder, owner):
            working.append(owner)
            most.append(len(working))
            time.sleep(0.05)
            working.remove(owner)
            done.append(owner)

    threads = [threading.Thread(target=train, args=(f"t{number}",)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, sorted(done)) == ([1] * 5, [f"t{number}" for number in range(5)])
    assert list(Path(f"{folder}-queue").iterdir()) == []


def test_only_training_in_other_folders_dont_wait(folder):
    with only_training_in(folder, "a"), only_training_in(f"{folder}-Teacher0", "b"):
        pass


def test_only_training_in_ticket_without_a_sign_of_life_expires(folder):
    leave_ticket(folder, "gone", age_s=60)
    with only_training_in(folder, "next"):
        assert {path.name for path in Path(f"{folder}-queue").iterdir()} == {"next", "next.alive"}


def test_only_training_in_waits_for_one_that_has_just_given_a_sign_of_life(folder):
    leave_ticket(folder, "gone")
    started_s = time.monotonic()
    with only_training_in(folder, "next"):
        assert 0.5 < time.monotonic() - started_s < 10


def test_only_training_in_next_attempt_doesnt_wait_for_the_ticket_of_the_last(folder, monkeypatch):
    monkeypatch.setattr(trainings, "_EXPIRY_S", 1e6)
    leave_ticket(folder, "same")
    with only_training_in(folder, "same"):
        pass


def test_only_training_in_that_lost_its_ticket_fails_so_that_it_is_tried_again(folder):
    """As after two minutes in which the store took no sign of life, when another training removes it."""
    message = f"^{folder}: another training took over, as the store took no sign of life of this one for .* minutes$"
    with pytest.raises(FerError, match=message) as failure, only_training_in(folder, "a"):  # noqa: PT012 (the wait)
        Path(f"{folder}-queue", "a").unlink()
        time.sleep(10)
    assert failure.value.exit_code == 1


def test_only_training_in_passes_on_an_end_that_somebody_asked_for(folder):
    with pytest.raises(KeyboardInterrupt), only_training_in(folder, "a"):
        raise KeyboardInterrupt


def test_only_training_in_gives_its_turn_away_when_it_fails(folder):
    with pytest.raises(ValueError, match="broken"), only_training_in(folder, "a"):
        raise ValueError("broken")
    assert list(Path(f"{folder}-queue").iterdir()) == []


def test_only_training_in_leaves_tensorflows_threads_to_the_training(tmp_path):
    """They can't be set any more after the first operation; a process of its own, since others ran here before."""
    leave_ticket(str(tmp_path / "checkpoints"), "gone", age_s=600)
    code = (
        "import sys, tensorflow as tf; from pipeline.runners import trainings; trainings._SETTLING_S = 0\n"
        "with trainings.only_training_in(sys.argv[1], 'next'): tf.config.threading.set_intra_op_parallelism_threads(3)"
    )
    assert run_script(tmp_path, code, tmp_path / "checkpoints") == 0


def run_script(folder: Path, code: str, *arguments: object) -> int:
    (folder / "script.py").write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    return run_fork(str(folder / "script.py"), arguments, folder, environment).returncode
