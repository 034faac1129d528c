"""Which model may ship: read from a metadata store in the form that LocalDagRunner leaves."""

from pathlib import Path

import pytest
from run_double import RunDouble

from benchmarks.ship import find_pushed_model
from fer_tfx.errors import DataError, GateError


@pytest.fixture
def runs(tmp_path: Path) -> RunDouble:
    return RunDouble(tmp_path)


def test_find_pushed_model_latest_run_gives_its_version(runs):
    runs.add_run()
    latest = runs.add_run()
    assert find_pushed_model(runs.home) == latest


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"Evaluator": 0}, "Evaluator gave no mark `blessed`"),
        ({"ServingCheck": 0}, "ServingCheck gave no mark `blessed`"),
        ({"Pusher": 0}, "Pusher gave no mark `pushed`"),
        ({"Evaluator": None}, "Evaluator did not finish"),
        ({"Pusher": None}, "Pusher did not finish"),
    ],
)
def test_find_pushed_model_latest_run_without_a_blessing_or_push_is_refused(runs, change, said):
    runs.add_run()
    runs.add_run(**change)
    with pytest.raises(GateError, match=f"^{runs.home}: in the latest run {said}; ship a model that every gate has"):
        find_pushed_model(runs.home)


def test_find_pushed_model_version_that_was_removed_is_named(runs):
    folder = runs.add_run()
    (folder / "saved_model.pb").unlink()
    with pytest.raises(DataError, match=f"^{folder}: the pushed model is gone; run the pipeline again"):
        find_pushed_model(runs.home)


def test_find_pushed_model_store_without_a_run_is_refused(runs):
    with pytest.raises(GateError, match="in the latest run Evaluator did not finish"):
        find_pushed_model(runs.home)


def test_find_pushed_model_folder_without_a_run_is_named_and_stays_empty(tmp_path):
    with pytest.raises(DataError, match=f"^{tmp_path}/metadata.sqlite: no such file; give --run the folder of a run"):
        find_pushed_model(tmp_path)
    assert list(tmp_path.iterdir()) == []
