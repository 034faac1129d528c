"""What becomes of pictures that stand in the data more than once.

FER2013 holds 34,032 different pictures in 35,887 rows; 288 rows of its private test also stand in training.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fer_tfx.contract import TRAIN_SPLIT


class Candidate(NamedTuple):
    """A usable row on its way to a split. Candidates sort by picture, then by place."""

    digest: bytes
    """SHA-256 of the pixels."""
    source: str
    row: int
    split: str
    class_index: int  # -1: unlabelled
    pixels: bytes  # 2,304 uint8 values, row-major


class Settled(NamedTuple):
    """A row with what becomes of it: emitted if `drop_reason` is empty."""

    candidate: Candidate
    drop_reason: str


def settle(copies: Iterable[Candidate]) -> Iterator[Settled]:
    """Decide which of all the rows with one and the same picture stay.

    Held-out rows always stay, so that eval and test remain what their publisher made them. Of the training
    rows the first stays, unless the picture is held out: then all go.
    """
    in_order = sorted(copies, key=lambda candidate: (candidate.source, candidate.row))
    held_out = sorted({candidate.split for candidate in in_order} - {TRAIN_SPLIT})
    reason = held_out_reason(held_out[0]) if held_out else ""
    for candidate in in_order:
        if candidate.split != TRAIN_SPLIT:
            yield Settled(candidate, "")
        else:
            yield Settled(candidate, reason)
            reason = reason or "repeat within train"


def held_out_reason(split: str) -> str:
    """Why a training row is dropped whose picture also stands in another split."""
    return f"also stands in {split}"


def has_conflict(copies: Iterable[Candidate]) -> bool:
    """Whether the rows of one picture carry different labels."""
    return len({candidate.class_index for candidate in copies} - {-1}) > 1
