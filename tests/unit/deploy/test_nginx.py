"""kubeflow/serving/nginx.conf: what the page's server lets through."""

import json
import re
import shutil
import socket
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from manifests import FOLDER, REST_PORT, read_documents
from serving_double import TensorFlowServingDouble, answer_by_first_value

TEXT = (FOLDER / "nginx.conf").read_text("utf-8")
(COMPOSE,) = read_documents("compose.yaml")


def test_nginx_hands_on_to_the_server_of_the_compose_file():
    (host,) = re.findall(r"set \$server (\S+);", TEXT)
    (port,) = re.findall(r"proxy_pass http://\$server:(\d+);", TEXT)
    assert (host in COMPOSE["services"], int(port)) == (True, REST_PORT)
    # Docker's resolver, which knows the services of a compose file.
    assert re.findall(r"resolver (\S+)", TEXT) == ["127.0.0.11"]


def test_nginx_listens_on_the_published_port():
    (port,) = re.findall(r"listen (\d+);", TEXT)
    assert COMPOSE["services"]["demo"]["ports"] == [f"127.0.0.1:8080:{port}"]


def test_nginx_serves_the_folder_that_the_page_is_mounted_at():
    (root,) = re.findall(r"root ([^;]+);", TEXT)
    targets = {volume["target"]: volume["source"] for volume in COMPOSE["services"]["demo"]["volumes"]}
    assert (FOLDER / targets[root] / "index.html").is_file()


def test_nginx_gives_the_page_its_settings_and_the_model_that_finds_faces():
    (settings,) = re.findall(r"return 200 '(.*)';", TEXT)
    assert json.loads(settings) == {"models": [], "chosen": None, "server": "fer"}
    (alias,) = re.findall(r"location /face_models/ {[^}]*}\s*alias ([^;]+)/;", TEXT)
    targets = {volume["target"]: volume["source"] for volume in COMPOSE["services"]["demo"]["volumes"]}
    assert (FOLDER / targets[alias] / "SHA256SUMS").is_file()


def write_command(text: str, folder: Path) -> list[str]:
    """A configuration with that site in a folder, and the command that takes it."""
    nginx = shutil.which("nginx")
    if nginx is None:
        pytest.skip("no nginx on PATH")
    paths = " ".join(f"{kind}_temp_path {folder};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(f"pid {folder}/pid; events {{}} http {{ {paths} access_log off; {text} }}")
    return [nginx, "-e", "stderr", "-c", str(folder / "nginx.conf")]


def check_by_nginx(text: str, folder: Path) -> int:
    """Exit code of nginx's own check."""
    return subprocess.run([*write_command(text, folder), "-t", "-q"], check=False, capture_output=True).returncode


def test_nginx_itself_takes_the_file_and_refuses_a_broken_one(tmp_path):
    assert check_by_nginx(TEXT, tmp_path) == 0
    assert check_by_nginx(TEXT.replace("server_tokens off", "server_tokenz off"), tmp_path) != 0


class ResolverDouble:
    """Stands in for Docker's resolver: answers every name with `address`, for no longer than a second."""

    def __init__(self) -> None:
        self.address = "127.0.0.1"
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            query, caller = self._socket.recvfrom(512)
            question = query[12:]
            is_ipv4 = question.endswith(b"\0\0\x01\0\x01")
            answer = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 1, 4) + socket.inet_aton(self.address)
            header = query[:2] + struct.pack("!HHHHH", 0x8180, 1, int(is_ipv4), 0, 0)
            self._socket.sendto(header + question + (answer if is_ipv4 else b""), caller)


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[tuple[str, ResolverDouble, TensorFlowServingDouble]]:
    """The file in a real nginx: its URL, and what it asks."""
    resolver = ResolverDouble()
    with TensorFlowServingDouble(answer_by_first_value) as double, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        text = TEXT.replace("listen 8080", f"listen 127.0.0.1:{port}")
        text = text.replace("resolver 127.0.0.11 valid=5s", f"resolver 127.0.0.1:{resolver.port} valid=1s")
        text = text.replace(f"$server:{REST_PORT}", f"$server:{double.rest_url.rpartition(':')[2]}")
        command = write_command(text, tmp_path)
        free.close()
        nginx = subprocess.Popen([*command, "-g", "daemon off;"], stderr=subprocess.DEVNULL)
        yield f"http://127.0.0.1:{port}", resolver, double
        nginx.terminate()
        nginx.wait()


def ask(url: str) -> int:
    """HTTP's status; 0: nobody listens."""
    try:
        with urllib.request.urlopen(url) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except urllib.error.URLError:
        return 0


def wait_for(url: str, status: int) -> bool:
    end_s = time.monotonic() + 10
    while (found := ask(url)) != status and time.monotonic() < end_s:
        time.sleep(0.1)
    return found == status


def test_nginx_finds_a_server_that_was_made_anew_under_another_address(proxy):
    url, resolver, _ = proxy
    assert wait_for(f"{url}/v1/models/fer", 200)
    resolver.address = "127.0.0.9"  # where nobody listens
    assert wait_for(f"{url}/v1/models/fer", 502)
    resolver.address = "127.0.0.1"
    assert wait_for(f"{url}/v1/models/fer", 200)


def test_nginx_hands_on_the_path_and_nothing_but_models(proxy):
    url, _, double = proxy
    assert wait_for(f"{url}/v1/models/fer/versions/1", 200)
    assert double.requests[-1].spec.version == 1
    assert ask(f"{url}/monitoring/prometheus/metrics") == 404
