"""Classes and splits as people write them, in columns and in the names of folders."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from fer_tfx.contract import EVAL_SPLIT, LEAVE_OUT, SPLIT_OF_USAGE, TEST_SPLIT, TRAIN_SPLIT

_SYNONYMS = (
    ("angry", "anger"),
    ("disgust", "disgusted"),
    ("fear", "fearful", "afraid", "scared"),
    ("happy", "happiness", "joy"),
    ("sad", "sadness"),
    ("surprise", "surprised"),
)
EXPRESSIONS = frozenset(word for words in _SYNONYMS for word in words) | {"neutral", "contempt"}
_SPLIT_OF_WORD = {
    **{word.encode(): split for word, split in SPLIT_OF_USAGE.items()},
    **dict.fromkeys((b"train", b"training"), TRAIN_SPLIT),
    **dict.fromkeys((b"val", b"valid", b"validation", b"eval", b"dev"), EVAL_SPLIT),
    **dict.fromkeys((b"test", b"testing"), TEST_SPLIT),
}
_WORD = re.compile(rb"(?:public|private)[ _-]*test|[a-z]+")
_DECORATED = re.compile(  # 3_happy, angry_faces, Happy (2)
    rb"(?:\d{1,3}[ _.-]*)?([^\d \t_.-].*?)(?:[ _.-]*(?:faces?|people|images?|pictures?|photos?|expressions?))?"
    rb"(?:[ _.-]*\(?\d{1,3}\)?)?"
)
_MAX_DECORATED_CHARS = 100
_SPACE = b" \t"


# Where a row says what it shows: in a column or folder, in columns of votes, or in a file of votes beside it.
BY_LABEL, BY_VOTES, BY_VOTE_FILE = "label", "votes", "vote file"
UNLABELLED = ""  # nowhere, as it is to be predicted


class LeftOut(NamedTuple):
    """The meaning of a word whose rows are left out."""

    word: str


@dataclass(frozen=True, eq=False)
class ClassTable:
    """The classes of some data, and what its words for them mean."""

    names: tuple[str, ...]  # by class index
    words: Mapping[bytes, int | LeftOut]  # folded
    labelled_by: str = BY_LABEL  # unless so, no label is looked at

    @classmethod
    def build(cls, classes: Sequence[str | Sequence[str]], label_map: Mapping[str, str]) -> "ClassTable":
        """From `classes`, by class index a name or a list of it and its aliases, and words that mean one of the names.

        A class is also known by its index and by common synonyms of its words. What `label_map` says of a word, a name
        or LEAVE_OUT, goes before all that.
        """
        spelt = [(each,) if isinstance(each, str) else tuple(each) for each in classes]
        folded = [{_fold(word.encode()) for word in each} for each in spelt]
        words: dict[bytes, int | LeftOut] = {}
        for synonyms in ({word.encode() for word in group} for group in _SYNONYMS):
            owners = [index for index, own in enumerate(folded) if own & synonyms]
            if len(owners) == 1:
                words |= dict.fromkeys(synonyms, owners[0])
        words |= {str(index).encode(): index for index in range(len(spelt))}
        words |= {word: index for index, own in enumerate(folded) for word in own}
        index_of = {_fold(each[0].encode()): index for index, each in enumerate(spelt)}
        words |= {
            _fold(word.encode()): LeftOut(word) if name.lower() == LEAVE_OUT else index_of[_fold(name.encode())]
            for word, name in label_map.items()
        }
        return cls(tuple(each[0] for each in spelt), words)

    def find(self, text: bytes) -> int | LeftOut | None:
        """What `Happiness`, `3`, `3.0`, `3_happy` or `happy_faces`, whose name counts, means; None: it is unknown."""
        word = _fold(text)
        found = self.words.get(word)
        if found is None and (number := re.fullmatch(rb"(\d{1,3})\.0*", word)):
            return self.words.get(number[1])
        if found is None and len(word) <= _MAX_DECORATED_CHARS and (decorated := _DECORATED.fullmatch(word)):
            return self.words.get(decorated[1])
        return found


def find_labelling(classes: ClassTable | None) -> str:
    """`BY_LABEL` and its like; see `Form.read` for `classes`."""
    return classes.labelled_by if classes else UNLABELLED


def _fold(text: bytes) -> bytes:
    """Without what two spellings of a word may differ in: case, space around it, and composed accents."""
    word = text.strip(_SPACE)
    if word.isascii():
        return word.lower()
    letters = word.decode("utf-8", "surrogateescape")
    return unicodedata.normalize("NFC", letters).lower().encode("utf-8", "surrogateescape")


@lru_cache(maxsize=1_000)
def find_split(text: bytes) -> str | None:
    """The split that `Training`, `public_test`, `FER2013Valid` or `test set` means; None: none of them, or several."""
    words = (word.translate(None, b" _-") for word in _WORD.findall(text.lower()))
    found = {_SPLIT_OF_WORD[word] for word in words if word in _SPLIT_OF_WORD}
    return found.pop() if len(found) == 1 else None
