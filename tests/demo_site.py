"""What the page of `fer-tfx demo` is opened with: a browser, the command's own server, and a video as its camera."""

import base64
import io
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fer_tfx.commands.demo import collect_site, open_server
from fer_tfx.commands.predict import BackEnd, open_model

FOLDER = Path(__file__).parents[1] / "fer_tfx/demo"
SAMPLES = FOLDER / "samples"
_NAMES = ("chromium", "chromium-browser", "google-chrome")

# A real drop: a File within a DataTransfer, let go over the frame for the picture.
_DROP = """([name, type, text]) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const dataTransfer = new DataTransfer();
    if (name) dataTransfer.items.add(new File([bytes], name, { type }));
    const event = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
    document.querySelector("#stage").dispatchEvent(event);
    return event.defaultPrevented;
}"""
# The page's own engine, kept on the window, and what it answers for files, without the page's rounding.
_ANSWER = """async ([folder, texts]) => {
    const { Engine } = await import(new URL("engine.js", location.href));
    if (!window.engineOfTest) {
        window.engineOfTest = new Engine();
        await window.engineOfTest.useModel({ folder: new URL(folder, location.href).href });
    }
    const answers = [];
    for (const text of texts) {
        const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
        const file = new File([bytes], "face"), limits = { bytes: 1e9, pixels: 1e9 };
        const { faces } = await window.engineOfTest.answerPicture(file, limits);
        answers.push(faces.map(({ box, probabilities, abstain }) => ({ box, probabilities, abstain })));
    }
    return answers;
}"""


@contextmanager
def start_playwright() -> Iterator[Any]:
    """The driver of browsers, of which a process runs only one at a time; skips where it or Chromium is missing."""
    sync_api = pytest.importorskip("playwright.sync_api")
    _find_chromium()  # before the driver, which wants a library that the smallest systems leave out
    with sync_api.sync_playwright() as playwright:
        yield playwright


@contextmanager
def open_browser(playwright: Any, *arguments: str) -> Iterator[Any]:
    """Headless Chromium."""
    # As root, as in containers, Chromium runs only without its sandbox.
    browser = playwright.chromium.launch(executable_path=_find_chromium(), args=["--no-sandbox", *arguments])
    yield browser
    browser.close()


def _find_chromium() -> str:
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    return path or pytest.skip(f"no Chromium on PATH ({', '.join(_NAMES)})")


@contextmanager
def serve_site(back_end: BackEnd | None = None) -> Iterator[str]:
    """URL of the page, as the command serves it; skips where LiteRT.js was not fetched."""
    if not (FOLDER / "litert/core.js").is_file():
        pytest.skip("LiteRT.js is not there: the build of fer_tfx fetches it by npm")
    back_end = back_end or BackEnd()
    site = collect_site(back_end)
    if not back_end.url:
        with serving(open_server(site, 0)) as url:
            yield url
        return
    with open_model(back_end) as model, serving(open_server(site, 0, model)) as url:
        yield url


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[str]:
    """URL of a server while it runs."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def drop(page: Any, content: bytes, name: str = "face.png", media_type: str = "image/png") -> None:
    """Drop a file on the page; without a name, something that is no file."""
    assert page.evaluate(_DROP, [name, media_type, base64.b64encode(content).decode()])


def answer_files(page: Any, contents: list[bytes], folder: str = "models/small/") -> list[list[dict[str, Any]]]:
    """For each file the faces that the page's own code finds: box, probabilities, abstain."""
    texts = [base64.b64encode(content).decode() for content in contents]
    answers: list[list[dict[str, Any]]] = page.evaluate(_ANSWER, [folder, texts])
    return answers


def to_file(picture: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    """The file of a picture."""
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def write_clip(path: Path, frames: list[Image.Image]) -> Path:
    """A video that Chromium takes for its camera (Y4M), 30 frames a second, over and over."""
    width, height = frames[0].size
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F30:1 Ip C420jpeg\n".encode())
        for frame in frames:
            luma, *chroma = frame.convert("YCbCr").split()
            halves = [band.resize((width // 2, height // 2)).tobytes() for band in chroma]
            file.write(b"FRAME\n" + luma.tobytes() + b"".join(halves))
    return path
