"""Classes of one's own from data to answers, and the seven of FER2013 after them.

The tests of this file are one story and run in order on one root.
"""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from small_run import LENIENT_GATE, TINY_NETWORK
from workshop import Finished

from pipeline.history.records import NodeRecord
from schema.drawn_faces import DrawnCsvs

SETTINGS = {
    **TINY_NETWORK,
    **LENIENT_GATE,
    "gate__max_latency_ratio": "100",
}
OWN = {
    "data__classes": "[happy, not happy]",
    "data__label_map": "{0: not happy, 1: not happy, 2: not happy, 3: happy, 4: not happy, 5: leave_out, 6: leave_out}",
}


@pytest.fixture(scope="module")
def two(workshop: Any, drawn: DrawnCsvs) -> Finished:
    """The run with two classes."""
    done: Finished = workshop.run(drawn, **SETTINGS, **OWN)
    assert done.exit_code == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def nodes(workshop: Any, two: Finished) -> dict[str, NodeRecord]:
    found: dict[str, NodeRecord] = workshop.nodes()
    return found


def test_run_tells_of_its_classes_and_of_the_rows_it_leaves_out(two: Finished) -> None:
    lines = {line.split()[0]: line for line in two.stdout.splitlines() if line.strip()}
    assert " left out + " in lines["rows"]
    assert "label '5': " in two.stdout
    assert lines["recall"].startswith("recall       happy ")
    assert ", not happy " in lines["recall"]
    assert lines["gate"] == "gate         passed"


def test_card_and_page_have_these_classes_alone(nodes: dict[str, NodeRecord]) -> None:
    card = Path(nodes["ModelCard"].outputs["card"].uri, "MODEL_CARD.md").read_text("utf-8")
    page = Path(nodes["HtmlReport"].outputs["report"].uri, "report.html").read_text("utf-8")
    assert "0 happy, 1 not happy" in card
    for text in (card, page):
        assert "not happy" in text
        assert "surprise" not in text.replace("surprise 86, angry 57", "")  # of the labels of FER2013


def test_predict_answers_with_these_classes(workshop: Any, two: Finished, tmp_path: Path) -> None:
    Image.new("L", (48, 48), 90).save(tmp_path / "a.png")
    model = workshop.root / "fer" / "serving" / workshop.versions()[-1]
    done = workshop.command("predict", "--model", str(model), "--format", "csv", str(tmp_path / "a.png"))
    assert done.exit_code == 0, done.stderr
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert [*row][-5:] == ["class", "confidence", "happy", "not happy", "views"]
    assert float(row["happy"]) + float(row["not happy"]) == pytest.approx(1, abs=1e-5)


def test_run_of_other_classes_trains_anew_and_has_no_baseline(workshop: Any, two: Finished, drawn: DrawnCsvs) -> None:
    done = workshop.run(drawn, **SETTINGS)
    assert done.exit_code == 0, done.stderr
    (line,) = (line for line in done.stdout.splitlines() if "other classes" in line)
    assert line.endswith("has other classes (happy, not happy), so it is no baseline of this run")
    assert {"FerExampleGen", "Trainer", "Evaluator", "Pusher"} <= workshop.executed()
    assert [*workshop.nodes()["Baseline"].outputs] == []
    assert len(workshop.versions()) == 2


def test_warm_start_from_other_classes_is_refused_in_one_line(workshop: Any, two: Finished, drawn: DrawnCsvs) -> None:
    done = workshop.run(drawn, **SETTINGS, **OWN, spans__warm_start="true", data__keep_twins="true")
    assert done.exit_code != 0
    assert "has the classes angry, disgust, fear, happy, sad, surprise, neutral, now they are happy, not happy" in (
        done.stderr
    )


def test_classes_without_data_are_refused_in_one_line(workshop: Any) -> None:
    done = workshop.command("run", "--set", "data.classes=[happy, not happy]")
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert "without --data faces are drawn, and only angry, disgust" in done.stderr
