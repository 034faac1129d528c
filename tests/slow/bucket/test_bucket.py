"""A pipeline in a bucket: data, artifacts, checkpoints and versions in `gs://`, by TensorFlow's and Beam's own clients.

The tests of this file are one story, in their order. They need root, for namespaces of their own.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from forked import run_fork
from small_run import TINY_NETWORK

from fer_tfx.versions.versions import find_missing
from pipeline.history import open_store, read_latest_run
from schema.drawn_faces import DrawnCsvs

HERE = Path(__file__).parent
TESTS = HERE.parents[1]
ROOT, SERVING = "runs", "runs/fer/serving/"
KEPT = 3
# Every model is pushed, whatever it knows: each run with another seed makes a version.
SETTINGS = {
    **{key.replace("__", "."): value for key, value in TINY_NETWORK.items()},
    "trainer.epochs": "3", "serving.keep_versions": str(KEPT),
    "gate.min_accuracy": "0", "gate.min_macro_f1": "0", "gate.min_class_recall": "0",
    "gate.min_corrupted_accuracy": "0", "gate.max_ece": "1", "gate.max_accuracy_drop": "1",
    "gate.max_latency_ratio": "1000",
}  # fmt: skip


@dataclass(frozen=True)
class Bucket:
    """The server, and what runs beside it."""

    server: "subprocess.Popen[str]"
    folder: Path

    def tell(self, **command: Any) -> Any:
        """The answer to a command of `server.py`."""
        assert self.server.stdin
        assert self.server.stdout
        self.server.stdin.write(json.dumps(command) + "\n")
        self.server.stdin.flush()
        return json.loads(self.server.stdout.readline())

    def command(self, module: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
        """A module as a program that has the server's network."""
        settings = json.loads((self.folder / "settings.json").read_text())
        environment = {**os.environ, **settings, "PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"}
        return run_fork(str(HERE / "inside.py"), [self.server.pid, module, *arguments], self.folder, environment)

    def run(self, seed: int, kill: str = "", after_s: float = 0.0) -> "subprocess.CompletedProcess[str]":
        """A run, killed in that node or not."""
        settings = {**SETTINGS, "data.path": locate("data/train.csv"), "data.unlabelled_path": locate("data/test.csv")}
        settings |= {"runtime.root": locate(ROOT), "trainer.seed": str(seed)}
        metadata = self.folder / "metadata.sqlite"
        return self.command("run_in_bucket", metadata, kill, after_s, *(f"{key}={settings[key]}" for key in settings))

    def run_whole(self, seed: int) -> dict[str, Any]:
        """What an undisturbed run came to."""
        done = self.run(seed)
        assert done.returncode == 0, done.stderr[-3000:]
        came_to: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return came_to

    def fer_tfx(self, *arguments: str) -> str:
        """Output of a command about this pipeline."""
        done = self.command("pipeline", *arguments, "--set", "name=fer", "--set", f"runtime.root={locate(ROOT)}")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def versions(self) -> dict[int, dict[str, int]]:
        """Sizes of the files of each version that a server would load, by its number."""
        found: dict[int, dict[str, int]] = {}
        for name, size in self.tell(objects=SERVING).items():
            number, _, file = name.removeprefix(SERVING).partition("/")
            if number.isdecimal() and file and not file.endswith("/"):
                found.setdefault(int(number), {})[file] = size
        return {number: files for number, files in found.items() if "saved_model.pb" in files}

    def stable(self) -> int:
        """The version that `models.config` has a server answer with."""
        return int(re.findall(r'key: "stable" value: (\d+)', self.tell(read=f"{SERVING}models.config"))[0])


def locate(name: str) -> str:
    return f"gs://fer-bucket/{name}"


def find_faults(bucket: Bucket, before: dict[int, dict[str, int]]) -> Iterator[str]:
    """What should not be so in the bucket after a fault: `before` are the versions until then."""
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
def bucket(tmp_path_factory: pytest.TempPathFactory, fake_gcs_server: Path, drawn: DrawnCsvs) -> Iterator[Bucket]:
    """With the data."""
    if os.geteuid() or not (shutil.which("unshare") and shutil.which("openssl") and shutil.which("ip")):
        pytest.skip("a network of its own needs root, and unshare, ip and openssl")
    folder = tmp_path_factory.mktemp("bucket")
    words = ["unshare", "--mount", "--net", sys.executable, HERE / "server.py", fake_gcs_server, folder]
    server = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin
    assert server.stdout
    assert server.stdout.readline() == "ready\n"
    bucket = Bucket(server, folder)
    for name, path in (("train", drawn.labelled_path), ("test", drawn.unlabelled_path)):
        assert bucket.tell(write=f"data/{name}.csv", path=str(path)) == 200
    yield bucket
    server.stdin.close()
    server.wait()


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
    assert bucket.tell(objects=f"{ROOT}/fer/checkpoints/")


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
    assert bucket.run_whole(seed=2)["refusals"] == [], "the cached push stays what it was"
    assert list(bucket.versions()) == [older]
    bucket.fer_tfx("rollback", "--to", str(newer))
    assert list(bucket.versions()) == [older, newer]
    assert bucket.stable() == newer


def test_run_with_refusals_and_cut_connections_pushes_a_whole_version(bucket: Bucket, first: dict[str, Any]) -> None:
    del first
    before = bucket.versions()
    bucket.tell(faults={"refused": 0.03, "cut": 3, "unanswered": 3})
    try:
        came_to = bucket.run_whole(seed=3)
    finally:
        counts = bucket.tell(faults={})
    assert came_to["is_pushed"]
    assert came_to["model"] == locate(f"{SERVING}{bucket.stable()}")
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
    came_to = bucket.run_whole(seed)
    assert lost == []
    assert came_to["is_pushed"]
    pushed = int(came_to["model"].rpartition("/")[2])
    assert bucket.stable() == pushed == max(bucket.versions())
    assert len(bucket.versions()) == KEPT
    assert list(find_faults(bucket, before)) == []
