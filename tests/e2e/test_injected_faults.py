"""Every fault ends in one line, and the next plain command succeeds: the quicker faults here, all by `make soak`."""

import sqlite3
import subprocess
from pathlib import Path

import pytest
from fault_injection.faults import check_line, flip_byte, hit, ingestion_faults, training_faults
from fault_injection.survival import Room, find_differences
from small_run import list_options, write_small_csvs

Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def struck(tmp_path_factory: pytest.TempPathFactory, reference: Room) -> tuple[Room, list[str], Done]:
    """A work folder in which one run after the other was struck, what was wrong then, and the last run, a plain one."""
    drawn = write_small_csvs(tmp_path_factory.mktemp("growing"))
    content = drawn.labelled_path.read_bytes()
    room = Room(tmp_path_factory.mktemp("struck"), list_options(drawn))
    change = ingestion_faults(drawn.labelled_path)[-1]
    wrong = hit(room, change)
    drawn.labelled_path.write_bytes(content)
    memory, interrupt = training_faults(reference.seconds()["Trainer"])[:2]
    wrong += [*hit(room, memory), *hit(room, interrupt)]
    return room, wrong, room.run()


def test_run_struck_by_one_fault_after_the_other_ends_as_an_undisturbed_one(
    struck: tuple[Room, list[str], Done], reference: Room
) -> None:
    room, wrong, last = struck
    assert wrong == []
    assert (last.returncode, last.stderr) == (0, "")
    assert list(find_differences(room, reference)) == []


def test_run_on_damaged_metadata_leaves_the_file_alone_and_says_what_to_do(
    struck: tuple[Room, list[str], Done],
) -> None:
    room = struck[0]
    metadata = room.home / "metadata.sqlite"
    sound = metadata.read_bytes()
    damaged = b"\xff" * 100 + sound[100:]
    metadata.write_bytes(damaged)

    done = room.run()

    assert list(check_line(done, "metadata.sqlite is damaged .*: restore a copy of it, or move the work folder")) == []
    assert metadata.read_bytes() == damaged
    metadata.write_bytes(sound)


def test_run_while_another_program_holds_the_metadata_says_so(struck: tuple[Room, list[str], Done]) -> None:
    room = struck[0]
    holder = sqlite3.connect(room.home / "metadata.sqlite", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        done = room.run()
    finally:
        holder.close()
    assert list(check_line(done, "another program holds metadata.sqlite .*: end it and run the same command")) == []


def test_run_on_a_damaged_artifact_sets_it_aside_and_makes_it_anew(struck: tuple[Room, list[str], Done]) -> None:
    room = struck[0]
    before = room.nodes()["BulkInferrer"].outputs["output_examples"]
    record = next(path for path in sorted(Path(before.uri).rglob("*")) if path.is_file())
    flip_byte(record, keep_times=False)

    done = room.run()

    assert (done.returncode, done.stderr) == (0, "")
    assert f"{record.name} has another checksum than it was written with; it is rebuilt" in done.stdout
    after = room.nodes()
    assert not after["BulkInferrer"].is_cached
    assert after["Trainer"].is_cached
    assert (room.home / "damaged" / Path(before.uri).relative_to(room.home / "artifacts")).is_dir()
