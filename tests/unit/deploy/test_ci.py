"""The definitions for GitHub and Cloud Build: valid, pinned, without secrets, and with commands that exist."""

import re
import shlex
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from configs.spec import DeployConfig
from fer_tfx.cli import build_app

ROOT = Path(__file__).parents[3]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
CLOUD_BUILD = ROOT / "kubeflow/cloudbuild.yaml"
FILES = [*WORKFLOWS, CLOUD_BUILD]


def run_tool(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """A tool of the environment that the tests run in."""
    command = [Path(sys.executable).with_name(str(words[0])), *words[1:]]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def find_texts(node: Any) -> Iterator[str]:
    """Every text in a document."""
    if isinstance(node, dict):
        for value in node.values():
            yield from find_texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from find_texts(value)
    elif isinstance(node, str):
        yield node


def find_commands(path: Path) -> list[list[str]]:
    """The words that follow `fer-tfx` wherever it is started on real settings."""
    found = []
    for text in find_texts(read(path)):
        for line in text.replace("\\\n", " ").splitlines():
            match = re.match(r"\s*(?:fer-tfx|\.venv/bin/fer-tfx|in_image) (?=compile|submit)(.+)", line)
            if match:
                found.append(shlex.split(match[1]))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_ci_file_fits_its_schema(path):
    schema = "vendor.cloudbuild" if path == CLOUD_BUILD else "vendor.github-workflows"
    done = run_tool("check-jsonschema", "--builtin-schema", schema, path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_workflows_have_no_weakness_that_zizmor_knows():
    done = run_tool("zizmor", "--offline", "--no-progress", "--color=never", *WORKFLOWS)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_ci_file_names_no_secret_and_no_latest(path):
    text = path.read_text("utf-8")
    assert re.findall(r"\blatest\b|secrets\.|secretEnv|availableSecrets|PRIVATE KEY|password:", text) == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_actions_are_pinned_to_a_commit_with_its_version(path):
    lines = [line for line in path.read_text("utf-8").splitlines() if "uses: " in line and "uses: ./" not in line]
    assert lines
    for line in lines:
        assert re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_jobs_have_the_rights_that_they_name_and_no_others(path):
    workflow = read(path)
    assert workflow["permissions"] == {}
    assert all(job["permissions"]["contents"] == "read" for job in workflow["jobs"].values())


def test_cloud_build_images_are_pinned_and_steps_wait_for_what_they_need():
    steps = {step["id"]: step for step in read(CLOUD_BUILD)["steps"]}
    assert {name: step.get("waitFor") for name, step in steps.items()} == {
        "test": None, "build": ["-"], "push": ["test", "build"], "submit": ["push"],
    }  # fmt: skip
    for step in steps.values():
        assert re.search(r":(\d+\.\d+\.\d+(-\w+)?|\$SHORT_SHA)$", step["name"]), step["name"]


def test_workflow_has_the_image_of_tensorflow_serving_before_the_tests_that_ask_it():
    commands = [step.get("run", "") for step in read(ROOT / ".github/workflows/ci.yml")["jobs"]["test"]["steps"]]
    pull = commands.index("docker compose --file kubeflow/serving/compose.yaml pull tensorflow-serving")
    assert pull < next(at for at, command in enumerate(commands) if command.startswith(".ci/run"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_ci_file_commands_are_those_of_this_command_line(path):
    commands = find_commands(path)
    assert {words[0] for words in commands} == ({"compile"} if path.name == "ci.yml" else {"compile", "submit"})
    for words in commands:
        with typer.main.get_command(build_app()).make_context("fer-tfx", words) as context:
            name, command, rest = context.command.resolve_command(context, words)
        assert command.make_context(name, rest).params["target"] in ("vertex", "kubeflow")


@pytest.mark.parametrize("path", [ROOT / ".github/workflows/deploy.yml", CLOUD_BUILD], ids=lambda path: path.name)
def test_image_and_training_get_cpu_or_cuda_by_one_variable_which_is_cpu_by_itself(path):
    """Else a GPU is paid for that an image without CUDA can't use."""
    text = path.read_text("utf-8")
    built = re.findall(r'--build-arg[ =]ACCELERATOR="?(\$\{?\w+\}?)', text)
    compiled = re.findall(r'--set deploy\.accelerator="(\$\{?\w+\}?)"', text)
    assert (len(built), built) == (1, compiled)
    name = re.sub(r"\W", "", built[0])
    assert re.search(rf"^ +{name}: (cpu|\$\{{\{{ vars\.FER_ACCELERATOR \|\| 'cpu' \}}\}})$", text, re.M)
    accelerators = read_setting_values("accelerator")
    (argument,) = re.findall(r"^ARG ACCELERATOR=(\w+)$", (ROOT / "kubeflow/Dockerfile").read_text("utf-8"), re.M)
    assert accelerators == {"cpu", "cuda"} >= {argument}


def read_setting_values(name: str) -> set[str]:
    """The words that a setting of `deploy` takes."""
    return {*typing.get_args(typing.get_type_hints(DeployConfig)[name])}
