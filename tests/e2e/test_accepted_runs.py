"""What was refused is never learnt from and never a reference: a story of several nights, with the real command.

The tests run in order on one root.
"""

import os
import re

import pytest
from deliveries import deliver, list_window, read_sound_rows, run_spans, shift
from workshop import Workshop, make_workshop

from schema.drawn_faces import DrawnCsvs


@pytest.fixture(scope="module")
def rows(drawn: DrawnCsvs) -> list[str]:
    return read_sound_rows(drawn)


@pytest.fixture(scope="module")
def spans(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return make_workshop(tmp_path_factory.mktemp("spans"))


def test_shifted_data_are_refused_again_when_they_come_again(spans: Workshop, rows: list[str]) -> None:
    deliver(spans, 1, rows[:500])
    done = run_spans(spans)
    assert done.exit_code == 0, done.stderr
    shifted = deliver(spans, 2, shift(rows[500:]))
    assert run_spans(spans).exit_code == 3
    os.utime(shifted, (1, 1))  # what TFX's fingerprint of the files goes by
    again = run_spans(spans)
    assert again.exit_code == 3
    assert "train against the data accepted last" in again.stderr
    assert len(spans.versions()) == 1


def test_good_data_after_refused_ones_are_accepted_and_trained_on_with_those_accepted_before(
    spans: Workshop, rows: list[str]
) -> None:
    deliver(spans, 3, rows[500:1000])
    done = run_spans(spans)
    assert done.exit_code == 0, done.stderr
    assert len(spans.versions()) == 2
    assert list_window(spans) == [1, 3]


def test_card_of_a_model_tells_of_every_span_of_its_window(spans: Workshop) -> None:
    folder = spans.root / "fer" / "serving" / spans.versions()[-1] / "assets.extra"
    card = (folder / "MODEL_CARD.md").read_text("utf-8")
    rows_of_span = {int(span): int(rows) for span, rows in re.findall(r"^\| (\d+) \| (\d+) \|$", card, re.M)}
    assert sorted(rows_of_span) == [1, 3]
    assert min(rows_of_span.values()) > 300, "500 rows were delivered of each, of which a fifth is for the evaluation"
    assert f"\n{sum(rows_of_span.values())} training rows" in card
    assert re.findall(r"^- span (\d): `split:labelled,num_files:1,", card, re.M) == ["1", "3"]


def test_version_that_was_changed_in_service_is_pushed_again(spans: Workshop) -> None:
    """TFX's cache would say that it was pushed."""
    before = spans.versions()
    (weights,) = (spans.root / "fer" / "serving" / before[-1] / "variables").glob("variables.data-*")
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    done = run_spans(spans)
    assert done.exit_code == 0, done.stderr
    assert spans.versions()[:-1] == before
    assert not spans.nodes()["Pusher"].is_cached
    (weights,) = (spans.root / "fer" / "serving" / spans.versions()[-1] / "variables").glob("variables.data-*")
    assert weights.read_bytes() == content


def test_run_that_cannot_find_out_what_to_compare_with_ends_there(spans: Workshop) -> None:
    """TFX would go on, and the model pass without an anchor. The record is that of a former folder of versions."""
    record, elsewhere = spans.root / "fer" / "serving" / "roll_backs.json", spans.root / "elsewhere"
    record.write_text("{")
    done = run_spans(spans, runtime__serving_path=str(elsewhere))
    record.unlink()
    assert done.exit_code == 2
    assert re.fullmatch(rf"fer-tfx: {record}: is damaged: .*; bring it back from a copy, or .*\n", done.stderr)
    assert not elsewhere.exists()
    assert spans.nodes()["Baseline"].is_failed


def test_accepted_version_is_the_anchor_with_its_reason(spans: Workshop) -> None:
    places = ("--set", f"runtime.root={spans.root}")
    version = spans.versions()[0]
    done = spans.command("accept", version, "--reason", "the labels were mended", *places)
    assert done.exit_code == 0, done.stderr
    assert f"compared with version {version}" in done.stdout
    assert "the labels were mended" in spans.command("lineage", version, *places).stdout
    refused = spans.command("accept", "1", "--reason", "why not", *places)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert re.fullmatch(r"fer-tfx: 1: no such version was pushed, only .*\n", refused.stderr)
