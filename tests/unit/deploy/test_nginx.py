"""kubeflow/serving/nginx.conf: what the page's server lets through."""

import re
import shutil
import subprocess

import pytest
from manifests import FOLDER, REST_PORT, read_documents

TEXT = (FOLDER / "nginx.conf").read_text("utf-8")
(COMPOSE,) = read_documents("compose.yaml")


def test_nginx_hands_on_to_the_server_of_the_compose_file():
    (host, port), *others = re.findall(r"proxy_pass http://([^:]+):(\d+);", TEXT)
    assert (host in COMPOSE["services"], int(port), others) == (True, REST_PORT, [])


def test_nginx_listens_on_the_published_port():
    (port,) = re.findall(r"listen (\d+);", TEXT)
    assert COMPOSE["services"]["demo"]["ports"] == [f"127.0.0.1:8080:{port}"]


def test_nginx_serves_the_folder_that_the_page_is_mounted_at():
    (root,) = re.findall(r"root ([^;]+);", TEXT)
    targets = {volume["target"]: volume["source"] for volume in COMPOSE["services"]["demo"]["volumes"]}
    assert (FOLDER / targets[root] / "index.html").is_file()


def check_by_nginx(text: str, folder) -> int:
    """Exit code of nginx's own check."""
    nginx = shutil.which("nginx")
    if nginx is None:
        pytest.skip("no nginx on PATH")
    paths = " ".join(f"{kind}_temp_path {folder};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    site = text.replace("http://tensorflow-serving:", "http://127.0.0.1:")  # the name exists within compose only
    (folder / "nginx.conf").write_text(f"pid {folder}/pid; events {{}} http {{ {paths} access_log off; {site} }}")
    command = [nginx, "-t", "-q", "-e", "stderr", "-c", str(folder / "nginx.conf")]
    return subprocess.run(command, check=False, capture_output=True).returncode


def test_nginx_itself_takes_the_file_and_refuses_a_broken_one(tmp_path):
    assert check_by_nginx(TEXT, tmp_path) == 0
    assert check_by_nginx(TEXT.replace("server_tokens off", "server_tokenz off"), tmp_path) != 0
