"""Which pushed model is in service, and which ones a candidate is held to. The same rule for every runner.

`pipeline.history.acceptance` reads the pushes from ML Metadata, `components.published_baseline` from the record in a
bucket.
The rule for data needs no code here: they are accepted when the data gate's latest verdict let them through.

There are two references, one for accuracy, the *anchor*, and one for latency. Each moves only to a pushed model that
was no worse by it, measured side by side. What passes within the margin and the noise of a gate is pushed and becomes
neither, or a little would be lost at each push: see docs/protocol.md, "A bar that can't sink".
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fer_tfx.errors import ConfigError

NO_WORSE_PROPERTY, NO_SLOWER_PROPERTY, DIGEST_PROPERTY = "is_no_worse", "is_no_slower", "model_digest"
ACCEPTED_MS_PROPERTY, ACCEPT_REASON_PROPERTY = "accepted_ms", "accept_reason"
MODEL_KEY, LATENCY_MODEL_KEY, SERVICE_MODEL_KEY = "model", "latency_model", "service_model"


@dataclass(frozen=True)
class Push:
    """One model that was put into service."""

    version: int
    model: Any
    """What tells one model from another: the artifact's id, or the digest."""
    destination: str
    """Path or URI of the version's folder."""
    pushed_ms: int
    """Milliseconds since 1970."""
    is_rolled_back: bool
    """Whether this version, or another of an equal model, was taken out of service."""
    is_no_worse: bool = True
    """Whether it was right on at least as many eval rows as the anchor of its time, or there was none."""
    is_no_slower: bool = True
    """Whether it answered at least as fast as the latency reference of its time, or there was none."""
    accepted_ms: int = 0
    """When a person made it both references; 0: nobody did."""


def find_in_service(pushes: Iterable[Push], is_whole: Callable[[str], bool]) -> Push | None:
    """The model in service: the newest version that is not rolled back and whose folder is there and whole.

    Args:
        pushes: all there are.
        is_whole: says of a destination whether all its files are there.
    """
    newest_first = sorted(pushes, key=lambda push: push.version, reverse=True)
    return next((each for each in newest_first if not each.is_rolled_back and is_whole(each.destination)), None)


def choose_references(pushes: Sequence[Push], is_whole: Callable[[str], bool]) -> dict[str, Push | None]:
    """Anchor, latency reference and model in service, by the key of the artifact that holds each model."""
    return {
        MODEL_KEY: find_anchor(pushes),
        LATENCY_MODEL_KEY: find_latency_reference(pushes),
        SERVICE_MODEL_KEY: find_in_service(pushes, is_whole),
    }


def find_anchor(pushes: Iterable[Push]) -> Push | None:
    """The model that a candidate's accuracy is compared with; None: the candidate is the first."""
    return _find_latest(pushes, lambda push: push.is_no_worse)


def find_latency_reference(pushes: Iterable[Push]) -> Push | None:
    """The model that a candidate's latency is compared with; None: the candidate is the first."""
    return _find_latest(pushes, lambda push: push.is_no_slower)


def _find_latest(pushes: Iterable[Push], is_moved_to: Callable[[Push], bool]) -> Push | None:
    """What a reference moved to last: by a push, or by hand. A version that was rolled back is none."""
    moves: list[tuple[int, int, Push]] = []
    for push in pushes:
        if not push.is_rolled_back:
            if is_moved_to(push):
                moves.append((push.pushed_ms, push.version, push))
            if push.accepted_ms:
                moves.append((push.accepted_ms, push.version, push))
    return max(moves, key=lambda move: move[:2])[2] if moves else None


def require_acceptable(version: int, reason: str, is_rolled_back: Mapping[int, bool]) -> None:
    """Whether a person may make a version both references.

    Args:
        version: its number.
        reason: why, in words.
        is_rolled_back: by the number of each version that was pushed.

    Raises:
        ConfigError: no such version was pushed, it is rolled back, or no reason is given.
    """
    if not reason.strip():
        raise ConfigError("--reason: expected why this version is accepted, got nothing; it is kept with the version")
    if version not in is_rolled_back:
        known = ", ".join(map(str, sorted(is_rolled_back))) or "none"
        raise ConfigError(f"{version}: no such version was pushed, only {known}; give one of them")
    if is_rolled_back[version]:
        raise ConfigError(f"{version}: is rolled back; `fer-tfx rollback --to {version}` puts it into service first")
