"""README and docs: short enough, no broken link, no command that the command line doesn't have."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from fer_tfx.cli import build_app

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def list_anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", document.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def list_commands(document: Path) -> list[str]:
    """Each `fer-tfx` of a fenced block without a language, its continued lines joined, comment and pipe cut off."""
    blocks = (
        text.replace("\\\n", " ") for language, text in FENCE.findall(document.read_text("utf-8")) if not language
    )
    lines = (line.strip() for block in blocks for line in block.splitlines())
    found = (re.search(r"(?:^|[ /])fer-tfx( .*)$", line) for line in lines if not line.startswith("pip "))
    return [re.split(r"  +#| \| | > | && |\)", match[1])[0].strip() for match in found if match]


def test_readme_has_what_a_newcomer_looks_for_and_is_short():
    text = (ROOT / "README.md").read_text("utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    expected = ["Install", "Quick start", "Your data", "Deploy", "Limits", "Licence"]
    assert [heading for heading in headings if heading in expected] == expected
    assert len(text.splitlines()) <= 150
    assert len(text.split()) <= 1200


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_each_link_of_a_document_leads_somewhere(document):
    for target in LINK.findall(FENCE.sub("", document.read_text("utf-8"))):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        linked = (document.parent / path).resolve() if path else document
        assert linked.exists(), target
        if anchor:
            assert anchor in list_anchors(linked), target


def test_each_document_is_in_the_index():
    named = set(LINK.findall((ROOT / "docs" / "README.md").read_text("utf-8")))
    assert {path.name for path in DOCUMENTS[1:]} - {"README.md"} <= named


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_each_command_of_a_document_is_one_with_these_options(document):
    commands = typer.main.get_command(build_app()).commands
    for line in list_commands(document):
        name, *words = shlex.split(line)
        if name.startswith("-"):
            continue
        assert name in commands, line
        known = {option for each in commands[name].params for option in (*each.opts, *each.secondary_opts)}
        used = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert used <= known | {"--help"}, line


def test_commands_are_found_in_blocks_and_wrong_ones_would_be_seen():
    assert len(list_commands(ROOT / "README.md")) >= 12
