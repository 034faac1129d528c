"""Which of several files to read, by their names: the competition's rows stand in up to three of them."""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

# Well-known files of the competition. The same labelled rows stand in up to three of them: the first is the best.
LABELLED_FIRST = ("fer2013.csv", "icml_face_data.csv", "train.csv", "test.csv")
UNLABELLED_FIRST = ("test.csv",)
_NO_SOURCES = ("example_submission.csv", "public_test_labels.csv")
_WELL_KNOWN = (*LABELLED_FIRST, *_NO_SOURCES)

_ARCHIVE_SUFFIXES = (".tar.gz", ".tar.xz", ".tar.bz2", ".tgz", ".txz", ".tbz2", ".tar", ".zip", ".gz", ".xz", ".bz2")
_CSV_SUFFIX = ".csv"


@dataclass(frozen=True)
class SkippedMember:
    """A file that is not read, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Choice:
    """Which files of one folder or archive to read."""

    chosen: tuple[str, ...]
    skipped: tuple[SkippedMember, ...]


def choose_members(names: Sequence[str], preference: Sequence[str] = LABELLED_FIRST) -> Choice:
    """Choose among the files of one folder or archive, so that no row is read twice.

    If two or more of the competition's well-known files are there, packed or not, the first of `preference` is
    read, plain rather than packed, and all others are skipped. Otherwise every CSV and archive is read.
    """
    reasons = {name: _reason_to_skip(name) for name in names}
    readable = [name for name in names if not reasons[name]]
    well_known = [name for name in readable if _well_known(name)]
    if len({_base_name(name) for name in well_known}) > 1:
        best = min(well_known, key=lambda name: _rank(name, preference))
        is_wanted = _well_known(best) in preference
        for name in readable:
            reasons[name] = "" if is_wanted and name == best else _reason_beside(best, name, preference)
    return Choice(
        chosen=tuple(name for name in names if not reasons[name]),
        skipped=tuple(SkippedMember(name, reason) for name, reason in reasons.items() if reason),
    )


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
    """The well-known CSV that `name` is or packs (fer2013.tar.gz packs fer2013.csv), or an empty string."""
    base = _base_name(name)
    while base.endswith(_ARCHIVE_SUFFIXES):
        base = base.removesuffix(next(suffix for suffix in _ARCHIVE_SUFFIXES if base.endswith(suffix)))
    csv = base if base.endswith(_CSV_SUFFIX) else base + _CSV_SUFFIX
    return csv if csv in _WELL_KNOWN else ""


def _base_name(name: str) -> str:
    return posixpath.basename(name.replace("\\", "/")).lower()


def _reason_to_skip(name: str) -> str:
    parts = name.replace("\\", "/").split("/")
    if "__MACOSX" in parts or (parts[-1].startswith(".") and parts[-1] != ".."):
        return "a file of the system, not of the data set"
    if not parts[-1].lower().endswith((_CSV_SUFFIX, *_ARCHIVE_SUFFIXES)):
        return "neither a CSV nor an archive by its name"
    return ""


def reason_in_order(seen: Sequence[str], read: Sequence[str], preference: Sequence[str]) -> str:
    """Why not to read the last of `seen`, when the names after it are not known and those of `read` are past."""
    name = seen[-1]
    reason = next((each.reason for each in choose_members(seen, preference).skipped if each.name == name), "")
    known = _well_known(name)
    if not reason and known in _NO_SOURCES:
        return "holds no pictures"
    best = next((each for each in read if _well_known(each) in preference and _well_known(each) != "test.csv"), None)
    if not reason and known and best and _base_name(best) != _base_name(name):
        return _reason_beside(best, name, preference)
    return reason
