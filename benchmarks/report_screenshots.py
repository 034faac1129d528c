"""Pictures of a report for the README, from the page of a run on drawn faces."""

import argparse
import io
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from benchmarks.command import run_command
from fer_tfx.errors import ConfigError, DataError
from reporting.report_files import NUMBERS_FILE

_WIDTH_PX = 1120
_SCALE = 1.25
_LARGEST_BYTES = 200_000
_MARGIN_PX = 16


class _Cut(NamedTuple):
    """From the top of one element to the top of another."""

    first: str
    after: str


_CUTS = {
    "report-verdict.png": _Cut("h1", "#data"),
    "report-evaluation.png": _Cut("#evaluation", "h3:text-is('Confidence')"),
}


def take_screenshots(page: Path, out: Path) -> None:
    """Write each picture as PNG with at most 256 colours.

    Raises:
        ConfigError: there is no Chromium.
        DataError: the page is missing or of other than drawn faces, or a picture became too large.
    """
    _require_drawn(page)
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        raise ConfigError("no Chromium on PATH: install chromium or google-chrome")
    from playwright.sync_api import sync_playwright

    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        # As root, as in containers, Chromium runs only without its sandbox.
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": _WIDTH_PX, "height": 800}, device_scale_factor=_SCALE)
        opened.goto(page.resolve().as_uri())
        for name, cut in _CUTS.items():
            _write(out / name, _shoot(opened, cut))
        browser.close()


def _require_drawn(page: Path) -> None:
    numbers = page.with_name(NUMBERS_FILE)
    if not numbers.is_file():
        raise DataError(f"{numbers}: not there; `fer-tfx report --set name=fer-drawn` names the page of a run")
    name = json.loads(numbers.read_text("utf-8"))["name"]
    if not name.endswith("-drawn"):
        raise DataError(f"{page}: is of the run {name!r}, whose faces may be real; take one of a run without data")


def _shoot(page: Any, cut: _Cut) -> Image.Image:
    first, after = (page.locator(selector).bounding_box() for selector in cut)
    top = max(0, first["y"] - _MARGIN_PX)
    clip = {"x": 0, "y": top, "width": _WIDTH_PX, "height": after["y"] - _MARGIN_PX - top}
    return Image.open(io.BytesIO(page.screenshot(clip=clip, full_page=True)))


def _write(path: Path, picture: Image.Image) -> None:
    picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    if size > _LARGEST_BYTES:
        raise DataError(f"{path}: has {size} bytes, at most {_LARGEST_BYTES}; cut less in report_screenshots.py")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report_screenshots", description=__doc__)
    parser.add_argument("page", metavar="PAGE", type=Path, help="report.html, as `fer-tfx report` prints it")
    parser.add_argument("--out", metavar="FOLDER", type=Path, default=Path("docs/images"), help="default: docs/images")
    parsed = parser.parse_args(arguments)
    return run_command("report_screenshots", lambda: take_screenshots(parsed.page, parsed.out))


if __name__ == "__main__":
    sys.exit(main())
