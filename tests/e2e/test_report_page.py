"""A run's page in a real browser, on a phone and on a desktop, light and dark."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from demo_site import open_browser, start_playwright
from report_doubles import make_faces, make_report

from reporting.render import render_report

# A line too long for a phone, as addresses of artifacts are.
CARD = f"# Card\n\n| made of | URI |\n|---|---|\n| `model` | `/{'artifacts/' * 30}model/5` |\n"
WIDTHS_PX = {"phone": 360, "desktop": 1280}

# Whether a picture, drawn on a canvas, has more than one colour.
_HAS_CONTENT = """async (images) => {
    const counts = [];
    for (const image of images) {
        await image.decode();
        const canvas = document.createElement("canvas");
        canvas.width = 200;
        canvas.height = 140;
        const context = canvas.getContext("2d");
        context.drawImage(image, 0, 0, 200, 140);
        const words = new Uint32Array(context.getImageData(0, 0, 200, 140).data.buffer);
        counts.push(new Set(words).size);
    }
    return counts;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with start_playwright() as playwright, open_browser(playwright) as opened:
        yield opened


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    report = make_report("accuracy is 0.5833, at least 0.6000")
    path.write_text(render_report(report, make_faces(report), CARD), "utf-8")
    return path


@pytest.fixture(params=[(width, scheme) for width in WIDTHS_PX for scheme in ("light", "dark")], ids="-".join)
def page(request: pytest.FixtureRequest, browser: Any, file: Path) -> Iterator[Any]:
    """The page from disk; nothing on it may fail, and nothing may be asked for beyond it."""
    width, scheme = request.param
    context = browser.new_context(viewport={"width": WIDTHS_PX[width], "height": 800}, color_scheme=scheme)
    opened, faults, asked = context.new_page(), [], []
    opened.on("console", lambda said: faults.append(said.text))
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("request", lambda sent: asked.append(sent.url))
    opened.goto(file.as_uri())
    yield opened
    context.close()
    assert faults == []
    assert {url for url in asked if not url.startswith("data:")} == {file.as_uri()}


def test_report_page_every_picture_has_pixels_and_words(page: Any) -> None:
    plots = page.locator(".plot img")
    assert plots.count() == 9
    assert min(plots.evaluate_all(_HAS_CONTENT)) > 10
    assert all(len(text) > 40 for text in plots.evaluate_all("images => images.map(image => image.alt)"))
    faces = page.locator(".faces img")
    assert faces.count() == 7 + 5
    assert min(faces.evaluate_all("images => images.map(image => image.naturalWidth * image.complete)")) == 48
    assert all(faces.evaluate_all("images => images.map(image => image.alt)"))


def test_report_page_never_scrolls_sideways(page: Any) -> None:
    page.locator("summary").click()
    assert page.locator("pre").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


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
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "What became of the rows"


def test_report_page_printed_has_light_colours_and_no_links_to_sections(page: Any) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    shown = page.locator(".plot img").first.evaluate("image => atob(image.currentSrc.split(',')[1])")
    assert "#1b1d21" in shown
    assert not page.locator("nav").is_visible()
