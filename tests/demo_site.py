"""What the demonstration page is opened with: a browser, and a server like the one in kubeflow/serving."""

import base64
import functools
import http.server
import io
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from schema.drawn_faces import draw_faces

FOLDER = Path(__file__).parents[1] / "fer_tfx/demo"
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


class NginxDouble(http.server.SimpleHTTPRequestHandler):
    """Stands in for nginx.conf: the page at /, and /v1/ handed on to `upstream`, whose origin the page then shares."""

    upstream = ""

    def do_POST(self) -> None:
        assert self.path.startswith("/v1/")
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            with urllib.request.urlopen(self.upstream + self.path, body, timeout=10) as response:
                self._send(response.status, response.read())
        except urllib.error.HTTPError as error:
            self._send(error.code, error.read())
        except urllib.error.URLError:
            self._send(502, b"<html>502 Bad Gateway</html>")

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


@contextmanager
def serve_site(upstream: str) -> Iterator[str]:
    """URL of the page, from a server of its own."""
    handler = functools.partial(type("Handler", (NginxDouble,), {"upstream": upstream}), directory=str(FOLDER))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def drop(page: Any, content: bytes, name: str = "face.png", media_type: str = "image/png") -> None:
    """Drop a file on the page; without a name, something that is no file."""
    assert page.evaluate(_DROP, [name, media_type, base64.b64encode(content).decode()])


def draw_photo(width: int, height: int, seed: int = 5) -> Image.Image:
    """A colour picture, three drawn faces as its red, green and blue, so that wrong luma weights show."""
    faces = draw_faces(3, seed).pixels
    return Image.merge(
        "RGB", [Image.fromarray(face).resize((width, height), Image.Resampling.BICUBIC) for face in faces]
    )


def compute_crop(photo: Image.Image, x: int, y: int, side: int) -> np.ndarray:
    """The model's own way from colours to pixels, uint8 values (48, 48): luma, then an antialiased triangle filter."""
    grey = np.asarray(photo.crop((x, y, x + side, y + side)), np.float32) @ np.array((0.299, 0.587, 0.114), np.float32)
    small = Image.fromarray(grey).resize((48, 48), Image.Resampling.BILINEAR)
    return np.rint(np.asarray(small)).clip(0, 255)


def to_png(photo: Image.Image) -> bytes:
    """The file of a picture."""
    file = io.BytesIO()
    photo.save(file, "PNG")
    return file.getvalue()
