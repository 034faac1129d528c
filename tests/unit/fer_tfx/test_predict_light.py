"""fer-tfx predict as it is installed without extras: the model that comes with the package, in its light form."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_tfx import model_files
from fer_tfx.cli import main
from fer_tfx.model import load
from schema.drawn_faces import draw_faces

HEAVY = {"tensorflow", "keras", "tfx", "apache_beam", "pandas", "scipy", "cv2"}
# What one picture needs none of.
NEEDLESS = HEAVY | {"rich", "yaml", "urllib3", "grpc"}
ASK_IN_FRESH_PROCESS = """
import sys
from fer_tfx.cli import main
code = main(sys.argv[2:])
open(sys.argv[1], "w").write(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
sys.exit(code)
"""


@pytest.fixture
def faces() -> np.ndarray:
    return draw_faces(5, 8).pixels


def ask(tmp_path: Path, *words: str, said: str = "") -> tuple[str, set[str]]:
    """What the command prints in a process of its own, where nobody else says anything on standard error, and the
    packages that it imports."""
    modules = tmp_path / "modules.txt"
    command = [sys.executable, "-c", ASK_IN_FRESH_PROCESS, str(modules), *words]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, said)
    return done.stdout, set(modules.read_text("utf-8").split())


def test_predict_picture_in_a_fresh_process_imports_nothing_heavy(tmp_path, faces):
    path = tmp_path / "a.png"
    Image.fromarray(faces[0]).save(path)
    printed, imported = ask(tmp_path, "predict", str(path), said="fer-tfx: answers average 4 views\n")
    (expected,) = load().predict_faces(faces[:1])
    assert printed == f"{path}     {expected.label:8}  {expected.confidence:.3f}\n"
    assert imported & NEEDLESS == set()
    assert "ai_edge_litert" in imported


@pytest.mark.parametrize("command", ["predict", "submission"])
def test_rows_in_a_fresh_process_import_nothing_heavy(tmp_path, faces, command):
    path, out = tmp_path / "test.csv", tmp_path / "out.txt"
    lines = [" ".join(map(str, face.ravel())) for face in faces]
    path.write_text("\n".join(["pixels", *lines, ""]), "ascii")
    given = ["predict", str(path)] if command == "predict" else ["submission", "--data", str(path)]
    said = "fer-tfx: answers use one view\n" if command == "predict" else ""
    printed, imported = ask(tmp_path, *given, "--out", str(out), said=said)
    assert printed.startswith("5 ")
    expected = load().predict_faces(faces, views=1)
    shown = [line.split()[1 if command == "predict" else 0] for line in out.read_text("utf-8").splitlines()]
    assert shown == [each.label if command == "predict" else str(each.class_index) for each in expected]
    assert imported & HEAVY == set()


def test_predict_search_in_a_fresh_process_imports_nothing_heavy(tmp_path, faces):
    path = tmp_path / "a.png"
    Image.new("L", (300, 300)).save(path)
    printed, imported = ask(tmp_path, "predict", str(path))
    assert printed == f"{path}     no face\n"
    assert imported & NEEDLESS == set()


@pytest.mark.parametrize(("words", "views"), [([], 4), (["--views", "1"], 1), (["--views", "2"], 2)])
def test_predict_pictures_average_as_many_views_as_asked_for(capfd, tmp_path, faces, words, views):
    path = tmp_path / "a.png"
    Image.fromarray(faces[0]).save(path)
    assert main(["predict", str(path), *words, "--format", "jsonl"]) == 0
    (expected,) = load().predict_faces(faces[:1], views=views)
    answer = json.loads(capfd.readouterr().out)
    assert (answer["views"], expected.views) == (views, views)
    assert answer["confidence"] == pytest.approx(expected.confidence, abs=1e-6)


def test_predict_damaged_light_model_is_one_line_and_nothing_is_printed(capfd, tmp_path, monkeypatch, faces):
    monkeypatch.setattr(model_files.resources, "files", lambda name: {"fer_tfx": tmp_path}[name])
    folder = tmp_path / "light_model"
    folder.mkdir()
    (folder / "model.tflite").write_bytes(b"other")
    model_files.write_sums(folder)
    (folder / "model.tflite").write_bytes(b"another")
    Image.fromarray(faces[0]).save(tmp_path / "a.png")
    assert main(["predict", str(tmp_path / "a.png")]) == 2
    printed, error = capfd.readouterr()
    assert (printed, error.count("\n")) == ("", 1)
    assert error.startswith(f"fer-tfx: {folder}/model.tflite: has the SHA-256 ")
