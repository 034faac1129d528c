"""The seven classes of FER2013 are a default: whatever reads data or a model takes the list from there."""

import re
from pathlib import Path

import pytest

from fer_tfx.contract import DEFAULT_CLASS_NAMES

ROOT = Path(__file__).parents[2]
PACKAGES = ("fer_tfx", "schema", "configs", "models", "reporting", "components", "pipeline")
KNOWING = {
    "fer_tfx/contract.py",  # says what the default is
    "fer_tfx/commands/predict.py",  # they are the competition's, whose numbers a submission holds
    "configs/spec.py",  # which is that of a setting
    "fer_tfx/reading/words.py",  # their synonyms
    "fer_tfx/reading/votes.py",  # columns of FER+
    "schema/schema.pbtxt",  # for them, unless the settings have others
    *(path.relative_to(ROOT).as_posix() for path in (ROOT / "schema/drawn_faces").glob("*.py")),  # can draw no others
}
SHIPPED = {"shipped_model", "light_model_accurate"}  # whose cards name their classes
SOURCES = [
    path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*"))
    if path.suffix in {".py", ".pyi", ".html", ".md", ".yaml", ".pbtxt"} and SHIPPED.isdisjoint(path.parts)
    if path.relative_to(ROOT).as_posix() not in KNOWING
]


def test_sources_are_found():
    names = {path.relative_to(ROOT).as_posix() for path in SOURCES}
    assert {"fer_tfx/demo/index.html", "reporting/pages/report.html", "models/networks/vgg.py"} <= names


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_other_file_knows_the_default_classes_or_their_number(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "CLASS_NAMES" not in re.sub(r"CLASS_NAMES_(KEY|FILE)", "", text)
    assert [name for name in DEFAULT_CLASS_NAMES[:3] if f'"{name}"' in text] == []
    assert (
        re.findall(
            r"\b(?:None|n|b|m|batch), 7\b|float\w*\[7\]|\b[Ss]even (?:classes|expressions|facial|names|prob)", text
        )
        == []
    )
