"""Fixtures of the tests against Google's hosts. They need root, for namespaces of their own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bucket import Bucket
from forked import run_command
from loopback import ACCOUNT, ENDPOINT_SETTINGS, HERE, IMAGE, TESTS, Containers, Loopback, locate

from pipeline.runners.compiled import read_compiled
from pipeline.runners.submission import build_request
from schema.drawn_faces import DrawnCsvs

SETTINGS = {
    **ENDPOINT_SETTINGS,
    "data.path": locate("data/train.csv"), "runtime.root": locate("runs"), "deploy.image": IMAGE,
    "deploy.project": "faces", "deploy.region": "europe-west4", "deploy.dataflow_max_workers": 7,
    "deploy.labels": '{"team": "faces"}', "deploy.service_account": "another@faces.iam.test",
    "runtime.beam_pipeline_args": '["--worker_machine_type=n2-standard-4", "--num_workers=3"]',
}  # fmt: skip


@pytest.fixture(scope="module")
def loopback(tmp_path_factory: pytest.TempPathFactory, fake_gcs_server: Path) -> Iterator[Loopback]:
    """One for each file of tests."""
    if os.geteuid() or not (shutil.which("unshare") and shutil.which("openssl") and shutil.which("ip")):
        pytest.skip("a network of its own needs root, and unshare, ip and openssl")
    folder = tmp_path_factory.mktemp("bucket")
    words = ["unshare", "--mount", "--net", sys.executable, HERE / "server.py", fake_gcs_server, folder]
    server = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin
    assert server.stdout
    assert server.stdout.readline() == "ready\n"
    yield Loopback(server, folder)
    server.stdin.close()
    server.wait()


@pytest.fixture(scope="module")
def bucket(loopback: Loopback, drawn: DrawnCsvs) -> Bucket:
    for name, path in (("train", drawn.labelled_path), ("test", drawn.unlabelled_path)):
        assert loopback.tell(write=f"data/{name}.csv", path=str(path)) == 200
    return Bucket(loopback.server, loopback.folder)


@pytest.fixture(scope="module")
def containers(loopback: Loopback) -> Containers:
    """Of a pipeline that uses all of Google's services, submitted with another account than it was compiled with."""
    out = loopback.folder / "fer.json"
    words = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]
    done = run_command(["compile", "--target", "vertex", "--out", str(out), *words], TESTS.parent, {"PATH": ""})
    assert done.returncode == 0, done.stderr
    arguments = {"project": "faces", "location": "europe-west4", "service_account": ACCOUNT}
    return Containers(loopback, out, read_compiled(out), build_request("vertex", out, **arguments))
