"""TFX's Tuner, then its Trainer, for real on a few hundred drawn faces."""

import importlib
import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from forked import run_fork
from tuner_runs import CONFIG, SPACE, load_graph, run_trainer, run_tuner, write_faces

from configs.convert import overlay
from configs.load import to_json
from configs.spec import Recipe, TunerConfig
from configs.tuning import read_values
from fer_tfx.errors import FerError
from models import trainer_fn, training, tuner_fn
from models.networks import build_network
from models.training import fit


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return write_faces(tmp_path_factory.mktemp("faces"))


@pytest.fixture(scope="module")
def tuned(faces: Any, transform_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished search: its artifacts and whatever else it left."""
    return run_tuner(faces, load_graph(transform_dir), tmp_path_factory.mktemp("tuned")).parent


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Any, Any, Any]]]:
    """Network, recipe and result of each call of `fit`, which does its work all the same."""
    calls: list[tuple[Any, Any, Any]] = []

    def note_and_fit(network: Any, *arguments: Any, **keywords: Any) -> Any:
        result = fit(network, *arguments, **keywords)
        calls.append((network, arguments[-1], result))
        return result

    # TFX loads the modules of run_fn and tuner_fn anew, so they take what stands in models.training then.
    monkeypatch.setattr(training, "fit", note_and_fit)
    yield calls
    monkeypatch.undo()
    for module in (trainer_fn, tuner_fn):
        importlib.reload(module)


def read_results(folder: Path) -> list[dict[str, Any]]:
    return json.loads((folder / "tuner_results" / "tuner_results.json").read_text())


def read_best(folder: Path) -> dict[str, Any]:
    return read_values(json.loads((folder / "best_hyperparameters" / "best_hyperparameters.txt").read_text()))


def test_tuner_fn_best_is_the_trial_of_highest_accuracy(tuned):
    results = read_results(tuned)
    assert len(results) == 2
    assert all(0 < trial["score"] < 1 for trial in results)
    best = max(results, key=lambda trial: trial["score"])
    assert read_best(tuned) == {setting: best[setting] for setting in SPACE}
    assert list((tuned / "checkpoints").iterdir()) == []


def test_run_fn_with_the_tuners_result_trains_the_winner(tuned, faces, transform_dir, tmp_path, fitted):
    run_trainer(faces, load_graph(transform_dir), tuned / "best_hyperparameters", tmp_path)
    ((network, config, _),) = fitted
    best = read_best(tuned)
    assert config == replace(CONFIG.trainer, peak_learning_rate=best["trainer.peak_learning_rate"])
    assert config.epochs == 3
    assert config != CONFIG.trainer
    winner = overlay(Recipe(CONFIG.model, CONFIG.trainer), best).model
    assert network.count_params() == build_network(winner, 7).count_params()
    assert network.count_params() != build_network(CONFIG.model, 7).count_params()
    model = tf.saved_model.load(str(tmp_path / "model" / "Format-Serving"))
    assert "serve_pixels" in model.signatures
    record = json.loads((tmp_path / "model/Format-Serving/assets.extra/training_record.json").read_text())
    assert record["trainer"] == json.loads(to_json(config))
    assert record["spans"] == [{"span": 12, "fingerprint": "num_files:1", "train_rows": 240}]


def test_tuner_fn_trial_gives_what_a_training_of_its_recipe_gives(tuned, faces, transform_dir, tmp_path):
    """A search over one recipe, in a process that has trained others before."""
    (result, *_) = read_results(tuned)
    space = {setting: (result[setting],) for setting in SPACE}
    config = replace(CONFIG, tuner=TunerConfig(trials=1, epochs=2, space=space))
    run_tuner(faces, load_graph(transform_dir), tmp_path, config)
    assert read_results(tmp_path)[0]["score"] == pytest.approx(result["score"], abs=0.02)


def test_tuner_fn_killed_search_goes_on_to_the_same_result(tuned, faces, transform_dir, tmp_path, fitted):
    script = str(Path(__file__).with_name("search_and_be_killed.py"))
    done = run_fork(script, [faces.uri, transform_dir, tmp_path, 37])  # of 2 x 30 steps
    assert done.returncode == -signal.SIGKILL, done.stderr
    run_tuner(faces, load_graph(transform_dir), tmp_path)
    assert [(result.resumed_from_epoch, len(result.history)) for _, _, result in fitted] == [(2, 2), (0, 2)]
    assert read_best(tmp_path) == read_best(tuned)
    for found, expected in zip(read_results(tmp_path), read_results(tuned), strict=True):
        assert found == {**expected, "score": pytest.approx(expected["score"], abs=0.02)}


def test_tuner_fn_hopeless_space_ends_in_one_line(faces, transform_dir, tmp_path):
    space = {"trainer.peak_learning_rate": (1e30,)}
    config = replace(CONFIG, tuner=TunerConfig(trials=1, epochs=1, space=space))
    with pytest.raises(FerError, match=r"every trial failed \(1 of 1\)"):
        run_tuner(faces, load_graph(transform_dir), tmp_path, config)
