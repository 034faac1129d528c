"""Which models were taken out of service: `roll_backs.json` beside the versions, so that none comes back by accident.

It outlives the folders: a version that was forgotten is still known by the digest of its model.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from datetime import datetime, timezone

from fer_tfx.errors import DataError

# Unlike the folder `rolled_back`: TensorFlow's file system in memory lists by the beginning of a name.
RECORD_FILE = "roll_backs.json"
_YEAR_10000_S = 253_402_300_800  # beyond what dates can tell


@dataclass(frozen=True)
class RolledBack:
    """A version that was taken out of service."""

    version: int
    digest: str  # of `fer_tfx.versions.model_digest`
    time_s: int | None = None  # when, in seconds since 1970; None: before there were records
    was_refused: bool = False  # whether a push of the same model has been refused since

    def explain_refusal(self) -> str:
        """Why an equal model isn't pushed, and what to do about it."""
        when = f" on {datetime.fromtimestamp(self.time_s, timezone.utc):%Y-%m-%d %H:%M:%S} UTC" if self.time_s else ""
        return (
            f"the model equals version {self.version}, which was rolled back{when};"
            f" `fer-tfx rollback --to {self.version}` brings it back"
        )


@dataclass(frozen=True)
class Record:
    """What the file says."""

    versions: dict[int, RolledBack] = field(default_factory=dict)  # by number, oldest first
    lifted: int = 0  # how many were brought back after a push was refused for them: cached refusals are out of date

    @property
    def digests(self) -> set[str]:
        return {each.digest for each in self.versions.values()}

    def add(self, versions: list[RolledBack]) -> "Record":
        """With further versions; those known already stay as they are."""
        known = {each.version: each for each in versions} | self.versions
        return Record(dict(sorted(known.items())), self.lifted)

    def remove(self, version: int) -> "Record":
        """Without a version that is brought back."""
        kept = dict(self.versions)
        found = kept.pop(version, None)
        return Record(kept, self.lifted + (found is not None and found.was_refused))

    def note_refusal(self, version: int) -> "Record":
        noted = dataclasses.replace(self.versions[version], was_refused=True)
        return Record(self.versions | {version: noted}, self.lifted)

    def to_json(self) -> str:
        versions = [dataclasses.asdict(each) for each in self.versions.values()]
        return json.dumps({"versions": versions, "lifted": self.lifted}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, place: str) -> "Record":
        """Parse what `to_json` wrote; empty: no record. Raises DataError, which names the `place`, if it is damaged."""
        try:
            fields = json.loads(text) if text else {}
            versions = [RolledBack(**each) for each in fields.get("versions", ())]
            if not all(type(each.version) is int and isinstance(each.digest, str) for each in versions):
                raise TypeError("a version is no whole number, or a digest no text")
            if not all(each.time_s is None or 0 <= int(each.time_s) < _YEAR_10000_S for each in versions):
                raise ValueError("a time is none of seconds since 1970")
            return cls({each.version: each for each in versions}, int(fields.get("lifted", 0)))
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(
                f"{place}: is damaged: {error}; bring it back from a copy, or remove it and roll back anew what must"
                " not return"
            ) from None
