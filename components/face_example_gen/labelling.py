"""A row that was read -> a candidate with its class and split, by its label or its annotators' votes."""

import hashlib

from components.face_example_gen.settling import Candidate, split_by_digest
from configs.spec import DataConfig
from fer_tfx.contract import TRAIN_SPLIT, UNLABELLED_SPLIT
from fer_tfx.errors import DataError
from fer_tfx.reading.form import ParsedRow
from fer_tfx.reading.vote_file import VoteTable
from fer_tfx.reading.votes import interpret_columns, tally
from fer_tfx.reading.words import ClassTable


class Labelling:
    """What `data.targets` asks for."""

    def __init__(self, config: DataConfig, classes: ClassTable, votes: VoteTable | None) -> None:
        """`votes` are those beside the table; None: its rows bring them, or labels."""
        self._config, self._votes = config, votes
        self._meanings, self._class_count = interpret_columns(classes), len(classes.names)

    def label(self, item: ParsedRow, is_unlabelled: bool) -> Candidate | str:
        """The candidate, or why the row is left out. Raises DataError: the row has no votes."""
        face, digest = item.face, hashlib.sha256(item.face.pixels).digest()
        split = face.usage or (TRAIN_SPLIT if self._config.splits == "usage" else split_by_digest(digest, self._config))
        if is_unlabelled or (self._config.targets == "label" and face.class_index is None):
            return Candidate(digest, item.source, item.row, UNLABELLED_SPLIT, None, face.pixels)
        if self._config.targets == "label":
            return Candidate(digest, item.source, item.row, split, face.class_index, face.pixels)
        votes = self._votes.find(item) if self._votes else face.votes
        if not votes:
            raise DataError(f"{item.source}: has no votes: give a table with them, or data.votes_path that of a table")
        counted = tally(votes, self._meanings, self._class_count)
        has_target = self._config.targets == "votes"
        # The shares teach without a majority too, but such a row can judge no answer.
        is_of_use = not counted.doubt or (has_target and split == TRAIN_SPLIT)
        if counted.class_index is None or not is_of_use:
            return counted.doubt
        target = counted.shares if has_target else ()
        return Candidate(
            digest, item.source, item.row, split, counted.class_index, face.pixels, target, bool(counted.doubt)
        )
