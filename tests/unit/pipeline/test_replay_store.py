"""The log of replays: what is taken up again, and what is found in it."""

import json

import pytest

from fer_tfx.errors import ConfigError, DataError
from pipeline.replay.execution import CACHED, SUCCEEDED, Store, TaskRecord


@pytest.fixture
def open_store(tmp_path):
    stores = []

    def open_it() -> Store:
        if stores:
            stores[-1].close()
        stores.append(Store(tmp_path / "replay.jsonl"))
        return stores[-1]

    yield open_it
    stores[-1].close()


def make_artifact(path, name="1"):
    return {"name": name, "uri": f"minio://{path}", "path": str(path), "type": {}, "metadata": {}}


def test_store_interrupted_run_of_the_same_key_is_taken_up(open_store):
    assert open_store().begin("a") == 1
    store = open_store()
    store.add(TaskRecord(1, "Trainer", SUCCEEDED))
    store = open_store()
    assert store.begin("a") == 1
    assert store.find_task(1, "Trainer") == TaskRecord(1, "Trainer", SUCCEEDED)
    assert store.find_task(1, "Pusher") is None
    assert store.find_task(2, "Trainer") is None


def test_store_run_that_ended_or_is_of_another_key_is_not_taken_up(open_store):
    store = open_store()
    assert store.begin("a") == 1
    assert store.begin("b") == 2
    assert store.begin("a") == 3
    store.end(3)
    assert open_store().begin("a") == 4


def test_store_line_cut_short_is_forgotten_and_the_log_stays_sound(open_store, tmp_path):
    open_store().begin("a")
    with (tmp_path / "replay.jsonl").open("a") as file:
        file.write('{"run": 1, "task": "Tra')
    store = open_store()
    store.add(TaskRecord(1, "Pusher", SUCCEEDED))
    assert open_store().find_task(1, "Pusher") is not None


def test_store_cached_is_the_latest_success_whose_artifacts_are_there(open_store, tmp_path):
    store = open_store()
    for run in (1, 2, 3):
        folder = tmp_path / str(run)
        folder.mkdir()
        store.add(TaskRecord(run, "Trainer", SUCCEEDED, "same", {"model": [make_artifact(folder)]}))
    store.add(TaskRecord(4, "Trainer", CACHED, "same", {"model": [make_artifact(tmp_path / "4")]}))
    (tmp_path / "3").rmdir()
    assert store.find_cached("same").run == 2
    assert store.find_cached("other") is None


def test_store_log_of_an_earlier_release_is_read(open_store, tmp_path):
    line = {"run": 1, "task": "Trainer", "state": SUCCEEDED, "fingerprint": "", "artifacts": {}, "parameters": {}}
    (tmp_path / "replay.jsonl").write_text(json.dumps(line) + "\n")
    assert open_store().find_task(1, "Trainer") == TaskRecord(1, "Trainer", SUCCEEDED)


def test_store_of_another_replay_at_work_is_refused(open_store, tmp_path):
    open_store()
    with pytest.raises(ConfigError, match="another replay is running there; wait, or give another --root"):
        Store(tmp_path / "replay.jsonl")


@pytest.mark.parametrize("line", ["no JSON", "[1]", '{"run": 1}', "3"])
def test_store_line_that_is_no_record_is_named(open_store, tmp_path, line):
    open_store().begin("a")
    path = tmp_path / "replay.jsonl"
    with path.open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(DataError, match=rf"^{path}, line 2: is no record of a replay; remove the file$"):
        open_store()
