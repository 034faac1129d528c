"""Which files a run reads, and the rows in one of them, as a whole or in parts that can be read side by side.

A large plain file is cut into parts; these are counted, then numbered, as their places depend on the parts before.
"""

import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import takewhile
from posixpath import dirname, relpath
from typing import BinaryIO, NamedTuple

from fer_tfx.counted import counted
from fer_tfx.errors import DataError
from fer_tfx.reading.archives import is_packed, iter_members
from fer_tfx.reading.beside import Open, open_local, read_named
from fer_tfx.reading.choice import HIDDEN, LISTED, find_own_splits, is_hidden, reasons_against, shorten_name
from fer_tfx.reading.form import (
    Bounds,
    Counts,
    Item,
    ParsedRow,
    Part,
    PartedForm,
    ReadingLimits,
    Remark,
    SkippedMember,
    shown,
)
from fer_tfx.reading.forms import HEAD_BYTES, find_form
from fer_tfx.reading.picture_form import PICTURES, find_place
from fer_tfx.reading.words import ClassTable

_MAX_PATH_CHARS = 4096  # Linux' own bound
_WILDCARD = re.compile(r"[*?[]")
_ESCAPED = re.compile(r"\[([*?[])\]")  # as glob.escape writes a wildcard that is meant as it stands


class Source(NamedTuple):
    """One file to read."""

    path: str
    name: str  # in messages and examples: the path below the folder of the data, of several the first; its words count
    is_unlabelled: bool  # whether it was given as data to predict; labels in it are then not looked at
    split: str = ""  # of all rows that name none, as the file is one of several splits; empty: it is not known

    @property
    def folder(self) -> str:
        """What paths in it are relative to."""
        return dirname(self.path if "://" in self.path else os.path.abspath(self.path))  # noqa: PTH100 (keeps links)


def find_folder(pattern: str) -> str:
    """The folder above the first wildcard of a glob, or above its file: names below it are those of one input's files.

    What lies further up is where somebody keeps the data and tells nothing of class or split.
    """
    fixed = takewhile(lambda part: not _WILDCARD.search(_ESCAPED.sub("", part)), pattern.split("/")[:-1])
    return _ESCAPED.sub(r"\1", "/".join(fixed)) or "/"


def choose_sources(
    paths: list[str],
    folder: str,
    classes: ClassTable | None,
    votes_path: str = "",
    open_file: Open = open_local,
    start: str = "",
) -> tuple[list[Source], list[SkippedMember]]:
    """Choose among the files of one input; a single file is read whatever its name. See `Form.read` for `classes`.

    The file of votes may be among them, and is no table of pictures beside others. They lie below `folder`, and their
    names begin at `start`, if that is another folder.

    Raises DataError: they are pictures to learn from, and no folder is named after a class.
    """
    prefix = f"{relpath(folder, start)}/" if start and start != folder else ""
    below = {path: path.removeprefix(folder).lstrip("/") for path in sorted(paths)}
    sources = {prefix + name: path for path, name in below.items()}

    def read_head(name: str) -> bytes:
        with suppress(OSError), open_file(sources[name]) as stream:  # what can't be read is reported later
            return stream.read(HEAD_BYTES)
        return b""

    votes_file = os.path.realpath(votes_path) if votes_path else ""
    may_hold_votes = sources if votes_file and len(sources) > 1 else {}
    votes = [name for name, path in may_hold_votes.items() if os.path.realpath(path) == votes_file]
    others = [name for name in sources if name not in votes]
    reasons = dict.fromkeys(votes, "the votes, as data.votes_path says")
    reasons |= {name: reason for name in others if (reason := _reason_against_place(sources[name], below))}
    others_left = [name for name in others if name not in reasons]
    reasons |= reasons_against(others_left, classes, read_head) if len(others) > 1 else {}
    labels = {name: shown(name.encode(), _MAX_PATH_CHARS) for name in sources}
    left = [name for name in sources if not reasons.get(name)]
    splits = find_own_splits(left, classes, read_head)
    chosen = [Source(sources[name], labels[name], classes is None, splits.get(name, "")) for name in left]
    if classes and chosen and not any(_may_have_class(each, classes) for each in chosen):
        first, names = classes.names[0], shown(", ".join(classes.names).encode(), 100)
        raise DataError(
            f"{folder}: {counted(len(chosen), 'picture')} such as {shorten_name(chosen[0].name)}, none in a folder"
            f" named after a class: lay them out as {first}/1.jpg or train/{first}/1.jpg ({names}), tell by"
            " data.label_map what your folders mean, or give the pictures to --unlabelled to have them predicted"
        )
    skipped = [(labels[name], reason) for name, reason in reasons.items() if reason not in ("", LISTED)]
    return chosen, [SkippedMember(*each) for each in skipped]


def _reason_against_place(path: str, below: Mapping[str, str]) -> str:
    if is_hidden(below[path]):
        return HIDDEN
    with suppress(OSError):  # what isn't there is reported later
        if "://" not in path and not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 (quicker, of many)
            return "no regular file"
    return ""


def is_picture(source: Source) -> bool:
    return PICTURES.recognises(b"", source.name)


def _may_have_class(source: Source, classes: ClassTable) -> bool:
    return not is_picture(source) or find_place(dirname(source.name), classes)[0] is not None


def merge_spellings(sources: Iterable[Source]) -> tuple[list[Source], list[SkippedMember]]:
    """Give a file to which several paths lead one name, and read it only once for each input."""
    names: dict[str, str] = {}
    merged: dict[tuple[str, bool], Source] = {}
    skipped = []
    find_folder = cache(os.path.realpath)  # many files have few folders
    for source in sources:
        if os.path.islink(source.path):  # noqa: PTH114 (quicker than by a Path; a remote path is no link)
            file = os.path.realpath(source.path)
        else:
            folder, base = os.path.split(source.path)
            file = os.path.join(find_folder(folder), base)
        name = names.setdefault(file, source.name)
        if (file, source.is_unlabelled) in merged:
            skipped.append(SkippedMember(source.name, f"the same file as {name}"))
        else:
            merged[file, source.is_unlabelled] = source if name == source.name else source._replace(name=name)
    return list(merged.values()), skipped


def read_source(
    source: Source,
    stream: BinaryIO,
    limits: ReadingLimits,
    classes: ClassTable | None,
    open_file: Open = open_local,
) -> Iterator[Item | SkippedMember]:
    """Yield every row of an opened file, and the members of an archive that are skipped. Raises DataError.

    `classes` are those of the labelled sources; None: there are none. `open_file` opens the pictures that a table
    names.
    """
    classes = None if source.is_unlabelled else classes
    if is_picture(source):
        yield from PICTURES.read(stream, source.name, limits, classes)
        return
    for member in iter_members(stream, source.name, limits, classes):
        if isinstance(member, SkippedMember):
            yield member
        else:
            items = find_form(member.head, member.name).read(member.stream, member.name, limits, classes)
            items = _name_split(items, member.name, member.split or source.split)
            yield from read_named(items, *(member.beside or (source.folder, open_file)), limits.max_crop_px)


def _name_split(items: Iterator[Item], name: str, split: str) -> Iterator[Item]:
    """The same, with that split where they name none."""
    if not split:
        yield from items
        return
    yield Remark(name, f"rows of {split} by its name")
    for item in items:
        if isinstance(item, ParsedRow) and item.face.usage is None:
            yield replace(item, face=replace(item.face, usage=split))
        else:
            yield item


def look_into(sources: Iterable[Source], limits: ReadingLimits, classes: ClassTable | None) -> None:
    """Read each local file as far as its first row, so that one that can't be used is refused at once: DataError.

    Of pictures only the first is read: what is wrong with one is said of its row.
    """
    given = list(sources)
    pictures = list(filter(is_picture, given))
    for source in [*pictures[:1], *(each for each in given if not is_picture(each))]:
        try:
            with open_local(source.path) as stream:
                for item in read_source(source, stream, limits, classes):
                    if not isinstance(item, SkippedMember | Remark):
                        break
        except OSError as error:
            raise DataError(f"{source.path}: can't be read: {error.strerror}; fix its permissions") from None


def describe_sources(sources: Sequence[Source], limits: ReadingLimits, classes: ClassTable) -> list[str]:
    """Form and columns of local files, each description once with the number of files."""
    found = Counter("pictures in folders" for each in sources if is_picture(each))
    for source in (each for each in sources if not is_picture(each)):
        with open_local(source.path) as stream:
            members = iter_members(stream, source.name, limits, classes)
            member = next(each for each in members if not isinstance(each, SkippedMember))
            form = find_form(member.head, member.name)
            text = "pictures"
            if isinstance(form, PartedForm):
                text = form.tell(member.stream, member.name, limits, classes)
            found[text + (f", packed in {source.name}" if member.name != source.name else "")] += 1
    return [text if count == 1 else f"{count:,} files: {text}" for text, count in found.items()]


def cut_source(source: Source, stream: BinaryIO, limits: ReadingLimits) -> list[Bounds]:
    """The parts to read an opened file in; none if it has to be read as a whole: packed, small or of another form."""
    if not stream.seekable():
        return []
    head = stream.read(HEAD_BYTES)
    form = find_form(head, source.name)
    return form.cut(stream, head, limits) if not is_packed(head) and isinstance(form, PartedForm) else []


def count_part(source: Source, stream: BinaryIO, bounds: Bounds, limits: ReadingLimits) -> Counts:
    """Count the lines and rows of a part, in bounded memory."""
    return _find_parted(source, stream).count(stream, bounds, limits)


def place(counted: Iterable[tuple[Bounds, Counts]]) -> Iterator[Part]:
    """Sum up the counts of all parts of one file, in any order."""
    line, row = 1, 0
    for bounds, (line_count, row_count) in sorted(counted):
        yield Part(bounds, row_count, line, row)
        line += line_count
        row += row_count


def read_part(
    source: Source,
    stream: BinaryIO,
    part: Part,
    limits: ReadingLimits,
    classes: ClassTable | None,
    open_file: Open = open_local,
) -> Iterator[Item]:
    """Yield one part's rows, numbered as in the whole file; as `read_source`. Raises DataError."""
    classes = None if source.is_unlabelled else classes
    items = _find_parted(source, stream).read_part(stream, source.name, part, limits, classes)
    items = _name_split(items, source.name, source.split)
    return read_named(items, source.folder, open_file, limits.max_crop_px)


def _find_parted(source: Source, stream: BinaryIO) -> PartedForm:
    form = find_form(stream.read(HEAD_BYTES), source.name)
    stream.seek(0)
    if not isinstance(form, PartedForm):
        raise DataError(f"{source.name}: was changed while it was read: run again when it is complete")
    return form
