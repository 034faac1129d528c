"""Random histories of runs keep the rule of acceptance; a rule with a fault is caught. See `acceptance_machine`."""

from typing import Any

import pytest
from acceptance_machine import try_histories

from pipeline.history import acceptance


def test_two_thousand_histories_keep_the_rule():
    try_histories(2_000)


def _last_ingested(store: Any) -> set[int]:
    return {each.id for each in store.get_artifacts_by_type("ExampleStatistics")}


def _last_trained(store: Any, given: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """What the Evaluator saw last, whether or not it was pushed."""
    del store
    others = [each for each in given["model"] if each.id not in {candidate.id for candidate in given["candidate"]}]
    return {"model": others[-1:], "latency_model": others[-1:], "service_model": []}


@pytest.mark.parametrize(
    ("name", "mutant", "expected"),
    [
        ("find_accepted_statistics", _last_ingested, "refused data|good delivery|shifted data"),
        ("find_references", _last_trained, "never pushed|rolled back|anchor|became"),
        ("find_rolled_back", lambda destinations: set(), "rolled back|anchor"),
    ],
    ids=["drift against the last ingested", "baseline is the last trained", "no look at roll-backs"],
)
def test_fault_in_the_rule_is_caught(monkeypatch, name, mutant, expected):
    monkeypatch.setattr(acceptance, name, mutant)
    with pytest.raises(AssertionError, match=expected):
        try_histories(200)
