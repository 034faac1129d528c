"""What one stack has written, in the hands of the other.

The tests of this file are one story: a run of the older stack, then one of the current stack on the same root.
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_run import list_options

from pipeline.history import open_store_for_reading, read_latest_run
from schema.drawn_faces import DrawnCsvs, write_drawn_csvs

TOLERANCE = 1e-4
# These are no tests of what a model learns, nor of how busy this machine is.
SETTINGS = {
    "trainer__epochs": "3", "gate__min_accuracy": "0", "gate__min_macro_f1": "0", "gate__max_ece": "1",
    "gate__max_accuracy_drop": "1", "gate__max_latency_ratio": "1000",
}  # fmt: skip


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> DrawnCsvs:
    return write_drawn_csvs(
        tmp_path_factory.mktemp("drawn"),
        train_count=500, eval_count=200, test_count=20, unlabelled_count=20, repeat_count=0, broken_count=0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


def run(stack: Any, root: Path, drawn: DrawnCsvs, seed: int) -> Any:
    options = list_options(drawn, runtime__root=str(root), trainer__seed=str(seed), **SETTINGS)
    return stack.run("-m", "pipeline", "run", *options)


def list_versions(root: Path) -> list[Path]:
    """Pushed models, oldest first."""
    return sorted(path for path in (root / "fer" / "serving").iterdir() if path.name.isdecimal())


def list_files(root: Path) -> dict[Path, int]:
    """When each was changed; but for the lock, which says who was there last."""
    return {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file() and path.name != ".lock"}


def read_nodes(root: Path) -> dict[str, Any]:
    return read_latest_run(open_store_for_reading(root / "fer" / "metadata.sqlite"))


@pytest.fixture(scope="module")
def models(older: Any, current: Any, root: Path, drawn: DrawnCsvs) -> dict[str, Path]:
    """The model that each stack has pushed."""
    done = run(older, root, drawn, seed=1)
    assert done.returncode == 0, done.stdout + done.stderr
    (first,) = list_versions(root)
    trained = read_nodes(root)["Trainer"].outputs["model"].uri
    done = run(current, root, drawn, seed=2)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = list_versions(root)
    report = json.loads(Path(read_nodes(root)["HtmlReport"].outputs["report"].uri, "report.json").read_text("utf-8"))
    assert report["comparison"]["baseline_uri"] == trained
    return {"older": first, "current": second}


@pytest.fixture(scope="module")
def examples(models: dict[str, Path], root: Path) -> Path:
    del models
    return Path(read_nodes(root)["FerExampleGen"].outputs["examples"].uri)


def test_metadata_of_the_older_stack_is_read_and_continued_by_the_current_one(
    models: dict[str, Path], older: Any, current: Any, root: Path
) -> None:
    listed = [
        stack.run("-m", "pipeline", "runs", "--json", "--set", f"runtime.root={root}") for stack in (older, current)
    ]
    assert [each.returncode for each in listed] == [0, 0]
    runs = [json.loads(each.stdout) for each in listed]
    assert runs[0] == runs[1]
    assert len(runs[0]) == len(models)


def test_run_of_the_older_stack_on_metadata_of_the_current_one_is_refused_and_changes_nothing(
    models: dict[str, Path], older: Any, root: Path, drawn: DrawnCsvs
) -> None:
    del models
    before = list_files(root)
    done = run(older, root, drawn, seed=1)
    said = r"fer-tfx: .*metadata\.sqlite: TFX 1\.21\.0 has written in it, and TFX 1\.16\.0, which runs here, .*\n"
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(said, done.stderr), done.stderr
    assert list_files(root) == before


@pytest.mark.parametrize("trained_by", ["older", "current"])
def test_pushed_model_gives_equal_probabilities_on_both_stacks(
    models: dict[str, Path], older: Any, current: Any, examples: Path, trained_by: str
) -> None:
    words = ("answer.py", models[trained_by], examples / "Split-eval")
    answers = [stack.ask(*words) for stack in (older, current)]
    assert len(answers[0]) == 6  # signatures by loaders
    expected = np.array(answers[0]["tf1 serving_default"])
    assert expected.shape == (32, 7)
    assert np.ptp(expected.argmax(axis=1)) > 0, "the model gives one and the same answer to everything"
    for answer in answers:
        for name, probabilities in answer.items():
            np.testing.assert_allclose(probabilities, expected, atol=TOLERANCE, err_msg=name)


@pytest.mark.parametrize("trained_by", ["older", "current"])
def test_predict_gives_equal_probabilities_on_both_stacks(
    models: dict[str, Path], older: Any, current: Any, drawn: DrawnCsvs, trained_by: str
) -> None:
    words = ("-m", "pipeline", "predict", "--format=jsonl", f"--model={models[trained_by]}", drawn.unlabelled_path)
    done = [stack.run(*words) for stack in (older, current)]
    assert [(each.returncode, each.stderr) for each in done] == [(0, ""), (0, "")]
    rows = [[json.loads(line)["probabilities"] for line in each.stdout.splitlines()] for each in done]
    probabilities = [[list(row.values()) if isinstance(row, dict) else row for row in each] for each in rows]
    assert len(rows[0]) == 20
    np.testing.assert_allclose(probabilities[0], probabilities[1], atol=TOLERANCE)


def test_evaluation_with_a_baseline_of_the_other_stack_comes_to_the_same_on_both(
    models: dict[str, Path], older: Any, current: Any, examples: Path, root: Path, tmp_path: Path
) -> None:
    folders = {name: find_exported(root, model) for name, model in models.items()}
    words = ("evaluate.py", examples, folders["older"], folders["current"])
    figures = [stack.ask(*words, tmp_path / name) for name, stack in (("older", older), ("current", current))]
    assert figures[0].keys() == figures[1].keys() == {"candidate", "baseline"}
    assert figures[0]["candidate"] != figures[0]["baseline"]
    for which in figures[0]:
        assert {"accuracy", "macro_f1"} <= figures[0][which].keys()
        assert figures[0][which] == pytest.approx(figures[1][which], abs=TOLERANCE)


def find_exported(root: Path, pushed: Path) -> Path:
    """The artifact whose model was pushed there: an Evaluator wants its whole folder."""
    graph = (pushed / "saved_model.pb").read_bytes()
    found = [path for path in root.rglob("Format-Serving/saved_model.pb") if path.read_bytes() == graph]
    return found[-1].parents[1]
