"""A page in a real browser: what is beyond the tests of whole runs, which look at theirs in every view."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from demo_site import open_browser, start_playwright
from report_browser import check_plots, find_violations, open_page
from report_doubles import (
    CONFIDENCES,
    SAID,
    TRUE,
    answer_rows,
    make_faces,
    make_pixels,
    make_probabilities,
    make_report,
    make_report_of_refused_data,
)

from fer_tfx.contract import DEFAULT_CLASS_NAMES
from reporting.comparison import Line, Section, compare_rows, describe_change, render_comparison
from reporting.intervals import Share
from reporting.render import render_report
from reporting.row_answers import pair_answers
from reporting.run_index import IndexedPipeline, IndexedRun, render_index

# A line too long for a phone, as addresses of artifacts are.
CARD = f"# Card\n\n| made of | URI |\n|---|---|\n| `model` | `/{'artifacts/' * 30}model/5` |\n"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with start_playwright() as playwright, open_browser(playwright) as opened:
        yield opened


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of each way in which a run may end."""
    folder = tmp_path_factory.mktemp("report")
    pushed, refused = make_report(), make_report("accuracy is 0.5833, at least 0.6000")
    pages = {
        "pushed": render_report(pushed, make_faces(pushed), CARD),
        "refused": render_report(refused, make_faces(refused), CARD),
        "refused data": render_report(make_report_of_refused_data("train: no example of disgust")),
    }
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, "utf-8")
    return {name: folder / f"{name}.html" for name in pages}


@pytest.fixture(params=["phone-light"])
def page(request: pytest.FixtureRequest, browser: Any, files: dict[str, Path]) -> Iterator[Any]:
    """The page of a refused model on a phone, unless a test asks for other views."""
    with open_page(browser, files["refused"], *request.param.split("-")) as opened:
        yield opened


def test_report_page_with_a_fault_breaks_a_rule_of_accessibility(browser: Any, files: dict[str, Path]) -> None:
    """Or else what is asked of the pages of whole runs would prove nothing."""
    faulty = files["pushed"].with_name("faulty.html")
    spoilt = files["pushed"].read_text("utf-8").replace(' alt="Share of each class', ' id="Share of each class', 1)
    faulty.write_text(spoilt, "utf-8")
    assert [rule for rule, _ in find_violations(browser, faulty, "desktop", "light")] == ["image-alt"]


def test_report_page_of_refused_data_shows_the_data_and_what_will_stand_elsewhere(
    browser: Any, files: dict[str, Path]
) -> None:
    with open_page(browser, files["refused data"], "phone", "dark") as page:
        check_plots(page, 1)
        sections = ["Verdict", "Data", "Training", "Evaluation", "Anchor"]
        assert page.locator("h2").all_inner_texts() == page.locator("nav a").all_inner_texts() == sections
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("page", ["phone-light", "desktop-light"], indirect=True)
def test_report_page_never_scrolls_sideways(page: Any) -> None:
    page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true; })")
    assert page.locator("pre").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("page", ["phone-light", "phone-dark"], indirect=True)
def test_report_page_shows_the_plots_of_its_colours(page: Any) -> None:
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    chosen = page.locator(".plot img").first.evaluate("image => atob(image.currentSrc.split(',')[1])")
    assert ("#e6e8ec" in chosen, "#1b1d21" in chosen) == (is_dark, not is_dark)


def test_report_page_by_keyboard_skips_to_the_report_and_scrolls_its_tables(page: Any) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the report"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Confusion matrix"


@pytest.mark.parametrize("page", ["phone-light", "desktop-light"], indirect=True)
def test_report_page_number_of_the_matrix_shows_its_pictures(page: Any) -> None:
    gallery = page.locator("#cell-0-1")
    assert not gallery.is_visible()
    page.locator("#confusion a").nth(1).click()
    assert gallery.locator("img").count() == 1
    assert gallery.is_visible()
    gallery.get_by_role("link", name="close").click()
    assert not gallery.is_visible()


@pytest.mark.parametrize("page", ["desktop-light"], indirect=True)
def test_report_page_has_verdict_figures_and_matrix_on_the_first_screen_and_keeps_its_contents(page: Any) -> None:
    for part in (".verdict", ".hero .facts", "#confusion"):
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] < 800, part
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    assert 0 <= page.locator("nav a").first.bounding_box()["y"] < 100


def test_report_page_printed_has_light_colours_and_no_links_to_sections(page: Any) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    shown = page.locator(".plot img").first.evaluate("image => atob(image.currentSrc.split(',')[1])")
    assert "#1b1d21" in shown
    assert not page.locator("nav").is_visible()


@pytest.fixture(scope="module")
def pages_of_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All runs, and two of them side by side."""
    folder = tmp_path_factory.mktemp("runs")
    run = IndexedRun(
        1, "2026-11-30 03:00:00 UTC", "fer.csv", 35_000, Share.of(0.7, 3_589), 0.03, 2.3, "pushed", (), "1700000000",
        "stable", "", "fer/report.html",
    )  # fmt: skip
    refused = dataclasses.replace(
        run, number=2, refusals=("accuracy is 0.5833, at least 0.6000",), version="", version_state="", anchor="run 1"
    )
    pipelines = [IndexedPipeline("fer", (refused, run), unlisted=7), IndexedPipeline("other", (), fault="damaged")]
    answers = [
        answer_rows(make_probabilities(said, CONFIDENCES)).to_row_answers(DEFAULT_CLASS_NAMES) for said in (SAID, TRUE)
    ]
    paired = pair_answers(*answers)
    assert paired
    changed = [describe_change(paired, row, pixels) for row, pixels in enumerate(make_pixels())]
    sections = [Section("settings that differ", [Line("a.setting", "3", "5", "+2")]), Section("rows", [], "a remark")]
    pages = {
        "index": render_index(pipelines, "2026-11-30 03:00:00 UTC"),
        "comparison": render_comparison("fer", (1, 2), sections, compare_rows(paired), changed),
        "comparison of nothing": render_comparison("fer", (1, 2), sections, None),
    }
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, "utf-8")
    return {name: folder / f"{name}.html" for name in pages}


@pytest.mark.parametrize("name", ["index", "comparison", "comparison of nothing"])
@pytest.mark.parametrize("view", [("phone", "light"), ("desktop", "dark")], ids="-".join)
def test_pages_of_several_runs_fit_the_screen_and_break_no_rule_of_accessibility(
    browser: Any, pages_of_runs: dict[str, Path], name: str, view: tuple[str, str]
) -> None:
    with open_page(browser, pages_of_runs[name], *view) as page:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert find_violations(browser, pages_of_runs[name], *view) == []


def test_report_page_with_every_fold_and_a_gallery_open_breaks_no_rule_of_accessibility(
    browser: Any, files: dict[str, Path]
) -> None:
    opened = files["pushed"].with_name("opened.html")
    text = files["pushed"].read_text("utf-8").replace("<details>", "<details open>")
    opened.write_text(text.replace(".gallery { display: none;", ".gallery { display: block;"), "utf-8")
    for view in (("phone", "dark"), ("desktop", "light")):
        assert find_violations(browser, opened, *view) == []
