"""Workers that are killed, and a job service that goes: the run says so in one line, and the next loses nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fault_injection.faults import check_line
from fault_injection.survival import Room, find_differences, find_half_written, run_undisturbed
from small_run import list_options

from schema.drawn_faces import DrawnCsvs, write_drawn_csvs

TWO_PROCESSES = ("--set", "beam.engine=local-parallel", "--set", "beam.workers=2")
LIMIT_S = 300


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Of a run that reads its rows in parts and trains for a moment."""
    faces: DrawnCsvs = write_drawn_csvs(
        tmp_path_factory.mktemp("faces"),
        train_count=600, eval_count=150, test_count=50, unlabelled_count=20, repeat_count=10, broken_count=5,
    )  # fmt: skip
    return list_options(
        faces,
        trainer__epochs="1", gate__min_accuracy="0", gate__min_macro_f1="0", gate__max_ece="1",
        gate__max_latency_ratio="1000", data__part_bytes="1000000",
    )  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed(options: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Room:
    return run_undisturbed(Room(tmp_path_factory.mktemp("undisturbed"), options))


@pytest.fixture
def job_service(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Beam's own, in a process apart; its port stands in the file `port`."""
    module = "apache_beam.runners.portability.local_job_service_main"
    service = subprocess.Popen([sys.executable, "-m", module, "--port_file", str(tmp_path / "port")], cwd=tmp_path)
    wait_until((tmp_path / "port").exists)
    yield service
    service.kill()
    service.wait()


def wait_until(is_so: Callable[[], object]) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < end_s, "it never came to that"
        time.sleep(0.1)


def find_workers(run: "subprocess.Popen[str]") -> list[int]:
    """Beam's worker processes of a run, without the shells that have started them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if (
                words[-2:-1] == [b"apache_beam.runners.worker.sdk_worker_main"]
                and os.getpgid(int(folder.name)) == run.pid
            ):
                found.append(int(folder.name))
        except OSError:
            continue  # it has ended meanwhile
    return found


def has_spooled(room: Room) -> bool:
    """Whether ingestion is in the midst of its work: rows lie in its temporary folder."""
    return any(room.home.glob("artifacts/FerExampleGen/quarantine/*/temporary/*.run"))


def finish(run: "subprocess.Popen[str]") -> "subprocess.CompletedProcess[str]":
    stdout, stderr = run.communicate(timeout=LIMIT_S)
    return subprocess.CompletedProcess(run.args, run.returncode, stdout, stderr)


def test_run_whose_worker_is_killed_says_so_and_the_next_ends_as_an_undisturbed_one(
    undisturbed: Room, options: tuple[str, ...], tmp_path: Path
) -> None:
    room = Room(tmp_path, (*options, *TWO_PROCESSES))
    run = room.start()
    wait_until(lambda: has_spooled(room) and len(find_workers(run)) == 2)
    os.kill(find_workers(run)[0], signal.SIGKILL)

    done = finish(run)

    assert (
        list(check_line(done, "FerExampleGen: a worker process has ended, .*: close other programs, lower beam")) == []
    )
    assert [*find_half_written(room), *find_workers(run)] == []
    run_undisturbed(room)
    assert list(find_differences(room, undisturbed)) == []


def test_workers_of_a_run_that_is_killed_end_with_it(options: tuple[str, ...], tmp_path: Path) -> None:
    room = Room(tmp_path, (*options, *TWO_PROCESSES))
    run = room.start()
    wait_until(lambda: len(find_workers(run)) == 2)
    (work,) = map(int, Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split())
    os.kill(work, signal.SIGKILL)

    done = finish(run)

    assert list(check_line(done, "the run was ended by SIGKILL, most likely because memory ran out")) == []
    wait_until(lambda: not find_workers(run))


def test_run_whose_job_service_goes_says_so_and_the_next_ends_as_an_undisturbed_one(
    undisturbed: Room, options: tuple[str, ...], job_service: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    endpoint = f"localhost:{(tmp_path / 'port').read_text()}"
    room = Room(tmp_path, options)
    run = room.start("--set", "beam.engine=portable", "--set", f"beam.endpoint={endpoint}")
    wait_until(lambda: has_spooled(room))
    job_service.kill()

    done = finish(run)

    assert list(check_line(done, "FerExampleGen: .*beam.endpoint")) == []
    assert list(find_half_written(room)) == []
    run_undisturbed(room)
    assert list(find_differences(room, undisturbed)) == []
