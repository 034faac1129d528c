"""Classes and splits as people write them, in columns and in the names of folders."""

import re
from collections.abc import Mapping

from fer_tfx.contract import CLASS_NAMES, EVAL_SPLIT, SPLIT_OF_USAGE, TEST_SPLIT, TRAIN_SPLIT

ClassTable = Mapping[bytes, int]
"""Words, in lower case, and the class index that each means."""

_ALIASES = {
    "angry": ("anger",),
    "disgust": ("disgusted",),
    "fear": ("fearful", "afraid", "scared"),
    "happy": ("happiness", "joy"),
    "sad": ("sadness",),
    "surprise": ("surprised",),
}
_SPLIT_OF_WORD = {
    **{word.encode(): split for word, split in SPLIT_OF_USAGE.items()},
    **dict.fromkeys((b"train", b"training"), TRAIN_SPLIT),
    **dict.fromkeys((b"val", b"valid", b"validation", b"eval", b"dev"), EVAL_SPLIT),
    **dict.fromkeys((b"test", b"testing"), TEST_SPLIT),
}
_SPACE = b" \t"


def _tabulate() -> ClassTable:
    words = {str(index): index for index in range(len(CLASS_NAMES))}
    for index, name in enumerate(CLASS_NAMES):
        words |= dict.fromkeys((name, *_ALIASES.get(name, ())), index)
    return {word.encode(): index for word, index in words.items()}


CLASSES: ClassTable = _tabulate()
"""The classes of FER2013: by index, name or alias."""


def find_class(text: bytes, classes: ClassTable) -> int | None:
    """The class that `Happiness`, `3`, `3.0` or `3_happy` means, whose name counts; None: none that is known."""
    word = text.strip(_SPACE).lower()
    index = classes.get(word)
    if index is None and (number := re.fullmatch(rb"(\d{1,3})\.0*", word)):
        return classes.get(number[1])
    if index is None and (numbered := re.fullmatch(rb"\d{1,3}[ _.-]*([^\d \t_.-].*)", word)):
        return classes.get(numbered[1])
    return index


def find_split(text: bytes) -> str | None:
    """The split that `Training`, `PublicTest`, `validation` or `test` means; None: none that is known."""
    return _SPLIT_OF_WORD.get(text.strip(_SPACE).lower())
