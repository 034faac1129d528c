"""Random histories of runs keep the rule of acceptance; a rule with a fault is caught. See `acceptance_machine`."""

from typing import Any

import pytest
from acceptance_machine import BLESSED, try_histories

from pipeline.history import acceptance


def test_histories_keep_the_rule():
    try_histories(200)


def _last_ingested(store: Any) -> set[int]:
    return {each.id for each in store.get_artifacts_by_type("ExampleStatistics")}


def _take_last(given: dict[str, list[Any]], models: list[Any]) -> dict[str, list[Any]]:
    last = [each for each in models if each.id not in {candidate.id for candidate in given["candidate"]}][-1:]
    return {"model": last, "latency_model": last, "service_model": []}


def _last_trained(store: Any, given: dict[str, list[Any]]) -> dict[str, list[Any]]:
    del store
    return _take_last(given, given["model"])


def _last_blessed(store: Any, given: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """What an Evaluator let through last, whether or not it was pushed."""
    del store
    return _take_last(given, [each for each in given["model"] if each.uri in BLESSED])


@pytest.mark.parametrize(
    ("name", "mutant", "expected"),
    [
        ("find_accepted_statistics", _last_ingested, "refused data|good delivery|shifted data"),
        ("find_references", _last_trained, "never pushed|rolled back|anchor|became"),
        ("find_references", _last_blessed, "never pushed|rolled back|anchor|became"),
        ("find_rolled_back", lambda destinations: set(), "rolled back|anchor"),
    ],
    ids=[
        "drift against the last ingested", "baseline is the last trained", "baseline is the last blessed",
        "no look at roll-backs",
    ],
)  # fmt: skip
def test_fault_in_the_rule_is_caught(monkeypatch, name, mutant, expected):
    monkeypatch.setattr(acceptance, name, mutant)
    with pytest.raises(AssertionError, match=expected):
        try_histories(200, shrinks=False)
