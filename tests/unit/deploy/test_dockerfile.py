"""kubeflow/Dockerfile: linted, pinned, without root or compiler, and its install commands work."""

import re
import subprocess
import sys
from pathlib import Path

import tomllib
from dockerfile import DOCKERFILE, PACKAGES, ROOT, read_stages


def test_dockerfile_has_no_fault_that_hadolint_knows():
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, "--no-color", DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_dockerfile_builds_on_pinned_images_that_match_the_lock():
    beam, build, runtime = read_stages()
    locked = re.search(
        r"^apache-beam(?:\[.*?\])?==(\S+)", (ROOT / "requirements/1.21/pipeline.lock").read_text("utf-8"), re.M
    )
    # Beam's worker refuses a boot program of another version than its own.
    assert beam.base == f"apache/beam_python3.13_sdk:{locked[1]}"
    assert build.base == runtime.base
    assert re.fullmatch(r"python:3\.13\.\d+-slim-trixie", runtime.base)


def test_dockerfile_runtime_has_no_compiler_no_cache_and_no_root():
    _, build, runtime = read_stages()
    assert [command for command in build.find("RUN") if re.search(r"\b(apt-get|gcc)\b", command)] == []
    assert [command for command in runtime.find("RUN") if re.search(r"\b(apt-get|gcc|pip)\b", command)] == []
    assert all("--no-cache-dir" in command for command in build.find("RUN") if command.startswith("pip"))
    # Kubernetes' runAsNonRoot can't look a name up.
    assert [user.isdecimal() and user != "0" for user in runtime.find("USER")] == [True]
    assert runtime.find("ENTRYPOINT") == ['["/opt/apache/beam/boot"]']
    assert "--from=beam /opt/apache/beam /opt/apache/beam" in runtime.find("COPY")


def test_dockerfile_finds_every_library_of_cuda_that_is_locked():
    packages = re.findall(r"^nvidia-(\S+)-cu12==", (ROOT / "requirements/1.21/cuda.lock").read_text("utf-8"), re.M)
    (paths,) = [rest for rest in read_stages()[-1].find("ENV") if rest.startswith("LD_LIBRARY_PATH=")]
    # The compiler brings no library.
    expected = sorted({each.replace("-", "_") for each in packages} - {"cuda_nvcc"})
    assert len(expected) == 11
    assert paths.split(":")[1:] == [f"$CUDA_WHEELS/{name}/lib" for name in expected]


def test_dockerfile_labels_tell_version_and_revision():
    runtime = read_stages()[-1]
    version = tomllib.loads((ROOT / "fer_tfx/pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert runtime.find("ARG") == [f"VERSION={version}", "REVISION=unknown"]
    (label,) = runtime.find("LABEL")
    assert re.findall(r'image\.(\w+)="(.+?)"', label) == [
        ("title", "fer-tfx"), ("version", "${VERSION}"), ("revision", "${REVISION}"),
    ]  # fmt: skip


def test_dockerignore_lets_in_exactly_what_is_copied():
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    copied = {source for stage in read_stages() for source in stage.copied()}
    assert rules[0] == "*"
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == copied
    assert copied >= set(PACKAGES)
    assert all((ROOT / source).exists() for source in copied)
