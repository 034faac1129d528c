"""Which pushed model is in service, and which ones a candidate is compared with: the same rule for every runner.

There are two references, one for accuracy, the *anchor*, and one for latency. Each moves only to a pushed model that
was no worse by it, measured side by side, or a little would be lost with each push: see docs/protocol.md, "A bar that
can't sink". Data is accepted when the data gate's latest verdict let it through.

`pipeline.history.acceptance` reads the pushes from ML Metadata. Runs on a cluster keep a record in a shared folder:

<folder>/record.json             every push, and the statistics that the data gate accepted last; written last of all
<folder>/<version>/model/        the Model artifact as the Trainer gave it
<folder>/statistics/<digest>/    of the data that was accepted last
"""

import dataclasses
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.bucket_versions import find_rolled_back
from components.remote_files import replace_file
from configs.library import class_names_of
from configs.spec import DataConfig
from fer_tfx.errors import ConfigError

NO_WORSE_PROPERTY, NO_SLOWER_PROPERTY, DIGEST_PROPERTY = "is_no_worse", "is_no_slower", "model_digest"
ACCEPTED_MS_PROPERTY, ACCEPT_REASON_PROPERTY = "accepted_ms", "accept_reason"
_RECORD, _BEFORE_ROLLBACKS = "record.json", "latest.json"
MODEL_KEY, LATENCY_MODEL_KEY, SERVICE_MODEL_KEY = "model", "latency_model", "service_model"


@dataclass(frozen=True)
class Push:
    """One model that was put into service."""

    version: int
    destination: str  # path or URI of the version's folder
    model: int = 0  # id of the model's artifact in ML Metadata
    digest: str = ""  # of the model; empty: unknown
    pushed_ms: int = 0  # milliseconds since 1970
    is_no_worse: bool = True  # right on at least as many eval rows as the anchor of its time, or there was none
    is_no_slower: bool = True  # answered at least as fast as the latency reference of its time, or there was none
    accepted_ms: int = 0  # when a person made it both references; 0: never
    accept_reason: str = ""
    is_comparable: bool = True  # whether its classes are those of the candidate
    is_rolled_back: bool = False  # whether this version, or another of an equal model, was taken out of service


def find_in_service(pushes: Iterable[Push], is_whole: Callable[[str], bool]) -> Push | None:
    """The model in service: the newest version that is not rolled back and, by `is_whole` of its folder, complete."""
    newest_first = sorted(pushes, key=lambda push: push.version, reverse=True)
    return next((each for each in newest_first if not each.is_rolled_back and is_whole(each.destination)), None)


def choose_references(pushes: Sequence[Push], is_whole: Callable[[str], bool]) -> dict[str, Push | None]:
    """Anchor, latency reference and model in service, by the key of the artifact that holds each; None: none yet.

    A model of other classes is none of them.
    """
    comparable, in_service = [each for each in pushes if each.is_comparable], find_in_service(pushes, is_whole)
    return {
        MODEL_KEY: _find_latest(comparable, lambda push: push.is_no_worse),
        LATENCY_MODEL_KEY: _find_latest(comparable, lambda push: push.is_no_slower),
        SERVICE_MODEL_KEY: in_service if in_service in comparable else None,
    }


def _find_latest(pushes: Iterable[Push], is_moved_to: Callable[[Push], bool]) -> Push | None:
    """What a reference moved to last, by a push or by hand; never a version that was rolled back."""
    moved_ms, latest_ms = {}, 0
    for each in sorted(pushes, key=lambda push: push.version):
        latest_ms = max(latest_ms + 1, each.pushed_ms)  # in the order of their numbers, whatever a clock has said
        if not each.is_rolled_back and (is_moved_to(each) or each.accepted_ms):
            moved_ms[each] = max(latest_ms if is_moved_to(each) else 0, each.accepted_ms)
    return max(moved_ms, key=lambda push: (moved_ms[push], push.version), default=None)


def find_next_ms(known_ms: Sequence[int], now_ms: int) -> int:
    """Now, or later than all pushes and acceptances that are known, if a clock was ahead."""
    return max(now_ms, max(known_ms, default=0) + len(known_ms))


def require_acceptable(version: int, reason: str, is_rolled_back: Mapping[int, bool]) -> None:
    """Raise ConfigError unless a person may make a version both references; `is_rolled_back` has all pushed ones."""
    if not reason.strip():
        raise ConfigError("--reason: expected why this version is accepted, got nothing; it is kept with the version")
    try:
        reason.encode()
    except UnicodeEncodeError:
        raise ConfigError("--reason: expected text in UTF-8, got other bytes; write it anew") from None
    if version not in is_rolled_back:
        known = ", ".join(map(str, sorted(is_rolled_back))) or "none"
        raise ConfigError(f"{version}: no such version was pushed, only {known}; give one of them")
    if is_rolled_back[version]:
        raise ConfigError(f"{version}: is rolled back; `fer-tfx rollback --to {version}` puts it into service first")


def require_model(version: int, uri: str) -> None:
    """Raise ConfigError if the model of a version is gone, with which new ones would be compared."""
    if not fileio.exists(uri):
        raise ConfigError(f"{version}: its model, {uri}, is gone, so nothing can be compared with it; accept another")


@dataclass(frozen=True)
class Record:
    """What the runs of a cluster have accepted."""

    pushes: tuple[Push, ...] = ()  # oldest first; whether one was rolled back is not recorded here
    statistics: str = ""  # folder of those of the data accepted last, below the shared one; empty: none yet
    splits: tuple[str, ...] = ()  # of the statistics
    classes: tuple[str, ...] = class_names_of(DataConfig())  # likewise; earlier versions recorded none

    def list_pushes(self) -> list[Push]:
        """The pushes, with what was rolled back by now."""
        gone = find_rolled_back({each.destination: each.digest for each in self.pushes})
        return [dataclasses.replace(each, is_rolled_back=each.destination in gone) for each in self.pushes]

    def to_json(self) -> str:
        plain = dataclasses.asdict(self)
        for push in plain["pushes"]:
            del push["model"], push["is_rolled_back"], push["is_comparable"]
            push["version"] = str(push["version"])
        return json.dumps(plain, indent=1, sort_keys=True) + "\n"


def read_record(folder: str) -> Record:
    """The record; an empty one before the first run."""
    if fileio.exists(os.path.join(folder, _RECORD)):
        plain = json.loads(io_utils.read_string_file(os.path.join(folder, _RECORD)))
        pushes = tuple(Push(**{**each, "version": int(each["version"])}) for each in plain["pushes"])
        classes = tuple(plain.get("classes", Record.classes))
        return Record(pushes, plain["statistics"], tuple(plain["splits"]), classes)
    if fileio.exists(os.path.join(folder, _BEFORE_ROLLBACKS)):  # of releases that kept only the last push
        last = json.loads(io_utils.read_string_file(os.path.join(folder, _BEFORE_ROLLBACKS)))
        push = Push(int(last["version"]), last["destination"])
        return Record((push,), f"{last['version']}/statistics", tuple(last["splits"]))
    return Record()


def write_record(folder: str, record: Record) -> None:
    replace_file(os.path.join(folder, _RECORD), record.to_json())


def locate_model(folder: str, push: Push) -> str:
    """Where the copy of a pushed Model artifact is."""
    return os.path.join(folder, str(push.version), "model")


def accept_version(folder: str, version: int, reason: str, now_ms: int) -> None:
    """Make a recorded version both references by hand, and keep the reason; raises as `require_acceptable`."""
    record = read_record(folder)
    require_acceptable(version, reason, {each.version: each.is_rolled_back for each in record.list_pushes()})
    require_model(version, next(locate_model(folder, each) for each in record.pushes if each.version == version))
    now_ms = find_next_ms([max(each.pushed_ms, each.accepted_ms) for each in record.pushes], now_ms)
    changed = tuple(
        dataclasses.replace(each, accepted_ms=now_ms, accept_reason=reason.strip()) if each.version == version else each
        for each in record.pushes
    )
    write_record(folder, dataclasses.replace(record, pushes=changed))
