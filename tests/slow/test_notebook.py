"""The notebook for those who start there: executed as it stands, and kept without output."""

import json
import os
from pathlib import Path

import pytest

from fer_tfx.contract import DEFAULT_CLASS_NAMES

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "first_run.ipynb"


def test_notebook_is_kept_without_output():
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    assert [cell["outputs"] for cell in cells if cell["cell_type"] == "code" and cell["outputs"]] == []


def test_notebook_runs_from_data_to_answers(tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    import nbformat

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [cell["outputs"] for cell in notebook.cells if cell["cell_type"] == "code"]
    assert "gate         passed" in "".join(each.get("text", "") for each in outputs[2])
    assert "report.html" in outputs[3][-1]["data"]["text/html"]
    answers = outputs[4][-1]["data"]["text/plain"]
    assert answers.count("(") == 14
    assert {name for name in DEFAULT_CLASS_NAMES if f"'{name}'" in answers}
