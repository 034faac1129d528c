"""Votes become a majority and shares by FER+'s rule."""

import pytest

from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.reading.votes import (
    NO_FACE,
    NO_MAJORITY,
    UNKNOWN,
    VOTE_COLUMNS,
    Votes,
    find_vote_columns,
    interpret_columns,
    tally,
)
from fer_tfx.reading.words import ClassTable

EIGHT = (*DEFAULT_CLASS_NAMES, "contempt")
OF_SEVEN = interpret_columns(ClassTable.build(DEFAULT_CLASS_NAMES, {}))
OF_EIGHT = interpret_columns(ClassTable.build(EIGHT, {}))
NO_CONTEMPT = "contempt, which is no class"


def ballots(**counts: int) -> Votes:
    return tuple(counts.get(each, 0) for each in VOTE_COLUMNS)


@pytest.mark.parametrize(
    ("votes", "expected", "doubt"),
    [
        (ballots(neutral=4, sadness=1, anger=3, disgust=2), "neutral", NO_MAJORITY),  # 4 of 9: the first row of FER+
        (ballots(neutral=6, surprise=1, sadness=1, unknown=2), "neutral", ""),
        (ballots(neutral=5, sadness=3, anger=1, unknown=1), "neutral", ""),  # 5 of 8 without the outliers
        (ballots(neutral=5, sadness=5), "neutral", NO_MAJORITY),  # half is no majority
        (ballots(happiness=5, sadness=3, anger=2), "happy", NO_MAJORITY),
        (ballots(nf=10), None, NO_FACE),
        (ballots(happiness=2, unknown=8), None, UNKNOWN),
        (ballots(happiness=3, fear=3, unknown=4), None, NO_MAJORITY),
        (ballots(anger=1, sadness=1, fear=1, disgust=1, neutral=1), None, NO_MAJORITY),  # all are outliers
        (ballots(contempt=8, neutral=2), None, NO_CONTEMPT),
        (ballots(), None, NO_MAJORITY),
        # Fewer than five annotators.
        (ballots(fear=1), "fear", ""),
        (ballots(fear=1, unknown=1), "fear", ""),
        (ballots(fear=1, sadness=1), "sad", NO_MAJORITY),
        (ballots(fear=2, sadness=1, nf=1), "fear", ""),
        (ballots(nf=1), None, NO_FACE),
    ],
)
def test_tally_gives_the_class_with_more_than_half_of_the_votes(votes: Votes, expected: str, doubt: str) -> None:
    found = tally(votes, OF_SEVEN, 7)
    assert found.class_index == (DEFAULT_CLASS_NAMES.index(expected) if expected else None)
    assert found.doubt == doubt


def test_tally_shares_the_votes_for_classes_without_outliers() -> None:
    votes = ballots(neutral=5, sadness=3, anger=1, contempt=2)
    assert dict(zip(EIGHT, tally(votes, OF_EIGHT, 8).shares, strict=True)) == {
        **dict.fromkeys(EIGHT, 0.0),
        **{"neutral": 0.5, "sad": 0.3, "contempt": 0.2},
    }
    of_seven = dict(zip(DEFAULT_CLASS_NAMES, tally(votes, OF_SEVEN, 7).shares, strict=True))
    assert (of_seven["neutral"], of_seven["sad"]) == (5 / 8, 3 / 8)
    assert tally(ballots(contempt=9, unknown=1), OF_EIGHT, 8) == (7, (0, 0, 0, 0, 0, 0, 0, 1.0), "")
    assert tally(ballots(nf=10), OF_EIGHT, 8).shares == ()


def test_tally_adds_up_the_votes_for_columns_of_one_class() -> None:
    bad = ("anger", "disgust", "sadness", "fear")
    label_map = {**dict.fromkeys(VOTE_COLUMNS[:-2], "good"), **dict.fromkeys(bad, "bad"), "contempt": "leave_out"}
    meanings = interpret_columns(ClassTable.build(("bad", "good"), label_map))
    assert tally(ballots(anger=1, disgust=1, fear=4, neutral=4), meanings, 2) == (0, (0.6, 0.4), "")
    assert tally(ballots(contempt=8, neutral=2), meanings, 2).doubt == "contempt"


def test_vote_columns_are_found_in_any_order_and_only_whole() -> None:
    names = ["pixels", *reversed(VOTE_COLUMNS), "usage"]
    assert find_vote_columns(names) == tuple(range(10, 0, -1))
    assert find_vote_columns(names[:-2]) == ()
    assert find_vote_columns([*names, "anger"]) == ()
