"""What a cluster's runs have accepted: in the folder that all of them share, what ML Metadata holds on one machine.

<folder>/record.json             every push, and the statistics that the data gate accepted last; written last of all
<folder>/<version>/model/        the Model artifact as the Trainer gave it
<folder>/statistics/<digest>/    of the data that were accepted last

Roll-backs stand in the folder of the versions, where `fer_tfx.versions.versions` keeps them.
"""

import dataclasses
import json
import os
from dataclasses import dataclass

from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.acceptance import Push, require_acceptable
from components.bucket_versions import find_rolled_back

_RECORD, _BEFORE_ROLLBACKS = "record.json", "latest.json"


@dataclass(frozen=True)
class RecordedPush:
    """A push as the record has it."""

    version: str
    destination: str
    digest: str = ""
    """Of the model; empty: not known."""
    pushed_ms: int = 0
    is_no_worse: bool = True
    is_no_slower: bool = True
    accepted_ms: int = 0
    accept_reason: str = ""


@dataclass(frozen=True)
class AcceptanceRecord:
    """All that was accepted."""

    pushes: tuple[RecordedPush, ...] = ()
    """In the order in which they came."""
    statistics: str = ""
    """Folder of those of the data accepted last, below the shared one; empty: none were accepted yet."""
    splits: tuple[str, ...] = ()
    """Of the statistics."""

    def list_pushes(self) -> list[Push]:
        """As `components.acceptance` takes them."""
        gone = find_rolled_back({each.destination: each.digest for each in self.pushes})
        return [
            Push(
                version=int(each.version),
                model=each.version,
                destination=each.destination,
                pushed_ms=each.pushed_ms,
                is_rolled_back=each.destination in gone,
                is_no_worse=each.is_no_worse,
                is_no_slower=each.is_no_slower,
                accepted_ms=each.accepted_ms,
            )
            for each in self.pushes
        ]


def read_record(folder: str) -> AcceptanceRecord:
    """The record; an empty one before the first run."""
    if fileio.exists(os.path.join(folder, _RECORD)):
        plain = json.loads(io_utils.read_string_file(os.path.join(folder, _RECORD)))
        pushes = tuple(RecordedPush(**each) for each in plain["pushes"])
        return AcceptanceRecord(pushes, plain["statistics"], tuple(plain["splits"]))
    if fileio.exists(os.path.join(folder, _BEFORE_ROLLBACKS)):  # of releases that kept the last push alone
        last = json.loads(io_utils.read_string_file(os.path.join(folder, _BEFORE_ROLLBACKS)))
        push = RecordedPush(last["version"], last["destination"])
        return AcceptanceRecord((push,), f"{last['version']}/statistics", tuple(last["splits"]))
    return AcceptanceRecord()


def write_record(folder: str, record: AcceptanceRecord) -> None:
    """Write the record in one step."""
    path = os.path.join(folder, _RECORD)
    io_utils.write_string_file(f"{path}.partial", json.dumps(dataclasses.asdict(record), indent=1) + "\n")
    fileio.rename(f"{path}.partial", path, overwrite=True)


def locate_model(folder: str, version: str) -> str:
    """Where the copy of a pushed Model artifact lies."""
    return os.path.join(folder, version, "model")


def accept_version(folder: str, version: int, reason: str, now_ms: int) -> None:
    """Make a pushed version both references by hand, and keep why.

    Raises:
        ConfigError: no such version was pushed, it is rolled back, or no reason is given.
    """
    record = read_record(folder)
    pushes = {int(each.version): each for each in record.pushes}
    gone = find_rolled_back({each.destination: each.digest for each in record.pushes})
    require_acceptable(version, reason, {number: each.destination in gone for number, each in pushes.items()})
    accepted = dataclasses.replace(pushes[version], accepted_ms=now_ms, accept_reason=reason.strip())
    changed = tuple(accepted if each is pushes[version] else each for each in record.pushes)
    write_record(folder, dataclasses.replace(record, pushes=changed))
