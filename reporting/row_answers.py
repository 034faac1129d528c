"""What a model said of each row it was judged on, kept beside the page so that two runs can be compared row by row."""

import hashlib
import io
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

ANSWERS_FILE = "answers.npz"
Integers = npt.NDArray[np.int64]
_DIGEST_BYTES = 8


@dataclass(frozen=True)
class RowAnswers:
    """n rows of the eval split, in the order of its files."""

    class_names: tuple[str, ...]
    digests: npt.NDArray[np.uint64]  # (n,), of the pictures
    class_indices: Integers  # (n,), the true classes
    predicted: Integers  # (n,)
    confidences: npt.NDArray[np.float32]  # (n,)

    @property
    def hits(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.predicted == self.class_indices)

    def take(self, rows: Integers) -> "RowAnswers":
        """Some of the rows, in this order."""
        return RowAnswers(
            self.class_names,
            self.digests[rows],
            self.class_indices[rows],
            self.predicted[rows],
            self.confidences[rows],
        )

    def to_bytes(self) -> bytes:
        """Compressed, without any picture: some 13 bytes a row."""
        file = io.BytesIO()
        np.savez_compressed(
            file, class_names=np.array(self.class_names), digests=self.digests, confidences=self.confidences,
            class_indices=self.class_indices.astype(np.int16), predicted=self.predicted.astype(np.int16),
        )  # fmt: skip
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "RowAnswers":
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            return cls(
                tuple(stored["class_names"].tolist()),
                stored["digests"],
                stored["class_indices"].astype(np.int64),
                stored["predicted"].astype(np.int64),
                stored["confidences"],
            )


class Paired(NamedTuple):
    """The rows that two models both answered: equal pictures with equal labels, in the order of the second."""

    first: RowAnswers
    second: RowAnswers
    places: Integers  # of these among the second's rows


def compute_digests(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """64 bits of BLAKE2 of each picture, uint8 (n, 48, 48): uint64 (n,)."""
    digests = (hashlib.blake2b(each.tobytes(), digest_size=_DIGEST_BYTES).digest() for each in pixels)
    return np.frombuffer(b"".join(digests), np.dtype("<u8")).astype(np.uint64)


def pair_answers(first: RowAnswers, second: RowAnswers) -> Paired | None:
    """None: the two know different classes, or have no row in common. A repeated row gets the same answer each time."""
    if first.class_names != second.class_names:
        return None
    where = {key: at for at, key in reversed(list(enumerate(_list_keys(first))))}
    found = [(where[key], at) for at, key in enumerate(_list_keys(second)) if key in where]
    if not found:
        return None
    of_first, of_second = np.array(found, np.int64).T
    return Paired(first.take(of_first), second.take(of_second), of_second)


def _list_keys(answers: RowAnswers) -> list[tuple[Any, Any]]:
    return list(zip(answers.digests.tolist(), answers.class_indices.tolist(), strict=True))
