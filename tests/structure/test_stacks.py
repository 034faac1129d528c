"""Two stacks: which one a platform gets, and that each lock holds its own."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = {
    "1.16": ("requirements/1.16/pipeline.lock", "requirements/1.16/dev.lock"),
    "1.21": ("requirements/1.21/pipeline.lock", "requirements/1.21/cuda.lock", "requirements/1.21/dev.lock"),
}
PINS = {"1.16": {"tfx": "1.16.0", "tensorflow": "2.16.2"}, "1.21": {"tfx": "1.21.0", "tensorflow": "2.21.0"}}
PYTHONS = {"1.16": "python_full_version < '3.12'", "1.21": "python_full_version < '3.14'"}


@pytest.fixture(scope="module")
def stack() -> ModuleType:
    spec = importlib.util.spec_from_file_location("stack", ROOT / ".ci" / "stack.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("asked", "glibc", "python", "expected"),
    [
        ("", (2, 36), (3, 11), "1.16"),
        ("", (2, 36), (3, 10), "1.16"),
        ("", (2, 39), (3, 12), "1.21"),
        ("", (2, 41), (3, 13), "1.21"),
        ("", (2, 41), (3, 11), "1.16"),
        ("1.16", (2, 41), (3, 11), "1.16"),
        ("1.21", (2, 41), (3, 13), "1.21"),
    ],
)
def test_choose_gives_the_newest_stack_that_runs(stack, asked, glibc, python, expected):
    assert stack.choose(asked, "Linux", "x86_64", glibc, python) == expected


@pytest.mark.parametrize(
    ("asked", "glibc", "python", "said"),
    [
        ("", (2, 36), (3, 12),
         "TFX 1.21 needs glibc 2.39 (Debian 13, Ubuntu 24.04), this is 2.36;"
         " TFX 1.16 needs Python 3.10 or 3.11, this is 3.12: make PYTHON=python3.11"),
        ("", (2, 41), (3, 14), "TFX 1.21 needs Python 3.12 or 3.13, this is 3.14: make PYTHON=python3.12"),
        ("1.21", (2, 36), (3, 11), "TFX 1.21 needs glibc 2.39 (Debian 13, Ubuntu 24.04), this is 2.36"),
        ("1.16", (2, 41), (3, 13), "TFX 1.16 needs Python 3.10 or 3.11, this is 3.13: make PYTHON=python3.11"),
        ("1.17", (2, 41), (3, 13), "STACK=1.17 is not known: STACK=1.16 or STACK=1.21"),
    ],
)  # fmt: skip
def test_choose_says_what_a_stack_lacks(stack, asked, glibc, python, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        stack.choose(asked, "Linux", "x86_64", glibc, python)


@pytest.mark.parametrize(
    ("system", "machine", "said"),
    [
        ("Darwin", "x86_64", "this is Darwin on x86_64: use a container"),
        ("Windows", "AMD64", "this is Windows on AMD64: use a container"),
        ("Linux", "aarch64", "this is Linux on aarch64 without glibc: use a container"),
        ("Linux", "x86_64", "this is Linux on x86_64 without glibc: use a container"),
    ],
)
def test_choose_names_a_way_where_neither_stack_runs(stack, system, machine, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        stack.choose("", system, machine, None, (3, 12))


def test_stack_script_ends_with_one_line_where_a_stack_is_not_known():
    command = [sys.executable, ROOT / ".ci/stack.py", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = "make: STACK=2 is not known: STACK=1.16 or STACK=1.21\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


def test_test_current_says_that_it_needs_root_before_it_does_anything():
    # Within a name space of users nobody is root.
    command = ["unshare", "--user", ROOT / ".ci/test-current"]
    if subprocess.run(["unshare", "--user", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system gives no name space of users")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = "test-current: a chroot needs root: run it as root (sudo make test-current)\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


@pytest.mark.parametrize("script", ["test-current", "run"])
def test_script_is_sound_bash_and_names_no_address(script):
    subprocess.run(["bash", "-n", ROOT / ".ci" / script], check=True)
    assert re.findall(r"\w+://|\b\w+\.(?:org|com|net|io)\b", (ROOT / ".ci" / script).read_text("utf-8")) == []


def read_pins(name: str) -> dict[str, str]:
    """Version by package."""
    return dict(re.findall(r"^([a-z0-9-]+)(?:\[.*?\])?==(\S+)", (ROOT / name).read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("release", LOCKS)
def test_locks_of_a_stack_agree_and_hold_its_releases(release):
    pins = [read_pins(name) for name in LOCKS[release]]
    assert PINS[release].items() <= pins[0].items()
    for other in pins[1:]:
        assert {name: version for name, version in other.items() if name in pins[0]}.items() <= pins[0].items()


@pytest.mark.parametrize(("release", "name"), [(release, name) for release in LOCKS for name in LOCKS[release]])
def test_lock_is_for_the_pythons_of_its_stack_and_names_no_address(release, name):
    lines = (ROOT / name).read_text("utf-8").splitlines()
    packages = [line for line in lines if "==" in line]
    assert len(packages) > 20
    assert [line for line in packages if "python_full_version" not in line or "linux" not in line] == []
    assert any(PYTHONS[release] in line for line in packages)
    assert [line for line in lines if "://" in line] == []


INSTALLERS = ("Makefile", "kubeflow/Dockerfile", ".ci/run", ".ci/test-current", "tests/slow/conftest.py")


@pytest.mark.parametrize("name", INSTALLERS)
def test_all_that_is_installed_from_a_registry_is_locked_by_hash(name):
    text = (ROOT / name).read_text("utf-8").replace("$(INSTALL)", "pip install").replace('", "', " ")
    commands = re.findall(r"pip install (?!--quiet --python \$\(BIN\)/python\n).*", text)
    # The project's own packages are installed from this checkout, and without what they require.
    own = [each for each in commands if "--no-deps" in each and "./fer_tfx" in each]
    assert [each for each in commands if "--require-hashes" not in each and each not in own] == []
    assert commands or name.startswith(".ci")


@pytest.mark.parametrize("name", ["setup", "docs", "kfp", "gcs", "clusters", "rclone", "triton"])
def test_small_lock_holds_what_it_is_for_and_names_no_address(name):
    asked = re.findall(r"^[a-z0-9-]+", (ROOT / f"requirements/{name}.in").read_text("utf-8"), re.MULTILINE)
    text = (ROOT / f"requirements/{name}.lock").read_text("utf-8")
    packages = re.findall(r"^([a-z0-9-]+)==\S+.*\\\n +--hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    assert set(asked) <= set(packages)
    assert len(packages) == len(re.findall(r"^\S+==", text, re.MULTILINE))
    assert "://" not in text
