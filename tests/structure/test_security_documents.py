"""What docs/security.md and its neighbours name as the holder of a claim is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMED = {"security.md": 15, "notify.md": 1, "audit.md": 1}


@pytest.mark.parametrize(("document", "least"), NAMED.items())
def test_documents_name_tests_that_exist(document, least):
    text = (ROOT / "docs" / document).read_text("utf-8")
    named = set(re.findall(r"`(?:tests/)?([a-z0-9_/]+/test_[a-z0-9_]+\.py)`?", text))
    assert len(named) >= least
    assert sorted(name for name in named if not (ROOT / "tests" / name).is_file()) == []
