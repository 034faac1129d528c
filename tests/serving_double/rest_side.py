"""The REST API, by Python's own HTTP server, which also answers what is asked by KServe's."""

import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from fer_tfx.contract import SERVE_EXAMPLES
from serving_double import kserve_side
from serving_double.faults import ServingFault
from serving_double.json_tensors import decode_inputs, encode_outputs, parse_body
from serving_double.received import ModelSpec, ReceivedRequest

if TYPE_CHECKING:
    from serving_double.double import TensorFlowServingDouble

_MODEL = r"(?i)/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?"
_PREDICT_PATH = re.compile(_MODEL + ":predict")
_STATUS_PATH = re.compile(_MODEL + "(?:/(metadata))?")
_CORS_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}
_TYPE_NAMES = {"u": "DT_UINT8", "O": "DT_STRING", "f": "DT_FLOAT", "i": "DT_INT64", "b": "DT_BOOL"}


def start_rest_server(double: "TensorFlowServingDouble") -> tuple[int, Callable[[], None]]:
    """A server on a free port: the port, and what stops it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"double": double}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return server.server_port, stop


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits for the caller's delayed acknowledgement
    timeout = 5  # closes a connection that is kept open but idle
    double: "TensorFlowServingDouble"

    def do_GET(self) -> None:
        is_kserve = self.path.startswith("/v2/")
        self._answer(lambda: (kserve_side.get if is_kserve else _get)(self.double, self.path))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/v2/"):
            self._answer(lambda: kserve_side.post(self.double, self.path, body, self.headers))
        else:
            self._answer(lambda: _post(self.double, self.path, body))

    def do_OPTIONS(self) -> None:
        self._answer(self._preflight)

    def _preflight(self) -> None:
        if not re.search("https?://", self.headers.get("Origin", "")):
            raise ServingFault("FAILED_PRECONDITION", "Origin header is missing in CORS preflight")

    def _answer(self, make: Callable[[], Any]) -> None:
        try:
            status, body = 200, make()
        except ServingFault as fault:
            status, body = fault.http_status, {"error": fault.message}
        text = b"" if body is None else json.dumps(body, indent=4).encode()
        self.send_response(status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(text))}
        for key, value in (headers | (_CORS_HEADERS if self.double.is_cors_enabled else {})).items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        """Nothing: a test reads `double.requests`."""


def _get(double: "TensorFlowServingDouble", path: str) -> Any:
    found = _match(_STATUS_PATH, "GET", path)
    spec = _to_spec(found)
    method = "metadata" if found[4] else "status"
    double.receive(_note(method, spec))
    if method == "metadata":
        return _describe(double, spec)
    status = {"error_code": "OK", "error_message": ""}
    return {
        "model_version_status": [
            {"version": str(version), "state": state, "status": status}
            for version, state in sorted(double.list_states(spec).items(), reverse=True)
        ]
    }


def _post(double: "TensorFlowServingDouble", path: str, text: bytes) -> Any:
    spec = _to_spec(_match(_PREDICT_PATH, "POST", path))
    body = parse_body(text)
    double.receive(_note("predict", spec, body))
    signature_name = body.get("signature_name") or SERVE_EXAMPLES
    signatures = double.find_model(spec).signatures
    if signature_name not in signatures:
        message = f'Serving signature name: "{signature_name}" not found in signature def'
        raise ServingFault("INVALID_ARGUMENT", message)
    form, inputs = decode_inputs(body, signatures[signature_name])
    return encode_outputs(double.run(spec, signature_name, inputs), form)


def _match(pattern: re.Pattern[str], method: str, path: str) -> re.Match[str]:
    found = pattern.fullmatch(path)
    if not found:
        raise ServingFault("INVALID_ARGUMENT", f"Malformed request: {method} {path}")
    return found


def _to_spec(found: re.Match[str]) -> ModelSpec:
    name, version, label = found[1], found[2], found[3]
    return ModelSpec(unquote(name), int(version) if version else None, unquote(label) if label else None)


def _note(method: str, spec: ModelSpec, details: dict[str, Any] | None = None) -> ReceivedRequest:
    return ReceivedRequest("REST", method, spec, details or {})


def _describe(double: "TensorFlowServingDouble", spec: ModelSpec) -> Any:
    """Inputs alone: a function doesn't say beforehand what it gives."""
    definitions = {
        name: {"inputs": {key: {"dtype": _TYPE_NAMES[dtype.kind], "name": key} for key, dtype in inputs.items()}}
        for name, inputs in double.find_model(spec).signatures.items()
    }
    model_spec = {"name": spec.name, "signature_name": "", "version": str(double.find_version(spec))}
    return {"model_spec": model_spec, "metadata": {"signature_def": {"signature_def": definitions}}}
