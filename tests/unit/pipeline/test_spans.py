"""Which spans are put together, on artifacts that carry an id and a span and nothing else."""

import pytest
from tfx.types import standard_artifacts

from configs.spec import SpansConfig
from pipeline.spans import LatestSpansStrategy, PreviousCacheStrategy, build_span_window


def fake_examples(artifact_id: int, span: int | str, output: str = "examples") -> standard_artifacts.Examples:
    examples = standard_artifacts.Examples()
    examples.uri = f"/runs/FerExampleGen/{output}/{artifact_id}"
    examples.id = artifact_id
    if isinstance(span, str):
        examples.set_string_custom_property("span", span)
    else:
        examples.set_int_custom_property("span", span)
    return examples


def resolve_spans(window: int, current: tuple[int, int], others: list[tuple[int, int | str]]) -> list[int]:
    newest = fake_examples(*current)
    given = {"examples": [*(fake_examples(*each) for each in others), newest], "current": [newest]}
    found = LatestSpansStrategy(window).resolve_artifacts(None, given)
    assert found["current"] == [newest]
    return [each.id for each in found["examples"]]


def test_latest_spans_window_is_full_gives_the_newest_in_order_of_the_spans():
    assert resolve_spans(3, (40, 4), [(20, 2), (10, 1), (30, 3)]) == [20, 30, 40]


def test_latest_spans_fewer_than_the_window_gives_all():
    assert resolve_spans(5, (20, 2), [(10, 1)]) == [10, 20]
    assert resolve_spans(5, (20, 2), []) == [20]


def test_latest_spans_span_ingested_twice_gives_the_later_one():
    assert resolve_spans(2, (40, 2), [(10, 1), (30, 1), (20, 1)]) == [30, 40]


def test_latest_spans_older_version_of_the_current_span_is_left_out():
    assert resolve_spans(2, (40, 2), [(10, 1), (20, 2)]) == [10, 40]


def test_latest_spans_what_came_after_the_current_one_changes_no_answer():
    assert resolve_spans(3, (20, 2), [(10, 1), (30, 3), (40, 1)]) == [10, 20]


def test_latest_spans_written_as_texts_count_as_numbers():
    assert resolve_spans(2, (40, 10), [(20, "9"), (30, "2")]) == [20, 40]


def test_latest_spans_examples_of_another_output_are_left_out():
    newest, other = fake_examples(20, 2), fake_examples(10, 1, output="unlabelled_examples")
    found = LatestSpansStrategy(2).resolve_artifacts(None, {"examples": [other, newest], "current": [newest]})
    assert found["examples"] == [newest]


def fake_cache(artifact_id: int) -> standard_artifacts.TransformCache:
    cache = standard_artifacts.TransformCache()
    cache.id = artifact_id
    return cache


@pytest.mark.parametrize(("caches", "expected"), [([], []), ([25], []), ([5, 15, 25], [15]), ([15, 5], [15])])
def test_previous_cache_is_the_latest_from_before_the_current_span(caches, expected):
    given = {"analyzer_cache": [fake_cache(each) for each in caches], "current": [fake_examples(20, 2)]}
    found = PreviousCacheStrategy().resolve_artifacts(None, given)
    assert [each.id for each in found["analyzer_cache"]] == expected


def test_span_window_of_one_adds_no_node():
    class GenStub:
        outputs = {"examples": "as they come"}

    assert build_span_window(SpansConfig(), GenStub()) == ([], "as they come", None)
