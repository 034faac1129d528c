"""What works on artifacts takes them for URIs: they may lie in a bucket, which `open` and `pathlib` can't read."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCAL_MODULES = {"pathlib", "shutil", "tempfile", "glob", "io.open"}
LOCAL_CALLS = {
    f"os.{name}"
    for name in ("listdir", "makedirs", "mkdir", "remove", "rename", "replace", "rmdir", "scandir", "stat", "unlink",
                 "walk")
} | {"open"}  # fmt: skip
# What is local by its nature, with the reason.
EXCEPTIONS = {
    ("components/remote_files.py", "tempfile"): "makes the local copies that all others ask for",
    ("components/serving_check.py", "tempfile"): "a folder for the few examples that the probe reads",
    ("components/serving_probe.py", "pathlib"): "the light form of the local copy that the probe is given",
    ("components/bucket_versions.py", "pathlib"): "a local folder of versions, if it is not in a bucket",
    ("components/remote_files.py", "os.path.relpath"): "takes a URI apart as text",
    ("components/face_example_gen/component.py", "os.path.isdir"): "of paths without a scheme, which may be many",
    ("components/face_example_gen/component.py", "os.stat"): "likewise",
    ("models/computation.py", "pathlib"): "/proc/cpuinfo",
    ("models/training.py", "tempfile"): "what no one reads: the state as workers but the first would keep it",
    ("models/light_form.py", "pathlib"): "makes the shipped model's light form in a checkout; no stage runs it",
    ("models/checkpoint.py", "os.path.split"): "takes a URI apart as text",
}


def find_local_access(path: Path) -> Iterator[str]:
    """Names of what a file uses that works on this machine's files only."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ({alias.name for alias in node.names} & LOCAL_MODULES)
        elif isinstance(node, ast.ImportFrom):
            names = {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
            yield from (names & (LOCAL_MODULES | LOCAL_CALLS | {"os.path"}))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in LOCAL_CALLS:
            yield ast.unparse(node.func)
        elif isinstance(node, ast.Attribute) and ast.unparse(node).startswith("os.path."):
            yield from {ast.unparse(node)} - {"os.path.join"}


def find_in(*packages: str) -> set[tuple[str, str]]:
    paths = (path for package in packages for path in (ROOT / package).rglob("*.py"))
    return {(path.relative_to(ROOT).as_posix(), name) for path in paths for name in find_local_access(path)}


def test_components_and_models_read_no_local_file_but_the_listed_ones():
    assert find_in("components", "models", "reporting") == set(EXCEPTIONS)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from pathlib import Path", ["pathlib"]),
        ("open('a')", ["open"]),
        ("import os\nos.listdir(uri)", ["os.listdir"]),
        ("import os\nos.path.exists(uri)", ["os.path.exists"]),
        ("from os import path", ["os.path"]),
        ("from tfx.dsl.io import fileio\nfileio.open(uri)\nos.path.join(uri, 'a')\narchive.open('b')", []),
    ],
)
def test_local_access_is_found_in_each_of_its_forms(code, found, tmp_path):
    (tmp_path / "example.py").write_text(code)
    assert list(find_local_access(tmp_path / "example.py")) == found
