"""Each fault by itself, and after it a plain run that must succeed without anybody having cleaned up."""

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_injection.faults import check_line, flip_byte, hit, ingestion_faults, training_faults, writing_faults
from fault_injection.kill_points import AT_ONCE
from fault_injection.survival import Room, find_differences, run_undisturbed
from ml_metadata.proto import metadata_store_pb2
from small_run import list_options, write_small_csvs

from pipeline.history import open_store

HOUR_S = 3600
# A busy machine is no fault of the model, nor is another seed after so short a training.
LENIENT = ("--set", "gate.max_latency_ratio=1000", "--set", "gate.max_accuracy_drop=1")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """A work folder with a finished run, for tests that leave it as sound as they found it."""
    drawn = write_small_csvs(tmp_path_factory.mktemp("faces"))
    return run_undisturbed(Room(tmp_path_factory.mktemp("finished"), (*list_options(drawn), *LENIENT)))


def require_success(room: Room, *options: str) -> "subprocess.CompletedProcess[str]":
    done = room.run(options=options)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done


def output(room: Room, node: str, key: str) -> Path:
    return Path(room.nodes()[node].outputs[key].uri)


def found_by(room: Room, look_up: str) -> set[Path]:
    """What a look-up of the latest run has found."""
    store = open_store(room.home / "metadata.sqlite")
    events = store.get_events_by_execution_ids([room.nodes()[look_up].id])
    outputs = [event.artifact_id for event in events if event.type == metadata_store_pb2.Event.INTERNAL_OUTPUT]
    return {Path(artifact.uri) for artifact in store.get_artifacts_by_id(outputs)}


def test_run_struck_at_every_place_ends_as_an_undisturbed_one(reference: Room, tmp_path: Path) -> None:
    drawn = write_small_csvs(tmp_path / "faces")
    content = drawn.labelled_path.read_bytes()
    room = Room(tmp_path, list_options(drawn))
    faults = [
        *ingestion_faults(drawn.labelled_path), *training_faults(reference.seconds()["Trainer"]), *writing_faults(),
    ]  # fmt: skip
    wrong = []
    for fault in faults:
        wrong += hit(room, fault)
        if drawn.labelled_path.read_bytes() != content:
            drawn.labelled_path.write_bytes(content)
    require_success(room)
    assert wrong == []
    assert list(find_differences(room, reference)) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_run_on_a_disk_that_gets_full_says_so_and_goes_on_when_there_is_room(small_disk: Path, finished: Room) -> None:
    room = Room(small_disk, finished.options)
    done = room.run()
    assert (
        list(
            check_line(
                done,
                "no room is left on the disk|No space left on device; make room|the disk did not take what was written",
            )
        )
        == []
    )
    subprocess.run(["mount", "-o", "remount,size=500m", str(small_disk)], check=True)
    require_success(room)


def test_run_into_a_folder_that_may_not_be_written_says_so(finished: Room) -> None:
    folder = finished.home / "artifacts" / "Trainer"
    changed = ("--set", "trainer.seed=1")
    kept = {each: each.stat().st_mode for each in (folder, folder / "model")}
    for each in kept:
        each.chmod(0o555)
    try:
        done = finished.run(AT_ONCE, "obey-rights", changed)
    finally:
        for each, mode in kept.items():
            each.chmod(mode)
    assert list(check_line(done, "Trainer: a file or folder may not be read or written .*: fix its permissions")) == []
    require_success(finished, *changed)


def test_run_into_a_root_that_may_not_be_written_says_so(finished: Room, tmp_path: Path) -> None:
    room = Room(tmp_path / "sealed", finished.options)
    room.root.mkdir(mode=0o555)
    done = room.run(AT_ONCE, "obey-rights")
    assert (
        list(check_line(done, "can't be written: Permission denied; fix its permissions or set runtime.root", 2)) == []
    )
    room.root.chmod(0o755)
    require_success(room)


def test_run_on_input_that_may_not_be_read_says_so(finished: Room) -> None:
    data = Path(finished.options[1])
    data.chmod(0)
    done = finished.run(AT_ONCE, "obey-rights")
    data.chmod(0o644)
    assert list(check_line(done, f"{data.name}: can't be read: Permission denied; fix its permissions", 2)) == []
    require_success(finished)


def test_second_run_in_the_same_folder_is_refused_and_the_first_finishes(finished: Room) -> None:
    lock = finished.home / ".lock"
    before = lock.read_text()
    first = finished.start("--set", "trainer.seed=2")
    while lock.read_text() == before and first.poll() is None:
        time.sleep(0.1)
    second = finished.run()
    assert list(check_line(second, "another run is using it .*; wait for its end, or set another", 2)) == []
    assert (first.communicate()[1], first.returncode) == ("", 0)
    require_success(finished, "--set", "trainer.seed=2")


def test_run_whose_loss_is_no_number_names_the_setting(finished: Room) -> None:
    done = finished.run(options=("--set", "trainer.peak_learning_rate=1e6", "--set", "trainer.seed=3"))
    assert list(check_line(done, "loss is (nan|inf) at step .*: lower trainer.peak_learning_rate")) == []
    require_success(finished, "--set", "trainer.seed=2")


def test_run_after_the_clock_has_jumped_back_keeps_the_order(tmp_path: Path, finished: Room) -> None:
    room = run_undisturbed(Room(tmp_path, finished.options))
    older = _put_an_hour_ahead(room)
    first = output(room, "Trainer", "model")

    require_success(room, "--set", "trainer.seed=4")

    assert first in found_by(room, "Baseline")  # which also hands on the candidate and the blessing
    assert room.versions() == [str(older), str(older + 1)]  # the time, but for a clock that went back
    listed = subprocess.run(
        [sys.executable, "-m", "pipeline", "runs", "--json", "--set", f"runtime.root={room.root}"],
        cwd=room.root, env=room.environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [each["version"] for each in json.loads(listed.stdout)] == [str(older + 1), str(older)]
    require_success(room, "--set", "trainer.seed=4")
    assert len(room.versions()) == 2


def _put_an_hour_ahead(room: Room) -> int:
    """Make of a run one that was done while the clock was an hour ahead; the version that it then pushed.

    A wrong clock within the process would not do: half of TFX's clocks are native, and it would wait for the hour.
    """
    (version,) = map(int, room.versions())
    ahead = version + HOUR_S
    (room.home / "serving" / str(version)).rename(room.home / "serving" / str(ahead))
    with sqlite3.connect(room.home / "metadata.sqlite") as connection:
        for table in ("Artifact", "Context", "Execution"):
            connection.execute(
                f"UPDATE {table} SET create_time_since_epoch = create_time_since_epoch + {HOUR_S * 1000},"
                f" last_update_time_since_epoch = last_update_time_since_epoch + {HOUR_S * 1000}"
            )
        connection.execute(f"UPDATE Event SET milliseconds_since_epoch = milliseconds_since_epoch + {HOUR_S * 1000}")
        connection.execute(
            f"UPDATE ArtifactProperty SET string_value = replace(string_value, '{version}', '{ahead}')"
            " WHERE name IN ('pushed_version', 'pushed_destination')"
        )
    connection.close()
    return ahead


def test_run_on_a_record_that_went_bad_unseen_names_it_and_the_next_makes_it_anew(finished: Room) -> None:
    examples = output(finished, "FerExampleGen", "examples")
    record = next(examples.glob("Split-train/*.gz"))
    flip_byte(record, keep_times=True)
    changed = ("--set", "trainer.seed=5")

    done = finished.run(options=changed)

    said = f"fer-tfx: {examples}: Split-train/{record.name} has another checksum .*: it lies in .* now; give the same"
    assert list(check_line(done, said)) == []
    require_success(finished, *changed)
    assert not finished.nodes()["FerExampleGen"].is_cached


def test_run_without_folders_that_it_would_take_or_compare_with_makes_them_anew(finished: Room) -> None:
    gone = {
        output(finished, "StatisticsGen", "statistics"), output(finished, "Trainer", "model"),
        *found_by(finished, "Baseline"),
    }  # fmt: skip
    for folder in gone:
        shutil.rmtree(folder)

    require_success(finished, "--set", "trainer.seed=5")

    assert not finished.nodes()["StatisticsGen"].is_cached
    assert not finished.nodes()["Trainer"].is_cached
    assert not gone & (found_by(finished, "Baseline") | found_by(finished, "PreviousStatistics"))


def test_run_with_a_broken_seal_makes_the_artifact_anew(finished: Room) -> None:
    transform = output(finished, "Transform", "transform_graph")
    seal = finished.home / "seals" / transform.relative_to(finished.home / "artifacts")
    seal.with_suffix(".json").write_text("{")

    done = require_success(finished, "--set", "trainer.seed=5")

    assert "its seal can't be read; it is rebuilt" in done.stdout
    assert not finished.nodes()["Transform"].is_cached
