"""What words of the data mean, by the classes and the label map of the settings."""

import unicodedata

import pytest

from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.reading.words import ClassTable, LeftOut, find_split

OF_FER2013 = ClassTable.build(DEFAULT_CLASS_NAMES, {})
WITH_CONTEMPT = ClassTable.build((*DEFAULT_CLASS_NAMES, "contempt"), {})
WITHOUT = ClassTable.build(DEFAULT_CLASS_NAMES, {"7": "leave_out", "Contempt": "Leave_Out"})
FROM_ONE = ClassTable.build(
    DEFAULT_CLASS_NAMES, {str(index + 1): name for index, name in enumerate(DEFAULT_CLASS_NAMES)}
)
OWN = ClassTable.build(
    ("glad", ("not glad", "Rest", "0x"), "d\u00e9go\u00fbt"),
    {"smile": "GLAD", "blank": "leave_out", "6": "not glad", "": "leave_out"},
)
JOY = ClassTable.build(("joy", "happy", "anger"), {})

WORDS = {
    "a name": (OF_FER2013, "Happy", 3),
    "a synonym": (OF_FER2013, "happiness", 3),
    "an index": (OF_FER2013, "3", 3),
    "a decimal": (OF_FER2013, " 3.0 ", 3),
    "an index and a name, which counts": (OF_FER2013, "0_happy", 3),
    "a name and an index": (OF_FER2013, "Happy (2)", 3),
    "a name and a noun": (OF_FER2013, "Angry faces", 0),
    "all of them": (OF_FER2013, "3-happy_images_07", 3),
    "a name within a word": (OF_FER2013, "unhappy faces", None),
    "two indices": (OF_FER2013, "3_4", None),
    "many numbers": (OF_FER2013, "a" + "1" * 90, None),
    "an index beyond": (OF_FER2013, "7", None),
    "another name": (OF_FER2013, "contempt", None),
    "an eighth class by index": (WITH_CONTEMPT, "7", 7),
    "an eighth class by both": (WITH_CONTEMPT, "07-Contempt", 7),
    "an index left out": (WITHOUT, "7.0", LeftOut("7")),
    "a name left out": (WITHOUT, "contempt", LeftOut("Contempt")),
    "a numbered name left out": (WITHOUT, "7_contempt", LeftOut("Contempt")),
    "beside what is left out": (WITHOUT, "6", 6),
    "counted from 1": (FROM_ONE, "7", 6),
    "first counted from 1": (FROM_ONE, "1", 0),
    "an own name of two words": (OWN, "Not glad", 1),
    "an own alias": (OWN, "rest", 1),
    "an own alias that begins like a number": (OWN, "0x", 1),
    "a word joined to a class": (OWN, "Smile", 0),
    "an index joined to a class": (OWN, "6", 1),
    "an index of few classes": (OWN, "2", 2),
    "a capital with an accent": (OWN, "D\u00c9GO\u00dbT", 2),
    "a name of a folder on a Mac": (OWN, unicodedata.normalize("NFD", "d\u00e9go\u00fbt"), 2),
    "none": (OWN, " ", LeftOut("")),
    "a default class that isn't configured": (OWN, "sad", None),
    "two classes of one meaning: the first": (JOY, "joy", 0),
    "two classes of one meaning: the second": (JOY, "happy", 1),
    "two classes of one meaning: a third word": (JOY, "happiness", None),
    "a synonym of a configured synonym": (JOY, "angry", 2),
}


@pytest.mark.parametrize(("classes", "text", "meaning"), WORDS.values(), ids=WORDS)
def test_find_gives_the_meaning_of(classes: ClassTable, text: str, meaning: int | LeftOut | None) -> None:
    assert classes.find(text.encode()) == meaning


SPLITS = {
    "Training": "train", "train": "train", "train_images": "train", "Training Set": "train", "FER2013Train": "train",
    "PublicTest": "eval", "public_test": "eval", "public test set": "eval", "FER2013Valid": "eval", "val.zip": "eval",
    "Private-test": "test", "test-00000-of-00003.parquet": "test", "FER2013Test": "test",
    "train_val": None, "contest": None, "trainer": None, "latest": None, "": None, "7": None,
}  # fmt: skip


@pytest.mark.parametrize(("text", "split"), SPLITS.items())
def test_find_split_knows_the_words_of_columns_folders_and_files(text: str, split: str | None) -> None:
    assert find_split(text.encode()) == split


def test_names_are_those_that_were_given_without_their_aliases() -> None:
    assert OWN.names == ("glad", "not glad", "d\u00e9go\u00fbt")
