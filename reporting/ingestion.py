"""The account of all input rows: read = emitted + dropped as repeats + left out + quarantined."""

import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from configs.library import class_names_of
from configs.spec import DataConfig
from fer_tfx.counted import counted

REPORT_FILE = "ingestion.json"
MAX_LISTED = 100  # files, or members of archives, that a stored report names; the others are added up
Outcome = tuple[str, ...]  # words, of which the first names the account

READ = "read"  # (READ, file)
EMITTED = "emitted"  # (EMITTED, split, class name or "")
DROPPED = "dropped"  # (DROPPED, reason)
QUARANTINED = "quarantined"  # (QUARANTINED, reason)
LEFT_OUT = "left out"  # (LEFT_OUT, label)
KEPT_TWIN = "kept twin"  # (KEPT_TWIN, split): a training row that stays although its picture is also in that split
CONFLICT = "conflict"  # (CONFLICT,): a picture that has several labels


@dataclass(frozen=True)
class IngestionReport:
    """How many rows were read and what became of each; values are numbers of rows unless noted."""

    read: dict[str, int]  # by file, or member of an archive; when stored, those after `MAX_LISTED` are one entry
    emitted: dict[str, dict[str, int]]  # by split, then by class name; the unlabelled split has the class name ""
    dropped: dict[str, int]  # repeats, by reason
    quarantined: dict[str, int]  # by reason
    left_out: dict[str, int] = field(default_factory=dict)  # by the settings, by label
    conflicting_pictures: int = 0  # different pictures that have more than one label
    skipped_files: dict[str, str] = field(default_factory=dict)  # reason by file; when stored, the first `MAX_LISTED`
    unlisted_files: int = 0  # skipped beyond these
    kept_twins: dict[str, int] = field(default_factory=dict)  # training rows whose picture is also in this split
    labels: str = ""  # what figures judge by; empty: the rows' own labels
    remarks: list[str] = field(default_factory=list)  # how files were read and split; when stored, `MAX_LISTED`
    # Names by class index; the reports of earlier versions were all of these.
    classes: list[str] = field(default_factory=lambda: [*class_names_of(DataConfig())])

    @property
    def rows_read(self) -> int:
        return sum(self.read.values())

    @property
    def rows_emitted(self) -> int:
        return sum(map(self.split_size, self.emitted))

    @property
    def rows_dropped(self) -> int:
        return sum(self.dropped.values())

    @property
    def rows_quarantined(self) -> int:
        return sum(self.quarantined.values())

    @property
    def rows_left_out(self) -> int:
        return sum(self.left_out.values())

    @property
    def quarantined_fraction(self) -> float:
        return self.rows_quarantined / self.rows_read if self.rows_read else 0.0

    def split_size(self, split: str) -> int:
        """Rows emitted to `split`; 0 if there is no such split."""
        return sum(self.emitted.get(split, {}).values())

    def check_balance(self) -> None:
        """Raise RuntimeError unless every row that was read is accounted for."""
        accounted = self.rows_emitted + self.rows_dropped + self.rows_left_out + self.rows_quarantined
        if accounted != self.rows_read:
            raise RuntimeError(
                f"{self.rows_read} rows were read, but {self.rows_emitted} emitted + {self.rows_dropped} dropped"
                f" + {self.rows_left_out} left out + {self.rows_quarantined} quarantined make {accounted}: a row was"
                " lost or counted twice"
            )

    def to_json(self) -> str:
        """The report as page and card read it, with at most `MAX_LISTED` files named for each account."""
        files, skipped = sorted(self.read.items()), sorted(self.skipped_files.items())
        read, others = dict(files[:MAX_LISTED]), [count for _, count in files[MAX_LISTED:]]
        if others:
            read[counted(len(others), "further file")] = sum(others)
        unlisted_files = self.unlisted_files + len(skipped[MAX_LISTED:])
        stored = dataclasses.replace(
            self,
            read=read,
            skipped_files=dict(skipped[:MAX_LISTED]),
            unlisted_files=unlisted_files,
            remarks=sorted(self.remarks)[:MAX_LISTED],
        )
        return json.dumps(dataclasses.asdict(stored), indent=2, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "IngestionReport":
        return cls(**json.loads(text))

    @classmethod
    def from_outcomes(cls, counts: Iterable[tuple[Outcome, int]], skipped_files: dict[str, str]) -> "IngestionReport":
        """Sort the counted outcomes into their accounts."""
        accounts: dict[str, dict[str, int]] = {READ: {}, DROPPED: {}, QUARANTINED: {}, LEFT_OUT: {}, KEPT_TWIN: {}}
        emitted: dict[str, dict[str, int]] = defaultdict(dict)
        conflicts = 0
        for (account, *words), count in counts:
            if account == EMITTED:
                emitted[words[0]][words[1]] = count
            elif account == CONFLICT:
                conflicts = count
            else:
                accounts[account][words[0]] = count
        read, dropped, quarantined, left_out, kept_twins = accounts.values()
        return cls(read, dict(emitted), dropped, quarantined, left_out, conflicts, skipped_files, kept_twins=kept_twins)
