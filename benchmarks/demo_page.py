"""How fast the page of `fer-tfx demo` is in Chromium, and whether it names the faces of the public test as Python does.

    python -m benchmarks.demo_page --data FOLDER --out benchmarks/results/demo_page.md

Without FER2013's files in FOLDER, drawn faces take their place.
"""

import argparse
import base64
import io
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.harness.command import make_parser, print_report, render, run_command
from benchmarks.model.fer2013 import read_public_test
from fer_tfx import load
from fer_tfx.commands.demo import collect_site, open_server
from fer_tfx.commands.predict import BackEnd
from fer_tfx.errors import ConfigError
from schema.drawn_faces import draw_faces

_SAMPLES = Path(__file__).parents[1] / "fer_tfx/demo/samples"
_CAMERA_PX, _WATCHED_S, _FACE_PX = (640, 480), 10, 300
_DRAWN, _BATCH, _TIE, _EXACT = 500, 200, 1e-3, 1e-3
_FAKES = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
_ANSWER = """async (texts) => {
    const { Engine } = await import(new URL("engine.js", location.href));
    if (!window.engineOfBenchmark) {
        window.engineOfBenchmark = new Engine();
        await window.engineOfBenchmark.useModel({ folder: new URL("models/small/", location.href).href });
    }
    const toBytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const files = texts.map((text) => new File([toBytes(text)], "face"));
    const answers = [], spentMs = [];
    for (const file of files) {
        const startMs = performance.now();
        const { faces } = await window.engineOfBenchmark.answerPicture(file, { bytes: 1e9, pixels: 1e9 });
        answers.push(faces[0].probabilities);
        spentMs.push(performance.now() - startMs);
    }
    return [answers, spentMs];
}"""


class Agreement(NamedTuple):
    """How the page's answers for faces compare with Python's, both with four views."""

    face_count: int
    other_classes: int  # than Python's, ties not counted
    ties: int  # of another class, but Python's two best are closer than _TIE
    differing: int  # faces with a probability that differs by more than _EXACT
    largest_difference: float
    faces_per_s: float
    undisturbed_faces_per_s: float  # by the tenth of them that took the least time


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser("demo_page", __doc__)
    parser.add_argument("--data", metavar="FOLDER", type=Path, help="FER2013's files")
    parser.add_argument("--out", metavar="FILE", type=Path, help="also write the report there, as Markdown")
    return run_command(parser, lambda options: print_report(options.out, lambda: _report(options)), arguments)


def _report(options: argparse.Namespace) -> str:
    faces = read_public_test(options.data).pixels if options.data else draw_faces(_DRAWN, 0).pixels
    with TemporaryDirectory(prefix="benchmark-") as folder:
        rates = {}
        for count in (1, 2):
            with open_page(_write_clip(Path(folder, f"{count}.y4m"), count)) as page:
                rates[count] = _watch_camera(page, count)
        with open_page() as page:
            agreement = compare(page, faces)
    load = os.getloadavg()[-1]
    return render("demo_page.md", agreement=agreement, rates=rates, is_real=bool(options.data), load=load)


@contextmanager
def open_page(clip: Path | None = None) -> Iterator[Any]:
    """The page in headless Chromium, with a video for its camera. Raises ConfigError without Chromium."""
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        raise ConfigError("no Chromium on PATH: install chromium or google-chrome")
    from playwright.sync_api import sync_playwright

    server = open_server(collect_site(BackEnd()), 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # As root, as in containers, Chromium runs only without its sandbox.
    options = ["--no-sandbox", *_FAKES, f"--use-file-for-fake-video-capture={clip}"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=options if clip else options[:1])
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.goto(f"http://localhost:{server.server_port}/")
        yield page
        browser.close()
    server.shutdown()
    server.server_close()


def compare(page: Any, faces: npt.NDArray[np.uint8]) -> Agreement:
    """Let page and library answer for uint8 (n, 48, 48)."""
    expected = np.array([[*each.probabilities.values()] for each in load().predict_faces(faces, views=4)])
    found, spent_ms = [], []
    for start in range(0, len(faces), _BATCH):
        answers, spent = page.evaluate(_ANSWER, [_encode(face) for face in faces[start : start + _BATCH]])
        found += answers
        spent_ms += spent
    others = np.argmax(found, axis=1) != expected.argmax(axis=1)
    best = np.sort(expected, axis=1)
    are_ties = others & (best[:, -1] - best[:, -2] < _TIE)
    differences = np.abs(np.array(found) - expected).max(axis=1)
    rates = [1_000 / float(each) for each in (np.mean(spent_ms), np.quantile(spent_ms, 0.1))]
    classes = int((others & ~are_ties).sum()), int(are_ties.sum())
    return Agreement(len(faces), *classes, int((differences > _EXACT).sum()), float(differences.max()), *rates)


def _encode(face: npt.NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(face).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def _write_clip(path: Path, count: int) -> Path:
    """A still of so many drawn faces, as Chromium takes it for its camera (Y4M)."""
    frame = Image.new("RGB", _CAMERA_PX, (120, 130, 140))
    for place, name in enumerate(("happy", "surprise")[:count]):
        frame.paste(Image.open(_SAMPLES / f"{name}.jpg").resize((_FACE_PX, _FACE_PX)), (10 + place * 320, 90))
    luma, *chroma = frame.convert("YCbCr").split()
    halves = [band.resize((_CAMERA_PX[0] // 2, _CAMERA_PX[1] // 2)).tobytes() for band in chroma]
    header = f"YUV4MPEG2 W{_CAMERA_PX[0]} H{_CAMERA_PX[1]} F30:1 Ip C420jpeg\n".encode()
    path.write_bytes(header + (b"FRAME\n" + luma.tobytes() + b"".join(halves)) * 2)
    return path


def _watch_camera(page: Any, count: int) -> tuple[float, float]:
    """Frames a second that the page shows: the median of some seconds, and the best."""
    page.click("#camera")
    page.locator("#faces > li").nth(count - 1).wait_for()
    page.locator("#rate:not(:empty)").wait_for()
    rates = []
    for _ in range(_WATCHED_S):
        time.sleep(1)
        rates.append(float(page.inner_text("#rate").split()[0]))
    return float(np.median(rates)), max(rates)


if __name__ == "__main__":
    sys.exit(main())
