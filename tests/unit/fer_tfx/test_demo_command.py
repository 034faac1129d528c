"""fer-tfx demo: the site, as files and as served; tests/e2e/test_demo_page.py opens it in a browser."""

import http.client
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from demo_site import FOLDER, SAMPLES, serving
from PIL import Image
from serving_double import TensorFlowServingDouble, answer_by_first_value

import fer_tfx
from fer_tfx import cli
from fer_tfx.commands.demo import collect_site, open_server
from fer_tfx.commands.predict import BackEnd

pytestmark = pytest.mark.skipif(not (FOLDER / "litert/core.js").is_file(), reason="LiteRT.js was not fetched by npm")

PREDICT_PATH = "/v1/models/fer:predict"


def test_out_writes_a_whole_site_whose_page_names_only_files_that_are_there(tmp_path, capsys):
    assert cli.main(["demo", "--out", str(tmp_path / "new" / "site")]) == 0
    site = tmp_path / "new" / "site"
    assert capsys.readouterr().out.startswith(f"{site}: written; ")
    assert json.loads((site / "site.json").read_text()) == {
        "models": ["small", "accurate"],
        "chosen": "small",
        "server": None,
    }
    assert (site / "models/small/model.tflite").read_bytes() == (
        FOLDER.parent / "light_model/model.tflite"
    ).read_bytes()
    named = {"style.css", "page.js", "worker.js", "litert/litert_wasm_compat_internal.wasm.gz", "litert/NOTICE",
             "face_models/face_detection_short_range.tflite", "face_models/NOTICE", "samples/six.jpg"}  # fmt: skip
    assert named <= {path.relative_to(site).as_posix() for path in site.rglob("*")}
    assert [path.name for path in site.parent.iterdir()] == ["site"]


def test_out_leaves_a_folder_with_files_as_it_is(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert cli.main(["demo", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"fer-tfx: {tmp_path}: is there already; remove it, or name another place\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_out_fills_an_empty_folder_also_the_one_where_the_user_stands(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["demo", "--out", "."]) == 0
    assert {"index.html", "site.json", "models"} <= {path.name for path in tmp_path.iterdir()}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--url", "http://localhost:8501", "--out", "site"], "--out writes files, which ask no server; omit --url"),
        (["--url", "http://localhost:8501", "--model", "small"], "--model and --url: give one of them"),
        (["--server-model", "fer"], "--server-model is for a server; give --url, or omit it"),
        (["--port", "70000"], "--port 70000: expected a number from 0 to 65535"),
        (["--model", "no-such"], "no-such: no such folder"),
    ],
)
def test_options_that_can_not_be_are_refused_in_one_line(options, message, capsys):
    assert cli.main(["demo", *options]) == 2
    assert capsys.readouterr().err.startswith(f"fer-tfx: {message}")


def test_own_model_without_a_light_form_is_refused(tmp_path, capsys):
    (tmp_path / "saved_model.pb").write_bytes(b"")
    assert cli.main(["demo", "--model", str(tmp_path)]) == 2
    said = "has no light form, which is what browsers run; push it anew by `fer-tfx run`"
    assert capsys.readouterr().err == f"fer-tfx: {tmp_path}: {said}\n"


def test_own_model_is_the_chosen_one_beside_those_that_are_shipped(tmp_path):
    shutil.copytree(FOLDER.parent / "light_model", tmp_path / "17/assets.extra")
    (tmp_path / "17/saved_model.pb").write_bytes(b"")
    site = collect_site(BackEnd(model=str(tmp_path)))
    assert json.loads(site["site.json"]) == {"models": ["small", "accurate", "own"], "chosen": "own", "server": None}
    assert site["models/own/class_names.txt"] == tmp_path / "17/assets.extra/class_names.txt"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(open_server(collect_site(BackEnd()), 0)) as served:
        yield served


def ask(url: str, path: str, body: str | None = None, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(url.split("/")[2])
    connection.request("POST" if body is not None else "GET", path, body, headers)
    return connection.getresponse()


@pytest.mark.parametrize(
    ("path", "media_type"),
    [("/", "text/html; charset=utf-8"), ("/page.js", "text/javascript"), ("/style.css", "text/css"),
     ("/samples/six.jpg", "image/jpeg"), ("/site.json?1", "application/json"),
     ("/models/small/model.tflite", "application/octet-stream")],
)  # fmt: skip
def test_server_says_what_each_file_is(url, path, media_type):
    answer = ask(url, path)
    assert (answer.status, answer.getheader("Content-Type")) == (200, media_type)
    assert answer.getheader("X-Content-Type-Options") == "nosniff"
    assert answer.getheader("Content-Security-Policy") == "frame-ancestors 'none'"
    assert len(answer.read()) == int(answer.getheader("Content-Length"))


@pytest.mark.parametrize(
    "path", ["/../cli.py", "/models/../../cli.py", "/%2e%2e/cli.py", "/samples/", "/litert", "//etc/passwd"]
)
def test_server_gives_nothing_but_the_site(url, path):
    assert ask(url, path).status == 404


def test_server_answers_under_no_name_but_localhost(url):
    assert ask(url, "/", Host="evil.example:80").status == 404
    assert ask(url, "/", Host="127.0.0.1:80").status == 200


def test_port_that_is_taken_is_named(url, capsys):
    port = url.rstrip("/").rpartition(":")[2]
    assert cli.main(["demo", "--port", port]) == 2
    assert capsys.readouterr().err == (
        f"fer-tfx: --port {port}: Address already in use; give another one, or 0 for any that is free\n"
    )


def test_command_serves_until_it_is_interrupted(tmp_path):
    command = [sys.executable, "-m", "pipeline", "demo", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        said = running.stdout.readline()
        status = ask(said.split()[0] + "/", "/").status
        running.terminate()
        rest = running.communicate()
    assert (status, running.returncode, rest) == (200, 0, ("", ""))
    assert said.endswith("  (Ctrl-C ends it)\n")


def test_server_of_a_model_elsewhere_answers_as_tensorflow_serving_does():
    faces = np.full((2, 48, 48, 1), 203, np.uint8)
    body = json.dumps({"signature_name": "serve_pixels", "instances": faces.tolist()})
    with TensorFlowServingDouble(answer_by_first_value) as double, fer_tfx.load(double.rest_url) as model:
        site = collect_site(BackEnd(url=double.rest_url))
        with serving(open_server(site, 0, model)) as url:
            answers = json.load(ask(url, PREDICT_PATH, body))["predictions"]
            broken = ask(url, PREDICT_PATH, "{}")
            other = ask(url, "/v1/models/other:predict", body)
            rebound = ask(url, PREDICT_PATH, body, Host="evil.example")
            values = [ask(url, PREDICT_PATH, json.dumps({"instances": [[each] * 2304]})).status
                      for each in (0.5, -1, 300, 10**30, "a", None)]  # fmt: skip
            hosts = [
                ask(url, "/", Host=each).status
                for each in ("localhost", "LOCALHOST:80", "127.0.0.1", "localhost.evil.example", "")
            ]
            sent = len(double.requests)
            wrong = [{"Content-Length": each} for each in ("many", "-1", "9999999")]
            lengths = [ask(url, PREDICT_PATH, "{}", **each).status for each in wrong]
    expected = answer_by_first_value("serve_pixels", {"pixels": faces})
    np.testing.assert_allclose([each["probabilities"] for each in answers], expected["probabilities"])
    assert [(each["class_name"], each["class_names"][0], each["abstain"]) for each in answers] == [
        (["angry"], "angry", False)
    ] * 2
    assert (broken.status, other.status, rebound.status, sent) == (400, 404, 404, 1)
    assert lengths == [413, 413, 413]
    assert (values, hosts) == ([400] * 6, [200, 200, 200, 404, 404])
    assert json.loads(site["site.json"]) == {"models": ["small", "accurate"], "chosen": None, "server": "fer"}


def test_server_without_a_model_takes_no_pictures(url):
    assert ask(url, PREDICT_PATH, "{}").status == 404


@pytest.mark.parametrize("name", ["happy", "surprise", "angry"])
def test_sample_is_named_by_the_shipped_model_as_it_was_drawn(name):
    (face,) = fer_tfx.predict(SAMPLES / f"{name}.jpg")
    assert (face.label, face.abstain) == (name, False)


def test_samples_are_drawings_of_a_few_kilobytes_without_notes():
    for path in SAMPLES.iterdir():
        with Image.open(path) as picture:
            assert not picture.getexif()
        assert path.stat().st_size < 80_000


def test_server_of_a_model_with_an_odd_name_is_asked_by_it():
    faces = np.full((1, 48, 48, 1), 203, np.uint8)
    body = json.dumps({"instances": faces.tolist()})
    with TensorFlowServingDouble(answer_by_first_value) as double, fer_tfx.load(double.rest_url) as model:
        site = collect_site(BackEnd(url=double.rest_url, server_model="my model+é"))
        with serving(open_server(site, 0, model, "my model+é")) as url:
            asked = [ask(url, f"/v1/models/{name}:predict", body).status
                     for name in ("my%20model%2B%C3%A9", "my%20model")]  # fmt: skip
            deep = ask(url, "/v1/models/my%20model%2B%C3%A9:predict", "[" * 100_000).status
    assert (asked, deep) == ([200, 404], 400)
