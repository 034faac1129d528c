"""Pictures of a report for docs/results.md, from the page of a run on drawn faces."""

import io
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.harness.command import make_parser, read_json_object, run_command
from fer_tfx.errors import ConfigError, DataError
from reporting import NUMBERS_FILE

_WIDTH_PX, _MARGIN_PX, _SCALE = 1120, 16, 1.25
_LARGEST_BYTES = 200_000
_CUTS = {
    "report-verdict.png": ("h1", "#data"),
    "report-evaluation.png": ("#evaluation", "h3:text-is('Confidence')"),
}
"""By file: from the top of one element to the top of another."""


def take_screenshots(page: Path, out: Path) -> None:
    """Write each picture as PNG with at most 256 colours. Raises DataError unless the page shows drawn faces."""
    remedy = "`fer-tfx report --set name=fer-drawn` prints the page of a run"
    name = read_json_object(page.with_name(NUMBERS_FILE), remedy, ["name"])["name"]
    if not name.endswith("-drawn"):
        raise DataError(f"{page}: shows the run {name!r}, whose faces may be real; give the page of a run without data")
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        raise ConfigError("no Chromium on PATH: install chromium or google-chrome")
    from playwright.sync_api import sync_playwright

    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        # As root, as in containers, Chromium runs only without its sandbox.
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        opened: Any = browser.new_page(viewport={"width": _WIDTH_PX, "height": 800}, device_scale_factor=_SCALE)
        opened.goto(page.resolve().as_uri())
        for name, cut in _CUTS.items():
            first, after = (opened.locator(selector).bounding_box() for selector in cut)
            top = max(0, first["y"] - _MARGIN_PX)
            clip = {"x": 0, "y": top, "width": _WIDTH_PX, "height": after["y"] - _MARGIN_PX - top}
            picture = Image.open(io.BytesIO(opened.screenshot(clip=clip, full_page=True)))
            path = out / name
            picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
            if (size := path.stat().st_size) > _LARGEST_BYTES:
                raise DataError(
                    f"{path}: has {size} bytes, at most {_LARGEST_BYTES}; cut less in report_screenshots.py"
                )
        browser.close()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser("report_screenshots", __doc__)
    parser.add_argument("page", metavar="PAGE", type=Path, help="report.html, as `fer-tfx report` prints it")
    parser.add_argument("--out", metavar="FOLDER", type=Path, default=Path("docs/images"), help="default: docs/images")
    return run_command(parser, lambda options: take_screenshots(options.page, options.out), arguments)


if __name__ == "__main__":
    sys.exit(main())
