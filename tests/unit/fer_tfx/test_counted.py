"""Numbers agree with their nouns."""

import re
from pathlib import Path

import pytest

from fer_tfx.counted import counted

ROOT = Path(__file__).parents[3]
SOURCES = [
    path
    for package in ("components", "fer_tfx", "pipeline", "reporting")
    for path in sorted((ROOT / package).rglob("*"))
    if path.suffix in (".py", ".html") or path.name == "model_card.md"
]
NOUN = (
    r"(\w+ )?(rows|repeats|files|pictures|columns|bytes|examples|epochs|runs|faces|spans|predictions|integers|quotes"
    r"|names|tasks)\b"
)
NUMBER = re.compile(rf"\{{([^{{}}\"]+)\}}\}}? {NOUN}")
# What is never one: bounds, sizes, and what is said only of several.
NEVER_ONE = {
    "limits.max_decompressed_bytes", "limit", "MAX_FILE_BYTES", "_MAX_ANSWER_BYTES", "_MAX_BODY_BYTES", "len(file)",
    "out.stat().st_size", "count", "len(places)", "len(inputs.others)", "len(inputs.pictures)", "self.rows_read",
    "sum(eval_)", "PIXEL_COUNT", "card.training.spans | length", "report.training.spans | length",
    "card.rows.rows_read | count",
}  # fmt: skip


@pytest.mark.parametrize(
    ("number", "expected"), [(0, "0 eval rows"), (1, "1 eval row"), (2, "2 eval rows"), (3_589, "3,589 eval rows")]
)
def test_counted_gives_a_number_its_noun(number: int, expected: str) -> None:
    assert counted(number, "eval row") == expected


def test_texts_for_people_count_by_it() -> None:
    found = {
        match[1].strip().removesuffix(":,"): f"{path.relative_to(ROOT)}: {match[0]}"
        for path in SOURCES
        for match in NUMBER.finditer(path.read_text("utf-8"))
    }
    assert {number: place for number, place in found.items() if number not in NEVER_ONE} == {}
    assert len(SOURCES) > 100
    assert set(found) >= NEVER_ONE, "an exception that is none"
