"""The rules of a folder of versions that a server polls: push, roll back, forget, none of it ever half done.

    <folder>/1764000000/           a version; the largest number is served
    <folder>/rolled_back/<number>/ one that was taken out of service, and can come back
    <folder>/roll_backs.json       which were, and the digests of their models
    <folder>/models.config         for `--model_config_file`: the label `stable`

What a server does decides the order of every change [tensorflow/serving: server_core.cc, UpdateModelVersionLabelMap;
availability_preserving_policy.cc]:

- It loads the newest `num_versions` folders with numbers for names, and unloads any other as soon as one of them is
  loaded, whether or not a label names that other: then the label answers 404.
- It takes a new `models.config` only if each version that a label moves to is loaded; otherwise it keeps all the
  former labels.

So a label moves before its version goes. A push adds the version and then names it; until it is loaded the server
stays with the former one, which is still among the `LOADED_COUNT` newest. A roll-back names its target, waits until
every server has read that, and only then moves the newer versions away. `stable` is the only label: a second one,
moved to a version that this server can't load, would hold `stable` back as well.
"""

import dataclasses
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from fer_tfx.errors import ConfigError, DataError, GateError
from fer_tfx.versions.model_digest import GRAPH_FILE, compute_digest

STABLE, PREVIOUS, ROLLED_BACK, KEPT = "stable", "previous", "rolled back", "kept"
CONFIG_FILE = "models.config"
LOADED_COUNT = 3
"""Versions that a server has loaded: the one in service, the one to go back to, and the one served meanwhile."""
ASIDE = "rolled_back"
_INDEX_FILE, _DATA_FILES = "variables/variables.index", "variables/variables.data-"
# Unlike the folder `rolled_back`: TensorFlow's file system in memory lists by the beginning of a name.
RECORD_FILE = "roll_backs.json"
_YEAR_10000_S = 253_402_300_800  # beyond what dates can tell


class RolledBackError(GateError):
    """The model equals one that was rolled back, so it isn't pushed."""


@dataclass(frozen=True)
class ServedModel:
    """What a server calls the model, where it finds the folder, and how soon it sees what has changed there."""

    name: str
    base_path: str
    settle_s: float = 0.0  # until every server has read `models.config` again, or loaded a version; 0: wait for none


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
    """What `roll_backs.json` says, so that no model comes back by accident; it outlives the folders."""

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
            remedy = "bring it back from a copy, or remove it and roll back anew what must not return"
            raise DataError(f"{place}: is damaged: {error}; {remedy}") from None


@dataclass(frozen=True)
class Versions(ABC):
    """The rules, whatever stores the versions. The next command completes one that was killed between two steps."""

    path: str | Path  # or URI of the folder, which need not exist yet
    model: ServedModel
    sleep: Callable[[float], None] = time.sleep  # waits for the servers
    clock: Callable[[], float] = time.time  # seconds since 1970

    def list_served(self) -> list[int]:
        """Complete versions, oldest first; the last one is served."""
        in_place, gone = self._list_whole(""), self.read_record().versions
        return [each for each in in_place if each not in gone]

    def list_rolled_back(self) -> list[int]:
        """Versions that were taken out of service and can come back, oldest first."""
        in_place = set(self._list_whole(""))
        return sorted((in_place & set(self.read_record().versions)) | (set(self._list_whole(ASIDE)) - in_place))

    def list_forgotten(self) -> list[int]:
        """Versions that were taken out of service and removed, oldest first: only their digests are known."""
        return sorted(set(self.read_record().versions) - set(self.list_rolled_back()))

    def read_roll_backs(self) -> Record:
        """All versions that were taken out of service, also by a release that kept no record, with their digests."""
        record = self.read_record()
        unknown = sorted(set(self._list_numbers(ASIDE)) - set(record.versions))
        if unknown:  # or there is no need to look into folders, which in a bucket takes its time
            unknown = [each for each in self.list_rolled_back() if each in unknown]
        return record.add([RolledBack(each, self._digest_of(f"{ASIDE}/{each}")) for each in unknown])

    def describe_states(self) -> dict[int, str]:
        """What each version that is there stands for: `stable`, `previous`, `kept` or `rolled back`."""
        served = self.list_served()
        newest = dict(zip(reversed(served), (STABLE, PREVIOUS), strict=False))
        return dict.fromkeys(self.list_rolled_back(), ROLLED_BACK) | dict.fromkeys(served, KEPT) | newest

    def find_refusal(self, source: str) -> str:
        """Why the SavedModel in a folder, path or URI, must not be pushed, in one sentence; empty: it may."""
        with self._explained():
            return self._refuse(compute_digest(self._read_files(source)))

    def push(self, source: str, now_s: float) -> int:
        """Put the SavedModel in a folder, path or URI, into service: its version.

        This is the time in seconds since 1970, or one more than the newest there is. An equal model in service is not
        pushed again. Raises RolledBackError if an equal one was taken out of service, DataError; no partial copy stays.
        """
        with self._explained():
            self._settle()
            digest = compute_digest(self._read_files(source))
            if refusal := self._refuse(digest):
                raise RolledBackError(f"{self.path}: {refusal}")
            if self._is_in_service(digest):
                version = self.list_served()[-1]
            else:
                known = [*self._list_numbers(""), *self._list_numbers(ASIDE), *self.read_record().versions]
                version = max([int(now_s), *(each + 1 for each in known)])
                self._add(source, version)
            self._write_config()
        return version

    def _refuse(self, digest: str) -> str:
        record = self.read_roll_backs()
        found = next((each for each in reversed(record.versions.values()) if each.digest == digest), None)
        if not found or self._is_in_service(digest):
            return ""
        if not found.was_refused:
            self._write_record(record.note_refusal(found.version))
        return found.explain_refusal()

    def _is_in_service(self, digest: str) -> bool:
        """Whether it is that of the newest version in service."""
        return any(self._digest_of(str(each)) == digest for each in self.list_served()[-1:])

    def roll_back(self, to: int | None = None) -> int:
        """Serve an earlier version, or one that was rolled back before: the version now served.

        None is the target of a roll-back that was killed, else the version before the newest whose model was not rolled
        back under another number. A forgotten version can't be served; its record is removed, so that an equal model
        may be pushed. Raises ConfigError if there is no such version, DataError if it is damaged or the folder can't be
        written to; nothing has changed then.
        """
        with self._explained():
            served, record = self.list_served(), self.read_roll_backs()
            target = self._choose(to, served)
            if target in self.list_forgotten():
                self._write_record(record.remove(target))
                return served[-1] if served else target
            folder = str(target) if target in self._list_whole("") else f"{ASIDE}/{target}"
            doomed = [each for each in served if each > target]
            digest = self._digest_whole(folder, record.versions.get(target))
            self._require_writable([folder, *map(str, doomed)])
            taken = [RolledBack(each, self._digest_of(str(each)), int(self.clock())) for each in doomed]
            if served:
                self._write_config(stable=served[-1])  # if this fails, nothing has been moved yet
            if folder != str(target):
                self._write_record(record)  # first: its folder alone would put it back into service
                self._move(folder, str(target))
            if doomed and target not in served[-LOADED_COUNT:]:
                self._write_config(stable=served[-1], oldest=target)
                self.sleep(self.model.settle_s)
            self._write_record(record.remove(target).add(taken))
            self._settle()
            self._lift(digest)
        return target

    def _lift(self, digest: str) -> None:
        """A model that is served again is no longer rolled back under the numbers of its other pushes."""
        record = self.read_record()
        for version in [number for number, each in record.versions.items() if each.digest == digest]:
            if version in self._list_whole(ASIDE):
                self._remove(f"{ASIDE}/{version}")
            record = record.remove(version)
            self._write_record(record)

    def _choose(self, to: int | None, served: list[int]) -> int:
        if to is not None:
            known = sorted([*served, *self.list_rolled_back()])
            if to not in [*known, *self.list_forgotten()]:
                only = ", ".join(map(str, known)) or "none"
                raise ConfigError(f"{self.path}: has no version {to}, only {only}; give one of them with --to")
            return to
        if served and self._list_pending():
            return served[-1]
        gone = self.read_roll_backs().digests
        for version in reversed(served[:-1]):
            if self._digest_of(str(version)) not in gone:
                return version
        found = f"only version {served[0]} in it" if len(served) == 1 else "no other model in service"
        found = f"{found if served else 'no version in it'}, nothing to go back to"
        raise ConfigError(f"{self.path}: {found}; `fer-tfx versions` lists all there are")

    def _digest_whole(self, folder: str, known: RolledBack | None) -> str:
        """The digest of a version that has all its files, as they were when it was rolled back. Raises DataError."""
        place = self._locate(folder)
        files = list(self._read_files(place))
        digest, missing = compute_digest(files), find_missing({name: len(content) for name, content in files})
        if not missing and (known is None or known.digest == digest):
            return digest
        found = f"has no {missing}, or an empty one" if missing else "has changed since it was rolled back"
        raise DataError(f"{place}: {found}; name another version with --to, `fer-tfx versions` lists them")

    def forget(self, keep: int) -> list[int]:
        """Remove all but the `keep` newest of the served, and of the rolled back versions; the removed ones.

        LOADED_COUNT versions stay in service in any case. Raises DataError.
        """
        with self._explained():
            served, aside = self.list_served(), self.list_rolled_back()
            doomed, doomed_aside = served[: -max(keep, LOADED_COUNT)], aside[:-keep]
            self._write_record(self.read_roll_backs())
            for name in [*map(str, doomed), *(f"{ASIDE}/{version}" for version in doomed_aside)]:
                self._remove(name)
            if doomed:
                self._write_config()
        return [*doomed, *doomed_aside]

    def _settle(self) -> None:
        """Complete what a killed command began: move away each version that the record calls rolled back."""
        self._clean_up()
        self._write_record(self.read_roll_backs())
        pending = self._list_pending()
        if pending and self.list_served():  # else they are all there is, and the next push takes their place
            self._write_config()
            self.sleep(self.model.settle_s)
            # The newest last: who serves the newest goes to the target in one step.
            for version in pending:
                self._move(str(version), f"{ASIDE}/{version}")
        for version in set(self._list_numbers(ASIDE)) & set(self._list_whole("")):
            self._remove(f"{ASIDE}/{version}")  # a bucket's copy of what was brought back
        if served := self.list_served():
            self._write_config(stable=served[-1])

    def _list_pending(self) -> list[int]:
        """Versions in place that a roll-back has not yet moved, oldest first."""
        gone = self.read_record().versions
        return [each for each in self._list_numbers("") if each in gone]

    def _write_config(self, *, stable: int | None = None, oldest: int | None = None) -> None:
        """Write `models.config` for the version that is served (default: the newest) and the oldest to be loaded."""
        stable = self.list_served()[-1] if stable is None else stable
        oldest = stable if oldest is None else min(stable, oldest)
        loaded = sum(each >= oldest for each in self._list_numbers(""))
        self._write_text(CONFIG_FILE, format_config(self.model, stable, max(loaded, LOADED_COUNT)))

    def read_record(self) -> Record:
        """What `roll_backs.json` says. Raises DataError."""
        return Record.from_json(self._read_text(RECORD_FILE), self._locate(RECORD_FILE))

    def _write_record(self, record: Record) -> None:
        if record != self.read_record():
            self._write_text(RECORD_FILE, record.to_json())

    def _digest_of(self, name: str) -> str:
        return compute_digest(self._read_files(self._locate(name)))

    def _list_whole(self, folder: str) -> list[int]:
        prefix = f"{folder}/" if folder else ""
        return [each for each in self._list_numbers(folder) if self._exists(f"{prefix}{each}/{GRAPH_FILE}")]

    @abstractmethod
    def _explained(self) -> AbstractContextManager[None]:
        """Raise DataError in place of what the storage raises."""

    @abstractmethod
    def _locate(self, name: str) -> str:
        """Path or URI of what has a name in the folder."""

    @abstractmethod
    def _list_numbers(self, folder: str) -> list[int]:
        """Numbers that are names in the folder, or in one below it, sorted. Raises DataError: it can't be read."""

    @abstractmethod
    def _exists(self, name: str) -> bool:
        """Whether there is a file of that name in the folder. Raises DataError: that can't be read."""

    @abstractmethod
    def _read_files(self, model: str) -> Iterable[tuple[str, bytes]]:
        """Names, with `/`, and contents of all files below any folder, path or URI."""

    @abstractmethod
    def _require_writable(self, names: list[str]) -> None:
        """Raise DataError if it can be told beforehand that these folders can't be moved."""

    @abstractmethod
    def _clean_up(self) -> None:
        """Remove what killed pushes have left behind."""

    @abstractmethod
    def _read_text(self, name: str) -> str:
        """Text of a file in the folder; empty: it isn't there. Raises DataError."""

    @abstractmethod
    def _write_text(self, name: str, text: str) -> None:
        """Write a file in the folder, in one step."""

    @abstractmethod
    def _add(self, source: str, version: int) -> None:
        """Copy a model into place so that no server takes half of it; leave nothing behind if that fails."""

    @abstractmethod
    def _move(self, name: str, to: str) -> None:
        """Move a version's folder; again, if a move of it was killed."""

    @abstractmethod
    def _remove(self, name: str) -> None:
        """Remove a version's folder; half removed it is no version any more."""


def format_config(model: ServedModel, stable: int, loaded_count: int = LOADED_COUNT) -> str:
    """Text of a ModelServerConfig that labels one version as `stable` and has the newest ones loaded.

    Versions named one by one would never be loaded: ServerCore::ReloadConfig refuses labels of unloaded ones first.
    """
    return f"""# Written by fer-tfx at each push and roll-back.
model_config_list {{
  config {{
    name: "{model.name}"
    base_path: "{model.base_path}"
    model_platform: "tensorflow"
    model_version_policy {{ latest {{ num_versions: {loaded_count} }} }}
    version_labels {{ key: "{STABLE}" value: {stable} }}
  }}
}}
"""


def find_missing(sizes: Mapping[str, int]) -> str:
    """Which file a SavedModel lacks or has empty, by the sizes of its files in bytes; empty: none."""
    for name in (GRAPH_FILE, _INDEX_FILE):
        if not sizes.get(name):
            return name
    data = [size for name, size in sizes.items() if name.startswith(_DATA_FILES)]
    return "" if data and all(data) else f"{_DATA_FILES}*"
