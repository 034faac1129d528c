"""A window of spans is trained on and told of, with the real command.

The tests run in order on one root.
"""

import re

import pytest
from deliveries import deliver, list_window, read_sound_rows, run_spans
from workshop import Workshop, make_workshop

from schema.drawn_faces import DrawnCsvs


@pytest.fixture(scope="module")
def rows(drawn: DrawnCsvs) -> list[str]:
    return read_sound_rows(drawn)


@pytest.fixture(scope="module")
def spans(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return make_workshop(tmp_path_factory.mktemp("spans"))


def test_window_of_accepted_spans_is_trained_on(spans: Workshop, rows: list[str]) -> None:
    deliver(spans, 1, rows[:500])
    assert run_spans(spans).exit_code == 0
    deliver(spans, 2, rows[500:1000])
    done = run_spans(spans)
    assert done.exit_code == 0, done.stderr
    assert list_window(spans) == [1, 2]


def test_card_of_a_model_tells_of_every_span_of_its_window(spans: Workshop) -> None:
    folder = spans.root / "fer" / "serving" / spans.versions()[-1] / "assets.extra"
    card = (folder / "MODEL_CARD.md").read_text("utf-8")
    rows_of_span = {int(span): int(rows) for span, rows in re.findall(r"^\| (\d+) \| (\d+) \|$", card, re.M)}
    assert sorted(rows_of_span) == [1, 2]
    assert min(rows_of_span.values()) > 300, "500 rows were delivered of each, of which a fifth is for the evaluation"
    assert f"\n{sum(rows_of_span.values())} training rows" in card
    assert re.findall(r"^- span (\d): `split:labelled,num_files:1,", card, re.M) == ["1", "2"]
