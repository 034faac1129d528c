"""Which files a run reads, and the rows in one of them."""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from components.face_example_gen.archives import ArchiveLimits, iter_members
from components.face_example_gen.choice import (
    LABELLED_FIRST,
    UNLABELLED_FIRST,
    Choice,
    SkippedMember,
    choose_members,
)
from components.face_example_gen.csv_rows import ParsedRow, RejectedRow, iter_rows
from configs.spec import DataConfig


class Source(NamedTuple):
    """One file to read."""

    path: str
    name: str
    """What it is called in messages and examples: the path below the input's base folder."""
    is_unlabelled: bool
    """Whether it was given as data to predict; a label in it is then passed over, never trained on."""


def choose_sources(paths: list[str], base: str, is_unlabelled: bool) -> tuple[list[Source], list[SkippedMember]]:
    """Choose among the files of one input: one that stands alone is read whatever its name."""
    sources = {path.removeprefix(base).lstrip("/"): path for path in sorted(paths)}
    choice = choose_members(list(sources), _preference(is_unlabelled))
    if len(sources) == 1:
        choice = Choice(chosen=tuple(sources), skipped=())
    return [Source(sources[name], name, is_unlabelled) for name in choice.chosen], list(choice.skipped)


def read_source(
    source: Source, stream: BinaryIO, config: DataConfig
) -> Iterator[ParsedRow | RejectedRow | SkippedMember]:
    """Yield every row of an opened file, and the members of an archive that are passed over.

    Raises:
        DataError: the file, or its header, can't be read.
    """
    limits = ArchiveLimits.from_config(config)
    for member in iter_members(stream, source.name, limits, _preference(source.is_unlabelled)):
        if isinstance(member, SkippedMember):
            yield member
        else:
            yield from iter_rows(member.stream, member.name, config)


def _preference(is_unlabelled: bool) -> tuple[str, ...]:
    return UNLABELLED_FIRST if is_unlabelled else LABELLED_FIRST
