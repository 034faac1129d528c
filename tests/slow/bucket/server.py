"""Google Cloud Storage on loopback: unshare --mount --net python server.py FAKE_GCS_SERVER FOLDER

TensorFlow's and Beam's clients can't be given another server, so this takes the place of Google's hosts for any process
that joins its namespaces with the variables of FOLDER/settings.json: host names, a certificate, an account's key, and a
proxy in front of fsouza's server. The proxy speaks TLS, answers as Google does where that server doesn't, and can be
told to fail. It also holds a double of Dataflow, which keeps each job that it gets and says at once that it is over.
Each line of standard input is a command in JSON, answered by a line: `{"faults": {...}}`, `{"objects": "PREFIX"}`,
`{"read": "NAME"}`, `{"write": "NAME", "path": "FILE"}`, `{"jobs": "ERROR"}`. The last one asks for the jobs since the
last time, and has later ones fail with that error, if it isn't empty. The server ends with its standard input.
"""

import email.parser
import http.client
import json
import random
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httplib2

BUCKET = "fer-bucket"
HOSTS = [f"{name}.googleapis.com" for name in ("storage", "www", "oauth2", "dataflow")]
# Of its own address, for a double that speaks gRPC.
VERTEX = ("127.0.0.2", "europe-west4-aiplatform.googleapis.com")
SERVER = ("127.0.0.1", 4443)
LARGE = 1000  # bytes from which on an upload can be cut
TOKEN = json.dumps({"access_token": "local", "expires_in": 3600, "token_type": "Bearer"}).encode()
CA_SETTINGS = ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")
NOT_PASSED_ON = {"connection", "content-length", "date", "expect", "transfer-encoding"}

Answer = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body."""
finished: dict[str, Answer] = {}
"""Answers to finished uploads, by session."""
faults: dict[str, float] = {}
"""`refused`: the fraction of requests that get 503; `cut`: how many uploads to cut in the middle; `unanswered`: how
many to cut before the answer."""
counts: Counter[str] = Counter()
"""Faults since the last command about them."""
jobs: list[dict[str, Any]] = []
"""What came to the double of Dataflow: path and content of each job."""
job_error = ""
lock = threading.Lock()
chance = random.Random(20)


def fails(kind: str) -> bool:
    """Whether to give this request that fault, which is then counted."""
    with lock:
        left = faults.get(kind, 0)
        is_hit = chance.random() < left if kind == "refused" else left > 0
        if is_hit and kind != "refused":
            faults[kind] = left - 1
        counts[kind] += is_hit
    return is_hit


class Proxy(BaseHTTPRequestHandler):
    """Answers for all of Google's hosts."""

    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        is_upload = self.command in ("POST", "PUT") and "upload" in self.path and length >= LARGE
        if is_upload and fails("cut"):
            self.rfile.read(length // 2)
            self.close_connection = True
            return
        body = self.read_chunks() if "chunked" in self.headers.get("Transfer-Encoding", "") else self.rfile.read(length)
        if "token" in self.path.rpartition("/")[2]:
            self.answer(200, [("Content-Type", "application/json")], TOKEN)
        elif self.path.startswith("/v1b3/"):
            self.answer(
                200, [("Content-Type", "application/json")], json.dumps(self.answer_as_dataflow_double(body)).encode()
            )
        elif fails("refused"):
            self.answer(503, [], b"try again")
        elif self.path.startswith("/batch"):
            self.answer(200, [("Content-Type", "multipart/mixed; boundary=part")], self.ask_batch(body))
        else:
            answer = self.ask_once(body)
            if is_upload and fails("unanswered"):
                self.close_connection = True
                return
            self.answer(*answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = handle_any  # noqa: N815 (names of http.server)

    def answer_as_dataflow_double(self, body: bytes) -> Any:
        path = self.path.partition("?")[0]
        if self.command == "POST":
            jobs.append({"path": path, "job": json.loads(body)})
            return {"id": "1", "name": "job", "currentState": "JOB_STATE_PENDING"}
        match path.rpartition("/")[2]:
            case "messages":
                said = {
                    "messageText": job_error,
                    "messageImportance": "JOB_MESSAGE_ERROR",
                    "time": "2026-01-01T00:00:00Z",
                }
                return {"jobMessages": [said] if job_error else []}
            case "metrics":
                return {}
        return {"id": "1", "name": "job", "currentState": "JOB_STATE_FAILED" if job_error else "JOB_STATE_DONE"}

    def read_chunks(self) -> bytes:
        """A body in chunks, as TensorFlow sends it, whatever `Content-Length` says."""
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if not (self.command == "HEAD" and any(name == "Content-Length" for name, _ in headers)):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def ask_once(self, body: bytes) -> Answer:
        """Google lets a client ask how much of an upload has arrived, and send it again.

        The server behind takes the question for an empty file, and forgets each upload that is done.
        """
        path = self.path.removeprefix("/resumable")
        session = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query).get("upload_id", [""])[0]
        is_question = self.headers.get("Content-Range", "").startswith("bytes */")
        if session in finished or is_question:
            return finished.get(session, (308, [], b""))
        answer = ask(self.command, path, body, dict(self.headers))
        if session and answer[0] == 200:
            finished[session] = answer
        return answer

    def ask_batch(self, body: bytes) -> bytes:
        """Ask one by one: the server behind answers a batch with nothing."""
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        answers = b""
        for part in email.parser.BytesParser().parsebytes(head + body).get_payload():
            line, _, rest = part.get_payload(decode=True).lstrip().partition(b"\n")
            method, url, _ = line.decode().split()
            request = email.parser.BytesParser().parsebytes(rest)
            address = urllib.parse.urlsplit(url)
            content = (request.get_payload(decode=True) or b"").strip()
            status, _, said = ask(method, f"{address.path}?{address.query}", content, dict(request))
            names = f"Content-ID: <response-{(part['Content-ID'] or '').strip('<>')}>\r\n\r\nHTTP/1.1 {status} Said\r\n"
            answers += f"--part\r\nContent-Type: application/http\r\n{names}".encode()
            answers += (
                f"Content-Type: application/json\r\nContent-Length: {len(said)}\r\n\r\n".encode() + said + b"\r\n"
            )
        return answers + b"--part--\r\n"

    def log_message(self, *arguments: object) -> None:
        """Nothing: there are thousands."""


def ask(method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
    """What the server behind answers."""
    # Go refuses some of the headers that TensorFlow writes, such as `Transfer-Encoding: identity`.
    passed = {name: value for name, value in headers.items() if name.lower() not in NOT_PASSED_ON}
    connection = http.client.HTTPConnection(*SERVER, timeout=120)
    connection.request(method, path, body, {**passed, "Host": HOSTS[0], "Content-Length": str(len(body))})
    response = connection.getresponse()
    said = response.read()
    # The server behind doesn't know of TLS, so it gives http addresses for uploads.
    kept = [
        (name, value.replace("http://", "https://", 1) if name == "Location" else value)
        for name, value in response.getheaders()
        if name.lower() not in NOT_PASSED_ON
    ]
    if method == "HEAD":
        kept.append(("Content-Length", response.getheader("Content-Length") or "0"))
    connection.close()
    return response.status, kept, said


def list_objects(prefix: str) -> dict[str, int]:
    """Sizes in bytes by name."""
    query = urllib.parse.urlencode({"prefix": prefix, "maxResults": 100_000})
    _, _, said = ask("GET", f"/storage/v1/b/{BUCKET}/o?{query}", b"", {})
    return {each["name"]: int(each["size"]) for each in json.loads(said).get("items", [])}


def run(*words: str | Path) -> None:
    subprocess.run(list(map(str, words)), check=True, capture_output=True)


def take_over_hosts(folder: Path) -> None:
    """Within these namespaces: host names, and a certificate for them that is its own authority."""
    run("ip", "link", "set", "lo", "up")
    hosts = folder / "hosts"
    hosts.write_text("".join(f"127.0.0.1 {each}\n" for each in ("localhost", *HOSTS)) + f"{' '.join(VERTEX)}\n")
    run("mount", "--bind", hosts, "/etc/hosts")
    run(
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=loopback",
        "-addext", "subjectAltName=" + ",".join(f"DNS:{each}" for each in (*HOSTS, VERTEX[1])),
        "-keyout", folder / "key.pem", "-out", folder / "certificate.pem",
    )  # fmt: skip
    # The client for Dataflow reads the authorities when it is imported, and a fork gets its settings only later.
    run("mount", "--bind", folder / "certificate.pem", httplib2.CA_CERTS)
    account = {
        "type": "service_account", "project_id": "fer", "client_id": "1", "private_key_id": "1",
        "client_email": "fer@fer.iam.gserviceaccount.com", "private_key": (folder / "key.pem").read_text(),
        "token_uri": f"https://{HOSTS[2]}/token",
    }  # fmt: skip
    (folder / "account.json").write_text(json.dumps(account))
    bundle = dict.fromkeys(CA_SETTINGS, f"{folder}/certificate.pem")
    (folder / "settings.json").write_text(
        json.dumps({**bundle, "GOOGLE_APPLICATION_CREDENTIALS": f"{folder}/account.json", "NO_GCE_CHECK": "true"})
    )


def start_server(program: str, folder: Path) -> "subprocess.Popen[bytes]":
    """The one behind, with an empty bucket. Its file back end can't hold TensorFlow's `folder/` objects."""
    address = ["-scheme", "http", "-host", SERVER[0], "-port", str(SERVER[1]), "-public-host", HOSTS[0]]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [program, *address, "-external-url", f"https://{HOSTS[0]}", "-backend", "memory"], stdout=log, stderr=log
        )
    for _ in range(100):
        try:
            ask("POST", "/storage/v1/b?project=fer", json.dumps({"name": BUCKET}).encode(), {})
            return server
        except ConnectionRefusedError:
            time.sleep(0.1)
    server.kill()
    raise RuntimeError(f"the server doesn't answer; see {folder}/server.log")


def obey(command: dict[str, Any]) -> Any:
    """The answer to a line of standard input."""
    global job_error  # noqa: PLW0603
    if "jobs" in command:
        job_error = command["jobs"]
        came = list(jobs)
        jobs.clear()
        return came
    if "objects" in command:
        return list_objects(command["objects"])
    if "read" in command:
        name = urllib.parse.quote(command["read"], safe="")
        return ask("GET", f"/storage/v1/b/{BUCKET}/o/{name}?alt=media", b"", {})[2].decode()
    if "write" in command:
        query = urllib.parse.urlencode({"uploadType": "media", "name": command["write"]})
        return ask("POST", f"/upload/storage/v1/b/{BUCKET}/o?{query}", Path(command["path"]).read_bytes(), {})[0]
    with lock:
        faults.clear()
        faults.update(command["faults"])
        counted = dict(counts)
        counts.clear()
    return counted


def main() -> None:
    program, folder = sys.argv[1], Path(sys.argv[2])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    take_over_hosts(folder)
    server = start_server(program, folder)
    try:
        front = ThreadingHTTPServer(("127.0.0.1", 443), Proxy)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
        front.socket = context.wrap_socket(front.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=front.serve_forever, daemon=True).start()
        print("ready", flush=True)
        for line in sys.stdin:
            print(json.dumps(obey(json.loads(line))), flush=True)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
