"""Two teachers, each of half of the rows, and the model that they taught: to a pushed version.

The tests of this file are one story and run in order on one root.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from small_run import LENIENT_GATE, TINY_NETWORK

from models.dataset import find_examples, read_batches

SETTINGS = {
    "distillation__folds": "2",
    "distillation__views": "2",
    "distillation__teacher": "{model.stem_filters: 8}",
    **TINY_NETWORK,
    "trainer__precision": "float32",
    **LENIENT_GATE,
}


@pytest.fixture(scope="module")
def done(workshop: Any, tiny: Any) -> Any:
    return workshop.run(tiny, **SETTINGS)


def test_run_with_two_teachers_pushes_a_model_that_learned_from_both(workshop: Any, done: Any) -> None:
    assert done.exit_code == 0, done.stdout + done.stderr
    assert len(workshop.versions()) == 1
    nodes = workshop.nodes()
    rows = {}
    for fold in (0, 1):
        extras = Path(nodes[f"Teacher{fold}"].outputs["model"].uri, "Format-Serving", "assets.extra")
        record = json.loads((extras / "training_record.json").read_text())
        assert record["model"]["stem_filters"] == 8
        rows[fold] = record["spans"][0]["train_rows"]
    assert sum(rows.values()) == 160
    targets = find_examples([f"{nodes['SoftTargets'].outputs['targets'].uri}/*"], 7)
    assert sum((each.sum(axis=1) > 0.999).sum() for _, _, each in read_batches(targets)) == 160


def test_card_page_and_lineage_tell_of_the_teachers(workshop: Any, done: Any) -> None:
    del done
    nodes = workshop.nodes()
    said = "0.7 of each is the answer of the one of 2 teachers that never saw the picture, the rest the label"
    assert said in Path(nodes["ModelCard"].outputs["card"].uri, "MODEL_CARD.md").read_text()
    assert said in Path(nodes["HtmlReport"].outputs["report"].uri, "report.html").read_text()
    shown = workshop.command("lineage", workshop.versions()[0], "--set", f"runtime.root={workshop.root}").stdout
    for expected in (
        "SoftTargets",
        "Teacher0",
        "Teacher1",
        "distillation: folds=2",
        "targets: components.TaughtExamples",
    ):
        assert expected in shown, shown


def test_run_again_trains_nobody_and_another_setting_of_the_teachers_trains_all(workshop: Any, tiny: Any) -> None:
    training = {"Teacher0", "Teacher1", "SoftTargets", "Trainer"}
    assert workshop.run(tiny, **SETTINGS).exit_code == 0
    assert not training & workshop.executed()
    changed = {**SETTINGS, "distillation__teacher": "{model.stem_filters: 4}"}
    assert workshop.run(tiny, **changed, training_input__mode="stream").exit_code == 0
    assert training <= workshop.executed()
