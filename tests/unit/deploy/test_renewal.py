""".github/renovate.json: valid, and every pinned action and image is renewed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_ci import ROOT, run_tool

FILE = ROOT / ".github/renovate.json"
CONFIG = json.loads(FILE.read_text("utf-8"))
# By manager: the files that it takes by itself, as Renovate's documentation has them.
OWN_FILES = {
    "github-actions": r"(^|/)\.github/workflows/[^/]+\.ya?ml$",
    "dockerfile": r"(^|/|\.)[Dd]ockerfile$",
    "docker-compose": r"(^|/)(docker-)?compose[^/]*\.ya?ml$",
    "cloudbuild": r"(^|/)cloudbuild\.ya?ml$",
}
PINNED = r"uses: [\w-]+/|^FROM |image: \S+:|name: [\w/]+:\S+-|runtimeVersion: |==\S+ \\$"


def list_pinning() -> Iterator[str]:
    """Files that name a release of something that no lock of packages holds."""
    folders = (".github", "kubeflow")
    for path in [*(each for name in folders for each in (ROOT / name).rglob("*")), ROOT / "requirements/setup.lock"]:
        if path.is_file() and path != FILE and re.search(PINNED, path.read_text("utf-8"), re.M):
            yield path.relative_to(ROOT).as_posix()


def test_renewal_file_fits_renovates_schema():
    done = run_tool("check-jsonschema", "--builtin-schema", "vendor.renovate", FILE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_renewal_file_with_a_mistake_is_refused_by_the_schema(tmp_path: Path):
    (tmp_path / "renovate.json").write_text(json.dumps({**CONFIG, "enabledManagers": "github-actions"}))
    assert run_tool("check-jsonschema", "--builtin-schema", "vendor.renovate", tmp_path / "renovate.json").returncode


def test_renewal_reaches_each_file_that_pins_a_release():
    named = [
        name for manager in CONFIG["enabledManagers"] for name in CONFIG.get(manager, {}).get("managerFilePatterns", [])
    ]
    named += [name for each in CONFIG["customManagers"] for name in each["managerFilePatterns"]]
    own = [OWN_FILES[manager] for manager in CONFIG["enabledManagers"] if manager in OWN_FILES]
    pinning = list(list_pinning())
    assert len(pinning) == 8
    assert [path for path in pinning if path not in named and not any(re.search(each, path) for each in own)] == []


@pytest.mark.parametrize("rule", CONFIG["packageRules"], ids=lambda rule: rule["matchPackageNames"][0])
def test_renewal_rules_are_about_images_that_are_used(rule):
    texts = [(ROOT / path).read_text("utf-8") for path in list_pinning()]
    assert all(any(f"{name}:" in text for text in texts) for name in rule["matchPackageNames"])
