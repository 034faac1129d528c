"""The page of a run on a sample of FER2013 itself, where that is at hand."""

import itertools
import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from demo_site import open_browser, start_playwright
from report_browser import VIEWS, check_faces, check_plots, find_report, find_violations, open_page

REAL_TRAIN_CSV = Path(__file__).parents[3] / "shared" / "data" / "fer2013" / "train.csv.xz"
SAMPLE_ROWS = 2000

pytestmark = pytest.mark.skipif(not REAL_TRAIN_CSV.exists(), reason="FER2013 is not at hand")


@pytest.fixture(scope="module")
def real_run(workshop: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One epoch on the first rows; the gate lets any model through."""
    sample = tmp_path_factory.mktemp("sample") / "train.csv"
    with lzma.open(REAL_TRAIN_CSV, "rt") as lines:
        sample.write_text("".join(itertools.islice(lines, SAMPLE_ROWS + 1)))
    bounds = {"gate__min_accuracy": "0", "gate__min_macro_f1": "0", "gate__max_ece": "1"}
    return workshop.run(sample, trainer__epochs="1", **bounds)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with start_playwright() as playwright, open_browser(playwright) as opened:
        yield opened


def test_real_page_has_the_rows_of_the_sample_and_the_verdict_of_the_command_line(real_run: Any) -> None:
    assert (real_run.exit_code, real_run.stderr) == (0, "")
    numbers = json.loads(find_report(real_run).with_name("report.json").read_text())
    assert numbers["verdict"]["is_pushed"]
    assert numbers["data"]["rows"]["rows_read"] == SAMPLE_ROWS
    assert f"accuracy     {numbers['evaluation']['accuracy']['fraction']:.4f} on" in real_run.stdout


@pytest.mark.parametrize("view", VIEWS, ids="-".join)
def test_real_page_is_whole_in_a_browser_and_breaks_no_rule_of_accessibility(
    real_run: Any, browser: Any, view: tuple[str, str]
) -> None:
    file = find_report(real_run)
    with open_page(browser, file, *view) as page:
        check_plots(page, 9)
        check_faces(page, 12)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert find_violations(browser, file, *view) == []
