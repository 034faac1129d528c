"""Made-up votes about drawn faces, beside their table: to a model that learned from them and was judged by a majority.

The tests of this file are one story and run in order on one root.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_run import LENIENT_GATE, TINY_NETWORK, write_tiny_csvs

from fer_tfx.reading.votes import VOTE_COLUMNS
from models.dataset import find_examples, read_batches

COLUMN_OF = {0: "anger", 1: "disgust", 2: "fear", 3: "happiness", 4: "sadness", 5: "surprise", 6: "neutral"}
SETTINGS = {
    **TINY_NETWORK,
    "data__targets": "votes",
    "trainer__precision": "float32",
    **LENIENT_GATE,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Any:
    drawn = write_tiny_csvs(tmp_path_factory.mktemp("faces"))
    rng, lines = np.random.default_rng(0), [f"Usage,Image name,{','.join(VOTE_COLUMNS)}"]
    for number, row in enumerate(drawn.labelled_path.read_text().splitlines()[1:]):
        votes = dict.fromkeys(VOTE_COLUMNS, 0)
        votes["nf" if number % 50 == 49 else COLUMN_OF[int(row.partition(",")[0])]] += 7
        votes[rng.choice(VOTE_COLUMNS[:7])] += 3
        lines.append(f"{row.rpartition(',')[2]},,{','.join(map(str, votes.values()))}")
    (drawn.labelled_path.parent / "fer2013new.csv").write_text("\n".join([*lines, ""]))
    return drawn


@pytest.fixture(scope="module")
def settings(data: Any) -> dict[str, str]:
    return {**SETTINGS, "data__votes_path": str(data.labelled_path.parent / "fer2013new.csv")}


@pytest.fixture(scope="module")
def done(workshop: Any, data: Any, settings: dict[str, str]) -> Any:
    return workshop.run(data, **settings)


def test_run_on_votes_pushes_a_model_that_learned_from_their_shares(workshop: Any, done: Any) -> None:
    assert done.exit_code == 0, done.stdout + done.stderr
    assert len(workshop.versions()) == 1
    assert "eval rows by the majority of the votes" in done.stdout
    nodes = workshop.nodes()
    found = find_examples([f"{nodes['FerExampleGen'].outputs['examples'].uri}/Split-train/*"], 7)
    targets = np.concatenate([each for _, _, each in read_batches(found)])
    assert np.allclose(targets.sum(axis=1), 1)
    assert set(np.unique(targets.max(axis=1)).round(3)) == {np.float32(0.7), np.float32(1.0)}


def test_card_page_and_lineage_say_which_labels_and_targets(workshop: Any, done: Any) -> None:
    del done
    nodes = workshop.nodes()
    card = Path(nodes["ModelCard"].outputs["card"].uri, "MODEL_CARD.md").read_text()
    page = Path(nodes["HtmlReport"].outputs["report"].uri, "report.html").read_text()
    for text in (card, page):
        assert "by the majority of the votes" in text
        assert "no face, by the votes" in text
    assert "0.7 of each is the share of the annotators" in card
    shown = workshop.command("lineage", workshop.versions()[0], "--set", f"runtime.root={workshop.root}").stdout
    assert "fer2013new.csv" in shown, shown
    assert "targets=votes" in shown, shown


def test_run_again_is_cached_and_other_votes_train_again(workshop: Any, data: Any, settings: dict[str, str]) -> None:
    assert workshop.run(data, **settings).exit_code == 0
    assert not {"FerExampleGen", "Trainer"} & workshop.executed()
    votes = data.labelled_path.parent / "fer2013new.csv"
    votes.write_text(votes.read_text().replace("7", "8"))
    assert workshop.run(data, **settings, training_input__mode="stream").exit_code == 0
    assert {"FerExampleGen", "Trainer"} <= workshop.executed()


def test_gate_that_refuses_says_by_which_labels(workshop: Any, data: Any, settings: dict[str, str]) -> None:
    refused = workshop.run(data, **{**settings, "data__targets": "majority", "gate__min_accuracy": "0.99"})
    assert refused.exit_code == 3
    assert "the gate refused the model, judged by the majority of the votes: accuracy" in refused.stderr
