"""The notebook for those who start there: executed as it stands, on the default faces with the default network."""

import csv
import os
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from fer_tfx.contract import DEFAULT_CLASS_NAMES

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "first_run.ipynb"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def outputs(folder):
    """Of each cell with code."""
    nbclient = pytest.importorskip("nbclient")
    import nbformat

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])))
        nbclient.NotebookClient(notebook, timeout=1200, resources={"metadata": {"path": str(folder)}}).execute()
    return [cell["outputs"] for cell in notebook.cells if cell["cell_type"] == "code"]


def read_said(output):
    return "".join(each.get("text", "") for each in output)


def test_notebook_runs_from_data_to_answers(outputs):
    assert "gate         passed" in read_said(outputs[2])
    assert "report.html" in outputs[3][-1]["data"]["text/html"]
    answers = outputs[4][-1]["data"]["text/plain"]
    assert answers.count("(") == 14
    assert {name for name in DEFAULT_CLASS_NAMES if f"'{name}'" in answers}


def test_drawn_faces_are_too_hard_for_a_linear_softmax_and_learned_by_the_network(outputs, folder):
    accuracy = re.search(r"^accuracy +(0\.\d+) on 8\d\d eval rows", read_said(outputs[2]), re.MULTILINE)
    assert float(accuracy[1]) > 0.95
    (table,) = folder.rglob("fer2013.csv")
    pixels, classes = {"Training": [], "PublicTest": []}, {"Training": [], "PublicTest": []}
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            values = (row["pixels"] or "").split()
            is_sound = len(values) == 2304 and all(map(str.isdecimal, values)) and row["emotion"] in set("0123456")
            if is_sound and row["Usage"] in pixels:
                picture = np.array(values, float)
                pixels[row["Usage"]].append((picture - picture.mean()) / picture.std())
                classes[row["Usage"]].append(int(row["emotion"]))
    for strength in (1e-3, 1e-2):
        softmax = LogisticRegression(C=strength, max_iter=200).fit(pixels["Training"], classes["Training"])
        assert 0.3 < softmax.score(pixels["PublicTest"], classes["PublicTest"]) < 0.70
