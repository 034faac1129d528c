"""A pipeline in a bucket: data, artifacts, checkpoints and versions in `gs://`, by TensorFlow's and Beam's own clients.

The tests of this file build on one another, in this order.
"""

import random
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from bucket import KEPT, ROOT, SERVING, Bucket
from loopback import locate

from fer_tfx.versions.versions import find_missing
from pipeline.history import open_store, read_latest_run


def find_faults(bucket: Bucket, before: dict[int, dict[str, int]]) -> Iterator[str]:
    """What is wrong in the bucket after a fault; `before` holds the versions before it."""
    now = bucket.versions()
    files = set(next(iter(before.values())))
    for number, sizes in now.items():
        if missing := find_missing(sizes) or ", ".join(sorted(files - set(sizes))):
            yield f"version {number} has no {missing}"
    changed = [number for number, sizes in before.items() if now.get(number, sizes) != sizes]
    yield from (f"version {number} has changed" for number in changed)
    if bucket.stable() not in now:
        yield f"models.config names {bucket.stable()}, which isn't there"


@pytest.fixture(scope="module")
def first(bucket: Bucket) -> dict[str, Any]:
    return bucket.run_whole(seed=1)


@pytest.fixture(scope="module")
def second(bucket: Bucket, first: dict[str, Any]) -> dict[str, Any]:
    del first
    return bucket.run_whole(seed=2)


def test_run_in_a_bucket_pushes_a_whole_version(bucket: Bucket, first: dict[str, Any]) -> None:
    assert (first["is_pushed"], first["refusals"], first["has_baseline"]) == (True, [], False)
    assert [each for each in first["uris"] if not each.startswith(locate(f"{ROOT}/fer/artifacts/"))] == []
    ((number, files),) = bucket.versions().items()
    assert first["model"] == locate(f"{SERVING}{number}")
    assert find_missing(files) == ""
    assert bucket.stable() == number
    assert any(bucket.tell(objects=f"{ROOT}/fer/checkpoints/").values()), "nothing but markers of folders"


def test_second_run_in_a_bucket_is_compared_with_the_first(second: dict[str, Any]) -> None:
    assert (second["is_pushed"], second["has_baseline"]) == (True, True)
    assert "FerExampleGen" not in second["worked"]
    assert "Trainer" in second["worked"]


def test_rolled_back_version_leaves_the_service_and_comes_back(bucket: Bucket, second: dict[str, Any]) -> None:
    older, newer = bucket.versions()
    assert second["model"].endswith(str(newer))
    bucket.fer_tfx("rollback")
    assert list(bucket.versions()) == [older]
    assert bucket.stable() == older
    assert bucket.run_whole(seed=2)["refusals"] == [], "a cached push isn't repeated"
    assert list(bucket.versions()) == [older]
    bucket.fer_tfx("rollback", "--to", str(newer))
    assert list(bucket.versions()) == [older, newer]
    assert bucket.stable() == newer


def test_run_with_refusals_and_cut_connections_pushes_a_whole_version(bucket: Bucket, first: dict[str, Any]) -> None:
    del first
    before = bucket.versions()
    bucket.tell(faults={"refused": 0.03, "cut": 3, "unanswered": 3})
    try:
        outcome = bucket.run_whole(seed=3)
    finally:
        counts = bucket.tell(faults={})
    assert outcome["is_pushed"]
    assert outcome["model"] == locate(f"{SERVING}{bucket.stable()}")
    assert bucket.stable() not in before
    assert (counts["cut"], counts["unanswered"]) == (3, 3)
    assert counts["refused"] > 5
    assert list(find_faults(bucket, before)) == []


@pytest.mark.parametrize(("node", "seed"), [("Trainer", 4), ("Pusher", 5)])
def test_run_killed_ten_times_in_a_node_leaves_nothing_half_in_service_and_goes_on(
    bucket: Bucket, second: dict[str, Any], node: str, seed: int
) -> None:
    chance, lost = random.Random(seed), []
    before = bucket.versions()
    for _ in range(10):
        after_s = chance.uniform(0, second["seconds"][node])
        done = bucket.run(seed, node, after_s)
        if done.returncode != -signal.SIGKILL:
            lost.append(f"after {after_s:.2f} s it ended with {done.returncode}: {done.stderr[-500:]}")
        if list(read_latest_run(open_store(bucket.folder / "metadata.sqlite")))[-1] != node:
            lost.append(f"after {after_s:.2f} s it was not at {node}")
        lost += [f"{node} after {after_s:.2f} s: {fault}" for fault in find_faults(bucket, before)]
    outcome = bucket.run_whole(seed)
    assert lost == []
    assert outcome["is_pushed"]
    pushed = int(outcome["model"].rpartition("/")[2])
    assert bucket.stable() == pushed == max(bucket.versions())
    assert len(bucket.versions()) == KEPT
    assert list(find_faults(bucket, before)) == []
