"""README and docs: short enough, no broken link, no command that doesn't exist or that no test executes."""

import json
import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
import typer
from documents import DOCUMENTS, FENCE, INPUTS, LANGUAGES, NEEDS, ROOT, SHELL, Snippet, list_snippets

from fer_tfx.cli import build_app

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
# What tests/slow/test_documented_commands.py has for the commands that it executes.
PROGRAMS = {"cat", "cp", "curl", "fer-tfx", "make", "printf", "python", "saved_model_cli"}
PATH = re.compile(r"(?:[a-z][\w.]*=)?([\w{][\w./{}*-]*(?:/|\.[a-z][\w.]*))")


def list_anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", document.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def list_commands(document: Path) -> list[str]:
    """What follows each `fer-tfx` of a block or of the text, up to a pipe."""
    blocks = [each.command for each in list_snippets(document) if each.language == SHELL]
    inline = CODE.findall(FENCE.sub("", document.read_text("utf-8")))
    found = (re.search(r"(?:^|[ /])fer-tfx( .*)$", line) for line in [*blocks, *inline] if not line.startswith("pip "))
    return [re.split(r" \| | [<>] | && |\)", match[1])[0].strip() for match in found if match]


def find_fault(snippet: Snippet) -> str:
    """Why no test can execute it, although it doesn't say that it needs what tests don't have."""
    if snippet.language not in LANGUAGES:
        return f"a block in {snippet.language}: give it one of the languages {sorted(LANGUAGES)}"
    if snippet.need:
        is_known = re.match(rf"(?:{'|'.join(NEEDS)})\b", snippet.need)
        return "" if is_known else f"needs {snippet.need}: expected one of {NEEDS}"
    if snippet.language != SHELL or re.match(r"\w+=\$\(", snippet.command):
        return ""
    words = shlex.split(snippet.command)
    if words[0].rpartition("/")[2] not in PROGRAMS:
        return f"{words[0]}: say what it needs, or have the test execute it"
    for before, word in pairwise(words):
        path = PATH.fullmatch(word)
        is_read = path and not path[1].startswith("runs/") and before not in {"--out", "--save", "--sheet", "-m"}
        if is_read and path[1] not in INPUTS and not (ROOT / path[1]).exists():
            return f"{path[1]}: neither here nor among INPUTS"
    return ""


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


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_each_target_of_make_that_a_document_names_exists(document):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    text = document.read_text("utf-8")
    blocks = [each.command for each in list_snippets(document) if each.language == SHELL]
    named = {line.split()[1] for line in [*blocks, *CODE.findall(FENCE.sub("", text))] if line.startswith("make ")}
    assert named <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_each_snippet_of_a_document_is_executed_by_a_test_or_says_what_it_needs(document):
    assert not re.search(r"^ +```", document.read_text("utf-8"), re.MULTILINE), "an indented block, which no test reads"
    faults = {str(each): fault for each in list_snippets(document) if (fault := find_fault(each))}
    assert faults == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fer-tfx run --data pictures/", ""),
        ("fer-tfx run --data 'data/span-{SPAN}/*.csv' --set trainer.epochs=3", ""),
        ("fer-tfx predict face.png --save drawn/     # or another; needs a token", ""),
        ("docker ps     # needs Docker", ""),
        ("docker ps", "docker: say what it needs"),
        ("docker ps     # needs patience", "needs patience: expected one of"),
        ("fer-tfx run --data my.csv", "my.csv: neither here"),
        ("fer-tfx run --set data.votes_path=my.csv", "my.csv: neither here"),
        ("fer-tfx run --config configs/no.yaml", "configs/no.yaml: neither here"),
    ],
)
def test_snippet_that_no_test_can_execute_is_found(text, expected):
    fault = find_fault(Snippet("docs/new.md", 1, SHELL, text))
    assert fault.startswith(expected)
    assert bool(fault) == bool(expected)


def test_notebook_is_kept_without_output():
    cells = json.loads((ROOT / "docs" / "first_run.ipynb").read_text("utf-8"))["cells"]
    assert [cell["outputs"] for cell in cells if cell["cell_type"] == "code" and cell["outputs"]] == []


def test_commands_are_found_in_blocks_and_wrong_ones_would_be_seen():
    assert len(list_commands(ROOT / "README.md")) >= 12
