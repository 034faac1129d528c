"""Which of several files to read, by name: the competition's rows stand in up to three of them."""

import posixpath
from collections.abc import Callable, Sequence

from fer_tfx.contract import EVAL_SPLIT, TEST_SPLIT
from fer_tfx.reading.columns import finds_labels_alone
from fer_tfx.reading.form import SkippedMember
from fer_tfx.reading.forms import list_suffixes, lists_pictures
from fer_tfx.reading.picture_form import PICTURES, find_place
from fer_tfx.reading.values import find_split_of_file
from fer_tfx.reading.words import ClassTable

# The competition's files, the best first.
_WITH_ALL_SPLITS = ("fer2013.csv", "icml_face_data.csv")
LABELLED_FIRST = (*_WITH_ALL_SPLITS, "train.csv", "test.csv")
UNLABELLED_FIRST = ("test.csv",)
_NO_SOURCES = ("example_submission.csv", "public_test_labels.csv")
_VOTES_PREFIX = "fer2013new"  # FER+'s file of votes
_WELL_KNOWN = (*LABELLED_FIRST, *_NO_SOURCES)

ARCHIVE_SUFFIXES = (".tar.gz", ".tar.xz", ".tar.bz2", ".tgz", ".txz", ".tbz2", ".tar", ".zip", ".gz", ".xz", ".bz2")
_CSV_SUFFIX = ".csv"
_TABLE_SUFFIXES = (_CSV_SUFFIX, ".tsv")
_MAX_SUFFIXES = 4  # fer2013.tar.gz has one; what is packed more often is not read anyway
HIDDEN = "in a hidden folder"
LISTED = "named by a table"  # a picture that a table of paths names, so that it is read all the same
_MAX_LISTS = 100  # files whose headers are looked at
_SHOWN = 3  # of a list, in an error
_SHOWN_CHARS = 90  # of each


class ChoiceInOrder:
    """Chooses among names that come one by one, while those to come are unknown and those chosen are read already.

    If two or more of the competition's well-known files are there, packed or not, the first of `preference` is
    read, plain rather than packed, and all others are skipped. Otherwise every file of a known form is read.
    """

    def __init__(self, preference: Sequence[str]) -> None:
        self._preference = preference
        self._well_known_bases: set[str] = set()
        self._best = ""  # of the well-known names so far
        self._read = ""  # the first well-known labelled file that was chosen
        self._has_rows = False  # in a file that isn't known to hold votes alone

    def note(self, name: str) -> str:
        """Take a name in; -> why it can't be read whatever else is there, or an empty string."""
        reason = reason_to_skip(name)
        self._has_rows |= not reason and not _is_of_votes(name)
        if not reason and _well_known(name):
            self._well_known_bases.add(_base_name(name))
            self._best = min(self._best or name, name, key=lambda each: _rank(each, self._preference))
        return reason

    def reason_beside_noted(self, name: str) -> str:
        """Why not to read a readable name beside all that were noted; an empty string if it is chosen."""
        if self._has_rows and _is_of_votes(name):
            return "holds votes, which are read if data.votes_path names it"
        if len(self._well_known_bases) < 2 or (name == self._best and _well_known(name) in self._preference):
            return ""
        return _reason_beside(self._best, name, self._preference)

    def reason_against(self, name: str) -> str:
        """Why not to read the next name; an empty string if it is chosen."""
        reason = self.note(name) or self.reason_beside_noted(name)
        known = _well_known(name)
        if reason or not known:
            return reason
        if known in _NO_SOURCES or (self._read and _base_name(self._read) != _base_name(name)):
            return _reason_beside(self._read, name, self._preference)
        if known in self._preference and known != "test.csv":
            self._read = self._read or name
        return ""


def prefer(classes: ClassTable | None) -> tuple[str, ...]:
    """Which of the competition's files to read, to learn from or, without `classes`, to predict."""
    return LABELLED_FIRST if classes else UNLABELLED_FIRST


def is_hidden(name: str) -> bool:
    """Whether one of the folders in a path begins with a dot; `.` and `..` don't count."""
    return any(part.startswith(".") and part not in (".", "..") for part in name.split("/")[:-1])


def reasons_against(
    names: Sequence[str], classes: ClassTable | None, read_head: Callable[[str], bytes]
) -> dict[str, str]:
    """By `ChoiceInOrder`, why not to read each file of one folder or archive; empty if it is chosen.

    Tables of paths with classes, known by how they begin, are chosen before the pictures that they name. Labelled
    tables that are held-out splits by their names are chosen too, unless one of the competition's has all rows.
    """
    pictures = {name for name in names if PICTURES.recognises(b"", name)}
    tables = [name for name in names if name not in pictures and not reason_to_skip(name)]
    looked_at = tables[:_MAX_LISTS] if len(names) > 1 else []
    lists = {name for name in looked_at if lists_pictures(read_head(name), name, classes)}
    if lists and classes:
        others = _reasons_among([name for name in names if name not in lists | pictures], set(), classes)
        return {name: others.get(name, LISTED if name in pictures else "") for name in names}
    if lists and pictures:
        others = _reasons_among([name for name in names if name not in lists], pictures, classes)
        return {name: others.get(name, "a table of pictures that are read themselves") for name in names}
    own_splits = find_own_splits(names, classes, read_head)
    if any(_well_known(name) in _WITH_ALL_SPLITS for name in tables):
        own_splits = {}
    held_out = {name for name, split in own_splits.items() if split in (EVAL_SPLIT, TEST_SPLIT)}
    others = _reasons_among([name for name in names if name not in held_out], pictures, classes, bool(held_out))
    return {name: others.get(name, "") for name in names}


def find_own_splits(
    names: Sequence[str], classes: ClassTable | None, read_head: Callable[[str], bytes]
) -> dict[str, str]:
    """The splits that labelled tables of pixels are as a whole, by their names; none, if no one is held out by that."""
    found = {name: find_split_of_file(name, classes) for name in names if _base_name(name).endswith(_TABLE_SUFFIXES)}
    named = {name: split for name, split in [*found.items()][:_MAX_LISTS] if split}
    if not {EVAL_SPLIT, TEST_SPLIT} & {*named.values()} or len(names) < 2:
        return {}
    own = {name: split for name, split in named.items() if finds_labels_alone(read_head(name).partition(b"\n")[0])}
    return own if {EVAL_SPLIT, TEST_SPLIT} & {*own.values()} else {}


def _reasons_among(
    names: Sequence[str], pictures: set[str], classes: ClassTable | None, has_tables: bool = False
) -> dict[str, str]:
    preference = prefer(classes)
    together = ChoiceInOrder(preference)
    reasons = {name: reason_to_skip(name) if name in pictures else together.note(name) for name in names}
    has_tables = has_tables or any(not reason and name not in pictures for name, reason in reasons.items())
    return {
        name: reason
        or together.reason_beside_noted(name)
        or (_reason_beside_tables(name, classes) if has_tables and name in pictures else "")
        for name, reason in reasons.items()
    }


def _reason_beside_tables(name: str, classes: ClassTable | None) -> str:
    if classes is None:
        return "a picture beside a table or an archive"
    has_class = find_place(posixpath.dirname(name), classes)[0] is not None
    return "" if has_class else "a picture in no folder named after a class"


def describe_skipped(skipped: Sequence[SkippedMember]) -> str:
    """What was skipped, for an error that says that nothing is left."""
    return name_some([f"{each.name}: {each.reason}" for each in skipped]) or "it is empty"


def name_some(texts: Sequence[str]) -> str:
    """The first three, and how many more there are."""
    more = [f"and {len(texts) - _SHOWN:,} more"] if len(texts) > _SHOWN else []
    return "; ".join([*map(shorten_name, texts[:_SHOWN]), *more])


def shorten_name(text: str) -> str:
    """Beginning and end of a long name, and what is said of it."""
    return text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS // 3]}...{text[-2 * _SHOWN_CHARS // 3 :]}"


def _rank(name: str, preference: Sequence[str]) -> tuple[int, bool, int, str]:
    known = _well_known(name)
    place = preference.index(known) if known in preference else len(preference)
    return place, not _base_name(name).endswith(_CSV_SUFFIX), len(name), name


def _reason_beside(best: str, name: str, preference: Sequence[str]) -> str:
    known = _well_known(name)
    if known in _NO_SOURCES:
        return "holds no pictures"
    if known not in preference:
        return f"not one of {', '.join(preference)}"
    if known == "test.csv" and _well_known(best) != known:
        return f"has no labels, and {best} has"
    return f"holds the same rows as {best}"


def _well_known(name: str) -> str:
    """The well-known CSV that `name` is or packs (fer2013.tar.gz packs fer2013.csv), or an empty string.

    test.zip may as well pack pictures.
    """
    base = _base_name(name)
    for _ in range(_MAX_SUFFIXES):
        base = base.removesuffix(next((suffix for suffix in ARCHIVE_SUFFIXES if base.endswith(suffix)), ""))
    csv = base if base.endswith(_CSV_SUFFIX) or base in ("train", "test") else base + _CSV_SUFFIX
    return csv if csv in _WELL_KNOWN else ""


def _is_of_votes(name: str) -> bool:
    return _base_name(name).startswith(_VOTES_PREFIX)


def _base_name(name: str) -> str:
    return posixpath.basename(name.replace("\\", "/")).lower()


def reason_to_skip(name: str) -> str:
    """Why a file of this name is never read, or an empty string."""
    parts = name.replace("\\", "/").split("/")
    if "__MACOSX" in parts or (parts[-1].startswith(".") and parts[-1] != ".."):
        return "a file of the system, not of the data set"
    if not parts[-1].lower().endswith((*list_suffixes(), *ARCHIVE_SUFFIXES)):
        return "no table, picture or archive by its name"
    return ""
