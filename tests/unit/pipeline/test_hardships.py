"""Every command where the system refuses something ends with one line and a code, never with a trace or in silence."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from hardships import HARDSHIPS, NONE, SKIPPED
from history_double import HistoryDouble
from PIL import Image

from fer_tfx.cli import build_app
from fer_tfx.download import COMPETITION
from pipeline.history.figures import Figures

COMMANDS = typer.main.get_command(build_app()).commands
# Those whose first example is too little, or takes what isn't there. A new command is tried by its first example.
WORDS = {
    "predict": ["predict face.png", "predict test.csv --out answers.csv", "predict {folder}/test.csv --format jsonl"],
    "demo": ["demo --out page"],
    "run": ["run --data train.csv"],
    "inspect": ["inspect train.csv", "inspect train.csv --json"],
    "rollback": ["rollback --set serving.settle_s=0"],
    "lineage": ["lineage", "lineage --json"],
    "report": ["report --no-open"],
    "compile": ["compile --target kubeflow --out compiled.yaml --set deploy.image=i --set runtime.root=gs://b/r"],
    "submit": [
        "submit fer.yaml --target kubeflow --host http://localhost:1 --dry-run",
        "submit fer.yaml --target kubeflow --host http://localhost:1",
    ],
}
FAILING = {"tensorboard", "submit fer.yaml --target kubeflow --host http://localhost:1"}
LINES = [
    line
    for name, command in COMMANDS.items()
    for line in WORDS.get(name, [command.epilog.splitlines()[0].removeprefix("fer-tfx ")])
]
GOLDEN = Path(__file__).parents[2] / "golden" / "kubeflow.yaml"


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list]]:
    """Code, output and error by command line and hardship."""
    folder = tmp_path_factory.mktemp("hardships")
    template = folder / "template"
    write_files(template)
    (folder / "cases.json").write_text(json.dumps({line: shlex.split(line) for line in LINES}))
    program = Path(__file__).with_name("hardships.py")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", program, folder / "cases.json", template, folder / "ends.json"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads((folder / "ends.json").read_text())


def write_files(folder: Path) -> None:
    """What the examples of the commands speak of."""
    history = HistoryDouble(folder / "runs" / "fer")
    for version in ("1699990000", "1700000000"):
        history.start_run({"data": {"path": "Gesichter/ä.csv"}})
        data = history.add_data_nodes("Gesichter/ä.csv")
        report = history.add_node("HtmlReport", outputs={"report": "HtmlReport"})
        history.locate(report["report"]).mkdir(parents=True)
        (history.locate(report["report"]) / "report.html").touch()
        history.add_judges(data, history.add_trainer(data, 3)["model"], version)
        history.note_figures(Figures(200, 0.7, 0.65, {}, []))
    (folder / "tmp").mkdir()
    Image.fromarray(np.full((48, 48), 90, np.uint8)).save(folder / "face.png")
    pixels = " ".join(["90"] * 2304)
    (folder / "test.csv").write_text("pixels\n" + f"{pixels}\n" * 3)
    (folder / "train.csv").write_text("emotion,pixels\n" + f"3,{pixels}\n" * 3)
    shutil.copy(GOLDEN, folder / "fer.yaml")
    for name, script in (
        ("kaggle", f"for last; do :; done; mkdir -p $last; : > $last/{COMPETITION}.zip"),
        ("tensorboard", "echo could not bind; exit 1"),
    ):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)


@pytest.mark.parametrize("line", LINES)
def test_command_ends_well_where_nothing_is_refused(ends, line):
    code, _, err = ends[line][NONE]
    assert code == (line in FAILING), err
    assert all(each.startswith("fer-tfx: ") for each in err.splitlines())


@pytest.mark.parametrize("hardship", HARDSHIPS)
@pytest.mark.parametrize("line", LINES)
def test_command_under_hardship_says_in_one_line_what_and_where(ends, line, hardship):
    usual_code, usual_out, usual_err = ends[line][NONE]
    code, out, err = ends[line][hardship]
    if err.startswith(SKIPPED):
        pytest.skip(err)
    assert "Traceback" not in err
    assert code in (0, 1, 2)
    told = [each for each in err.splitlines() if each not in usual_err.splitlines()]
    if hardship == "closed_reader":  # it has enough
        assert told == []
    elif hardship == "ascii_terminal":
        assert (code, told) == (usual_code, [])
        assert out.isascii()
    else:
        assert len(told) == (code != 0) or (line in FAILING and not told), err
        assert all(each.startswith("fer-tfx: ") and re.search("[;:] [a-z]", each[9:]) for each in told), err
    if hardship in ("full_output", "closed_output") and usual_out:
        assert code == 1, "what it printed is lost in silence"
