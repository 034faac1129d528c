"""Numbers within texts must look as Go's strconv.FormatFloat(value, 'f', -1, 64) writes them."""

import pytest

from pipeline.runners.container.placeholders import substitute, substitute_all, to_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"), (10, "10"), (100.0, "100"), (0.1, "0.1"), (1e-05, "0.00001"), (1.5e21, "1500000000000000000000"),
        (-2.50, "-2.5"), (0.0, "0"), (True, "true"), (False, "false"), ("a b", "a b"), (20130421.0, "20130421"),
    ],
)  # fmt: skip
def test_to_text_value_is_written_as_go_writes_it(value, text):
    assert to_text(value) == text


def test_substitute_known_names_are_filled_in_and_others_stay():
    text = "{{$.inputs.parameters['root']}}/x/{{$.inputs.parameters['epochs']}}/{{$.inputs.parameters['none']}}"
    assert substitute(text, {"root": "gs://b", "epochs": 8}) == "gs://b/x/8/{{$.inputs.parameters['none']}}"


def test_substitute_all_fills_texts_only():
    values = {"epochs": 8, "settings": "{{$.inputs.parameters['epochs']}} epochs"}
    assert substitute_all(values) == {"epochs": 8, "settings": "8 epochs"}
