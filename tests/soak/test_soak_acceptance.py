"""Many more histories than `make test` has time for."""

from acceptance_machine import try_histories


def test_fifty_thousand_histories_keep_the_rule():
    try_histories(50_000)
