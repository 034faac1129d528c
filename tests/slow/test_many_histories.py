"""As many histories as `make test` would take a minute for; `make soak` has more."""

from acceptance_machine import try_histories


def test_two_thousand_histories_keep_the_rule():
    try_histories(2_000)
