"""The pages of several runs: all of them, and two side by side."""

import re
import resource
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from history_double import FAILED, HistoryDouble
from report_doubles import (
    CONFIDENCES,
    SAID,
    TRUE,
    answer_rows,
    make_pixels,
    make_probabilities,
    make_report,
    make_report_of_nan,
    make_report_of_refused_data,
)

from fer_tfx.cli import main
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from pipeline.history.figures import Figures
from reporting.report_data import ReportData
from schema.example import to_example

BETTER = np.where(np.isin(np.arange(12), [2, 4]), TRUE, SAID)  # two of the five mistakes are gone


def write_report(folder: Path, report: ReportData) -> None:
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(report.to_json(), "utf-8")
    (folder / "report.html").touch()


def add_run(history: HistoryDouble, data: dict[str, int], report: ReportData, said: np.ndarray, version: str) -> None:
    """A run with a model, its page, and what the model said of twelve rows."""
    judged = history.add_judges(data, history.add_trainer(data, 3)["model"], version)
    assert judged
    folder = history.locate(history.add_node("HtmlReport", outputs={"report": "Report"})["report"])
    write_report(folder, report)
    answers = answer_rows(make_probabilities(said, CONFIDENCES)).to_row_answers(DEFAULT_CLASS_NAMES)
    (folder / "answers.npz").write_bytes(answers.to_bytes())
    right = float((said == TRUE).mean())
    history.note_figures(Figures(12, right, 0.5, {"angry": right}, list(report.verdict.refusals)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Run 1 was pushed, run 2 refused, run 3 ended at the data gate."""
    history = HistoryDouble(tmp_path / "fer")
    history.start_run({"trainer": {"epochs": 3}})
    data = history.add_data_nodes()
    split = history.locate(data["examples"]) / "Split-eval"
    split.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(split / "data.gz"), "GZIP") as writer:
        for row, pixels in enumerate(make_pixels()):
            writer.write(to_example(pixels.tobytes(), int(TRUE[row]), "eval.csv", row).SerializeToString())
    add_run(history, data, make_report(has_baseline=False), SAID, "1700000000")
    history.start_run({"trainer": {"epochs": 5}})
    history.add_node("FerExampleGen", outputs={"examples": data["examples"], "quarantine": data["quarantine"]})
    add_run(history, data, make_report("accuracy is 0.5833, at least 0.6000"), BETTER, "")
    history.start_run()
    history.add_data_nodes()
    gate = history.add_node("DataGate", state=FAILED)
    folder = history.home / "artifacts" / "DataGate" / "report" / str(gate[""])
    write_report(folder, make_report_of_refused_data("train: no example of disgust"))
    return tmp_path


def show(capsys: pytest.CaptureFixture[str], root: Path, *words: str) -> str:
    """The page that a command writes."""
    assert main([*words, "--no-open", "--set", f"runtime.root={root}"]) == 0
    return Path(capsys.readouterr().out.strip()).read_text("utf-8")


def read_table(page: str) -> list[list[str]]:
    rows = re.findall("<tr.*?</tr>", page, re.DOTALL)
    text = "\N{NO-BREAK SPACE}"
    return [
        [re.sub("<.*?>", "", cell).replace(text, " ") for cell in re.findall("<t[hd].*?</t[hd]>", row)] for row in rows
    ]


def test_report_all_lists_every_run_with_its_figures_and_the_reasons_of_refusals(capsys, root):
    page = show(capsys, root, "report", "--all")
    assert (root / "index.html").read_text("utf-8") == page
    _, third, second, first = read_table(page)
    assert (third[0], third[4], third[9]) == ("3", "\N{EN DASH}", "refused: train: no example of disgust")
    assert second[9] == "refused: accuracy is 0.5833, at least 0.6000"
    assert (second[4], second[6]) == ("58.3 % [32.0, 80.7]", "2.3")
    assert first[8:] == ["1700000000 stable", "pushed"]
    assert "In service: version <code>1700000000</code>, pushed by run 1." in page
    links = re.findall('<a href="(fer/.*?)">', page)
    assert [(root / link).is_file() for link in links] == [True] * 3
    assert re.findall("<figcaption>(.*?)</figcaption>", page) == [
        "Accuracy [95 %]", "Calibration error", "Size of the export, MB",
    ]  # fmt: skip
    assert "<script" not in page


@pytest.mark.parametrize("words", [("report", "--all"), ("compare", "1", "2", "--html")])
def test_page_that_the_disk_has_no_room_for_leaves_the_old_one(capsys, root, words):
    page = show(capsys, root, *words)
    before = {path: path.read_text("utf-8") for path in root.rglob("*.html")}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(page) // 2, limits[1]))
    try:
        assert main([*words, "--no-open", "--set", f"runtime.root={root}"]) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert re.fullmatch(rf"fer-tfx: {root}/\S+\.html: File too large; .*\n", capsys.readouterr().err)
    assert {path: path.read_text("utf-8") for path in root.rglob("*.html")} == before
    assert list(root.rglob("*.partial")) == []


def test_report_all_of_a_single_run_says_where_curves_will_stand(capsys, tmp_path):
    history = HistoryDouble(tmp_path / "fer")
    history.start_run()
    add_run(history, history.add_data_nodes(), make_report_of_nan(), SAID, "")
    page = show(capsys, tmp_path, "report", "--all")
    assert "After a second run with a model" in page
    assert "is in service. The version that answers" in page


def test_report_all_shows_every_pipeline_and_why_one_cannot_be_read(capsys, root):
    (root / "other").mkdir()
    (root / "other" / "metadata.sqlite").write_text("no database, but more than 100 bytes " * 5)
    page = show(capsys, root, "report", "--all")
    assert re.findall('<h2 id=".*?">(.*?)</h2>', page) == ["fer", "other"]
    assert "metadata.sqlite is damaged" in page


def test_report_all_where_nothing_ran_is_refused(capsys, tmp_path):
    assert main(["report", "--all", "--no-open", "--set", f"runtime.root={tmp_path}"]) == 2
    assert "no run is recorded there; `fer-tfx run` makes one" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_compare_html_pairs_the_rows_and_shows_the_pictures_that_changed_sides(capsys, root):
    page = show(capsys, root, "compare", "1", "2", "--html")
    assert (root / "fer" / "compare-1-2.html").is_file()
    # Two of twelve rows were gained. Bonett and Price: (3 - 1) / 14 +- 1.96 sqrt((4 / 14 - (2 / 14)^2) / 14).
    assert "+0.1667 [-0.1270, +0.4127]" in page
    assert re.search("<dt>Only run 2 right</dt><dd>2</dd>", page)
    assert "Right in run 1 only: 0" in page
    gained = re.search('<ul class="faces small">.*?</ul>', page, re.DOTALL).group()
    assert re.findall("<strong>(.*?)</strong>", gained) == ["angry", "disgust"]
    assert "run 1: disgust 90.0\N{NO-BREAK SPACE}%" in gained
    table = read_table(page)
    assert table[1][:3] == ["angry", "+1", "-1"]
    assert ["trainer.epochs", "3", "5"] in table
    assert "paired 95 % interval (Bonett and Price), as both answered the same rows" in page


def test_compare_html_without_the_examples_says_that_the_pictures_are_gone(capsys, root):
    for file in (root / "fer").rglob("data.gz"):
        file.unlink()
    assert "The pictures are gone" in show(capsys, root, "compare", "1", "2", "--html")


def test_compare_html_of_a_run_without_a_model_says_what_would_stand_there(capsys, root):
    page = show(capsys, root, "compare", "1", "3", "--html")
    assert "No row was answered in both runs" in page
    assert "neither run reached a verdict" not in page


def test_page_of_all_runs_lists_a_folder_that_was_renamed_with_what_is_wrong(root, capsys):
    (root / "fer").rename(root / "fer.old")
    assert main(["report", "--all", "--no-open", "--set", f"runtime.root={root}"]) == 0
    page = (root / "index.html").read_text("utf-8")
    assert "fer.old" in page
    assert "name: expected at most 63 lower-case letters" in page
    capsys.readouterr()
    assert main(["runs", "--set", f"runtime.root={root}"]) == 2
    assert "fer.old" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("pattern", "commands"),
    [
        ("FerExampleGen/quarantine/*/ingestion.json", ["runs", "compare 1 2"]),
        ("HtmlReport/report/*/answers.npz", ["compare 1 2"]),
        ("Trainer/model/*/Format-Serving/assets.extra/training_record.json", ["compare 1 2"]),
        ("HtmlReport/report/*/report.json", []),
    ],
)
def test_damaged_file_of_a_run_is_named_in_one_line_and_on_the_page_of_all(root, capsys, pattern, commands):
    path = next((root / "fer/artifacts").glob(pattern))
    path.write_bytes(path.read_bytes()[:20])
    for command in commands:
        assert main([*command.split(), "--set", f"runtime.root={root}"]) == 2
        line = capsys.readouterr().err
        assert line.startswith(f"fer-tfx: {path}: is damaged: ")
        assert line.count("\n") == 1
    assert main(["report", "--all", "--no-open", "--set", f"runtime.root={root}"]) == 0
    if "answers" not in pattern and "record" not in pattern:
        assert "is damaged" in (root / "index.html").read_text("utf-8")
