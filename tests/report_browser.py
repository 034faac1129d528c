"""A report's page, opened in a real browser, and what must hold of it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe

WIDTHS_PX = {"phone": 360, "desktop": 1280}
SCHEMES = ("light", "dark")
VIEWS = [(width, scheme) for width in WIDTHS_PX for scheme in SCHEMES]

# Of each picture, drawn on a canvas, the number of colours.
_COUNT_COLOURS = """async (images) => {
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


@contextmanager
def open_page(browser: Any, file: Path, width: str, scheme: str) -> Iterator[Any]:
    """The page from disk; nothing on it may fail, and nothing may be asked for beyond it."""
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


def find_violations(browser: Any, file: Path, width: str, scheme: str) -> list[tuple[str, str]]:
    """Rules of axe-core, of whatever impact, that the page breaks, each with the first place where it does."""
    # The page's policy would keep axe from reading the style sheet.
    context = browser.new_context(
        viewport={"width": WIDTHS_PX[width], "height": 800}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    page.goto(file.as_uri())
    found = Axe().run(page).response["violations"]
    context.close()
    return [(violation["id"], violation["nodes"][0]["html"]) for violation in found]


def check_plots(page: Any, count: int) -> None:
    """Every plot has pixels and says in words what it shows."""
    plots = page.locator(".plot img")
    assert plots.count() == count
    assert min(plots.evaluate_all(_COUNT_COLOURS)) > 10
    assert all(len(text) > 40 for text in plots.evaluate_all("images => images.map(image => image.alt)"))


def check_faces(page: Any, mistake_count: int) -> None:
    """Each class and each mistake is there; every picture is whole, also where it is hidden, and says what it is."""
    assert page.locator(".strip").count() == 7
    assert page.locator(".mistakes > li").count() == page.locator(".heat").count() == mistake_count
    faces = page.locator(".faces img, .strip img")
    assert set(faces.evaluate_all("images => images.map(image => image.naturalWidth * image.complete)")) <= {48, 9}
    assert all(faces.evaluate_all("images => images.map(image => image.alt)"))


def find_report(done: Any) -> Path:
    """The page that a finished `fer-tfx run` names in its summary, or when the data gate refuses."""
    (path,) = re.findall(r"^report +(/.*)$|the page of the run is (/.*)$", done.stdout + done.stderr, re.MULTILINE)
    return Path("".join(path))


def read_refusals(page: Any) -> list[str]:
    """The reasons of the verdict, as a reader sees them."""
    return [str(text) for text in page.locator(".verdict.refused li").all_inner_texts()]
