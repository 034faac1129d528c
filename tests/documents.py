"""What README and docs/ show in fenced blocks: commands, snippets, and what some of them need."""

import ast
import asyncio
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SHELL, PYTHON = "", "python"
LANGUAGES = {SHELL, PYTHON, "yaml", "json", "mermaid", "text"}
NEEDS = (
    "a cluster", "a job server", "a proxy", "a token", "an image", "Debian 13", "Docker", "FER2013", "Go",
    "Google Cloud", "Java", "Maven", "PyPI",
)  # fmt: skip
"""What the tests don't have. A comment that ends in `needs ...` with one of these tells it to readers and to tests."""

INPUTS = (
    "a.jpg", "b.jpg", "clip.mp4", "competition.zip", "crops/", "data/span-{SPAN}/*.csv", "downloaded/17", "face.png",
    "faces.zip", "faces/", "fer.json", "fer.yaml", "fer2013.csv", "fer2013.tar.gz", "fer2013new.csv", "folder/",
    "icml_face_data.csv", "more/*.jpg", "one.png", "own.yaml", "party.jpg", "photo.jpg", "photos/", "pictures/",
    "pixels.npy", "test.csv", "test.csv.xz", "train.csv.xz", "two.png",
)  # fmt: skip
"""What documents call the files that their readers have, which the test that executes the commands lays out."""


@dataclass(frozen=True)
class Snippet:
    """A command with its continued lines, or a whole block in another language."""

    document: str
    line: int  # from 1
    language: str
    text: str

    @property
    def need(self) -> str:
        """What it says it needs."""
        found = re.search(r"# (?:[^#\n]*; )?needs (.*)$", self.text, re.MULTILINE)
        return found[1] if found else ""

    @property
    def command(self) -> str:
        """Without its comment, on one line."""
        return re.sub(r"\s+# .*$", "", self.text).replace("\\\n", " ")

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def list_snippets(document: Path) -> Iterator[Snippet]:
    text = document.read_text("utf-8")
    for block in FENCE.finditer(text):
        line, language, content = text[: block.start()].count("\n") + 2, block[1], block[2]
        commands = re.findall(r"(?:.*(?:\\|\|)\n)*.+\n", content) if language == SHELL else [content]
        for each in commands:
            at = line + content[: content.index(each)].count("\n")
            yield Snippet(document.relative_to(ROOT).as_posix(), at, language, each.rstrip("\n"))


def run_python(prelude: str, text: str) -> dict[str, Any]:
    """Execute a snippet after its prelude, also one that awaits; what both define."""
    defined: dict[str, Any] = {"__name__": "snippet"}
    for each in (prelude, text):
        code = compile(each, "snippet", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, defined)
        if inspect.iscoroutine(result):
            asyncio.run(result)
    return defined
