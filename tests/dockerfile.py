"""kubeflow/Dockerfile, read as far as the tests need it."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCKERFILE = ROOT / "kubeflow/Dockerfile"
PACKAGES = ("components", "configs", "models", "pipeline", "reporting", "schema", "fer_tfx")


@dataclass(frozen=True)
class Stage:
    """A FROM with the instructions that follow it, as (word, rest) pairs."""

    base: str
    name: str
    instructions: list[tuple[str, str]]

    def find(self, word: str) -> list[str]:
        return [rest for found, rest in self.instructions if found == word]

    def copied(self) -> list[str]:
        """What COPY takes from the build context."""
        words = [rest.split() for rest in self.find("COPY")]
        return [source for each in words if not each[0].startswith("--from") for source in each[:-1]]


def read_stages(text: str | None = None) -> list[Stage]:
    """The stages in order; comments are left out and continued lines joined."""
    lines = (text or DOCKERFILE.read_text("utf-8")).splitlines()
    whole = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    stages: list[Stage] = []
    for line in re.sub(r"\\\n\s*", "", whole).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(base, name, []))
        elif word and stages:
            stages[-1].instructions.append((word, rest.strip()))
    return stages
