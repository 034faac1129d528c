"""Runs of a pipeline in a bucket, and what lies there after them."""

import json
import re
import subprocess
from typing import Any

from loopback import Loopback, locate
from small_run import TINY_NETWORK

ROOT, SERVING = "runs", "runs/fer/serving/"
KEPT = 3
# Every model passes the gates, so each run with a new seed pushes a version.
SETTINGS = {
    **{key.replace("__", "."): value for key, value in TINY_NETWORK.items()},
    "trainer.epochs": "3", "serving.keep_versions": str(KEPT),
    "gate.min_accuracy": "0", "gate.min_macro_f1": "0", "gate.min_class_recall": "0",
    "gate.min_corrupted_accuracy": "0", "gate.max_ece": "1", "gate.max_accuracy_drop": "1",
    "gate.max_latency_ratio": "1000",
}  # fmt: skip


class Bucket(Loopback):
    """Google's hosts with rows of faces in the bucket, and a pipeline that runs there."""

    def run(self, seed: int, kill: str = "", after_s: float = 0.0) -> "subprocess.CompletedProcess[str]":
        """A run; one with `kill` dies `after_s` seconds after that node has begun."""
        settings = {**SETTINGS, "data.path": locate("data/train.csv"), "data.unlabelled_path": locate("data/test.csv")}
        settings |= {"runtime.root": locate(ROOT), "trainer.seed": str(seed)}
        metadata = self.folder / "metadata.sqlite"
        return self.command("run_in_bucket", metadata, kill, after_s, *(f"{key}={settings[key]}" for key in settings))

    def run_whole(self, seed: int) -> dict[str, Any]:
        """The outcome of an undisturbed run, as `run_in_bucket` prints it."""
        done = self.run(seed)
        assert done.returncode == 0, done.stderr[-3000:]
        outcome: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return outcome

    def fer_tfx(self, *arguments: str) -> str:
        """Output of a command about this pipeline."""
        done = self.command("pipeline", *arguments, "--set", "name=fer", "--set", f"runtime.root={locate(ROOT)}")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def versions(self) -> dict[int, dict[str, int]]:
        """File sizes of each version that a server would load, by version number."""
        found: dict[int, dict[str, int]] = {}
        for name, size in self.tell(objects=SERVING).items():
            number, _, file = name.removeprefix(SERVING).partition("/")
            if number.isdecimal() and file and not file.endswith("/"):
                found.setdefault(int(number), {})[file] = size
        return {number: files for number, files in found.items() if "saved_model.pb" in files}

    def stable(self) -> int:
        """The version that `models.config` has a server answer with."""
        return int(re.findall(r'key: "stable" value: (\d+)', self.tell(read=f"{SERVING}models.config"))[0])
