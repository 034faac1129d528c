"""Votes of several annotators about one picture, as in FER+ -> its class by majority, and the share of each class."""

from collections.abc import Sequence
from typing import NamedTuple

from fer_tfx.reading.words import ClassTable, LeftOut

# The columns of fer2013new.csv, in lower case. `NF` is for pictures without a face.
VOTE_COLUMNS = (
    "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "nf",
)  # fmt: skip
NO_FACE = "no face, by the votes"
UNKNOWN = "unknown expression, by the votes"
NO_MAJORITY = "no majority of the votes"
_FEW_VOTES = 5  # fewer than these, and no vote is an outlier

Votes = tuple[int, ...]
"""Numbers of votes in the order of `VOTE_COLUMNS`."""
Meanings = tuple[int | str, ...]
"""For each of `VOTE_COLUMNS` the class index, or why a row is left out that has these votes."""


class Tally(NamedTuple):
    """What the annotators of a picture made of it."""

    class_index: int | None  # with the most votes, the first of several; None: something else has
    shares: tuple[float, ...]  # of the votes for a class, by class index; sums to 1, but empty without a class
    doubt: str  # why this is no label; empty: it is the majority's


def interpret_columns(classes: ClassTable) -> Meanings:
    """What a vote in each of the columns is for."""
    return (*(_interpret(word, classes) for word in VOTE_COLUMNS[:-2]), UNKNOWN, NO_FACE)


def _interpret(word: str, classes: ClassTable) -> int | str:
    found = classes.find(word.encode())
    if found is None:
        return f"{word}, which is no class"
    return found.word if isinstance(found, LeftOut) else found


def tally(votes: Votes, meanings: Meanings, class_count: int) -> Tally:
    """Count votes by the rule of FER+ (Barsoum et al. 2016, arXiv:1608.01041, and the code published with it).

    What has a single vote loses it as an outlier; then the class with more than half of the votes has the majority.
    Without one, or if that is `unknown`, `NF` or no class of `meanings`, the row has no label. Votes for columns of
    one class are added up first. With fewer than five votes none is an outlier, and the most win, if no other class
    has as many.
    """
    counts: dict[int | str, int] = {}
    for meaning, count in zip(meanings, votes, strict=True):
        counts[meaning] = counts.get(meaning, 0) + count
    has_few = sum(votes) < _FEW_VOTES
    counts = {meaning: count for meaning, count in counts.items() if count > (0 if has_few else 1)}
    most = max(counts.values(), default=0)
    leaders = [meaning for meaning, count in counts.items() if count == most]
    leaders = [each for each in leaders if isinstance(each, int)] or leaders
    has_majority = len(leaders) == 1 if has_few else 2 * most > sum(counts.values())
    if not leaders or isinstance(leaders[0], str):
        return Tally(None, (), str(leaders[0]) if has_majority else NO_MAJORITY)
    of_classes = [counts.get(index, 0) for index in range(class_count)]
    shares = tuple(count / sum(of_classes) for count in of_classes)
    return Tally(leaders[0], shares, "" if has_majority else NO_MAJORITY)


def find_vote_columns(names: Sequence[str]) -> tuple[int, ...]:
    """Where the ten columns are among `names`, in lower case; empty: not all of them are there once."""
    is_whole = all(names.count(each) == 1 for each in VOTE_COLUMNS)
    return tuple(names.index(each) for each in VOTE_COLUMNS) if is_whole else ()
