"""fer-tfx report: which page it finds, whether it opens it, and what it says when there is none."""

import webbrowser
from pathlib import Path

import pytest
from history_double import FAILED, RUNNING, HistoryDouble

from fer_tfx.cli import main


class BrowserDouble:
    """Stands in for a browser and remembers what it was given."""

    def __init__(self, name: str):
        self.name = name
        self.opened: list[str] = []

    def open(self, url: str) -> None:
        self.opened.append(url)


@pytest.fixture
def history(tmp_path) -> HistoryDouble:
    return HistoryDouble(tmp_path / "fer")


@pytest.fixture
def browser(monkeypatch) -> BrowserDouble:
    """The one that Python would choose."""
    chosen = BrowserDouble("xdg-open")
    monkeypatch.setattr(webbrowser, "get", lambda: chosen)
    return chosen


def write_page(folder: Path) -> Path:
    folder.mkdir(parents=True)
    page = folder / "report.html"
    page.touch()
    return page


def add_reported_run(history: HistoryDouble) -> tuple[int, Path]:
    """A run with its page."""
    run_id = history.start_run()
    ids = history.add_node("HtmlReport", outputs={"report": "Report"})
    return run_id, write_page(history.locate(ids["report"]))


def add_refused_run(history: HistoryDouble) -> tuple[int, Path]:
    """A run that the data gate ended, and where the gate puts the page."""
    run_id = history.start_run()
    history.add_data_nodes()
    gate = history.add_node("DataGate", state=FAILED)
    return run_id, history.home / "artifacts" / "DataGate" / "report" / str(gate[""])


def show(tmp_path: Path, *words: str) -> int:
    return main(["report", *words, "--set", f"runtime.root={tmp_path}"])


def test_report_latest_run_is_printed_and_opened(browser, history, tmp_path, capsys):
    add_reported_run(history)
    _, page = add_reported_run(history)
    assert show(tmp_path) == 0
    assert capsys.readouterr().out == f"{page}\n"
    assert browser.opened == [page.as_uri()]


def test_report_earlier_run_is_found_by_its_number(browser, history, tmp_path, capsys):
    run_id, page = add_reported_run(history)
    add_reported_run(history)
    assert show(tmp_path, str(run_id)) == 0
    assert (capsys.readouterr().out, browser.opened) == (f"{page}\n", [page.as_uri()])


def test_report_no_open_prints_only(browser, history, tmp_path, capsys):
    _, page = add_reported_run(history)
    assert show(tmp_path, "--no-open") == 0
    assert (capsys.readouterr().out, browser.opened) == (f"{page}\n", [])


def test_report_text_browser_is_left_alone(browser, history, tmp_path):
    add_reported_run(history)
    browser.name = "w3m"
    assert show(tmp_path) == 0
    assert browser.opened == []


def test_report_without_any_browser_prints_only(history, tmp_path, monkeypatch, capsys):
    def find_none() -> None:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", find_none)
    _, page = add_reported_run(history)
    assert show(tmp_path) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == (f"{page}\n", "")


def test_report_data_that_the_gate_refused_has_its_page(browser, history, tmp_path, capsys):
    _, folder = add_refused_run(history)
    page = write_page(folder)
    assert show(tmp_path) == 0
    assert (capsys.readouterr().out, browser.opened) == (f"{page}\n", [page.as_uri()])


def test_report_page_that_is_gone_is_named(browser, history, tmp_path, capsys):
    run_id, folder = add_refused_run(history)
    assert show(tmp_path) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"fer-tfx: {folder / 'report.html'}: the page of run {run_id} is gone; run the same")
    assert (said.count("\n"), browser.opened) == (1, [])


@pytest.mark.parametrize(
    ("node", "state", "reason"),
    [
        ("Transform", FAILED, "as it failed at Transform"),
        ("Trainer", RUNNING, "as Trainer is still running, or was killed"),
        ("BulkInferrer", None, "as it ended without HtmlReport"),
    ],
)
def test_report_run_without_a_page_says_why_and_what_to_do(browser, history, tmp_path, capsys, node, state, reason):
    run_id = history.start_run()
    history.add_node(node, **({} if state is None else {"state": state}))
    assert show(tmp_path) == 2
    expected = f"run {run_id}: has no page, {reason}; run the same command again: finished steps are not repeated"
    said = capsys.readouterr().err
    assert said == f"fer-tfx: {expected}, and the page comes last\n"
    assert browser.opened == []


def test_report_unknown_run_is_refused_with_those_there_are(history, tmp_path, capsys):
    run_id, _ = add_reported_run(history)
    assert show(tmp_path, "99") == 2
    assert f"has no run '99', only {run_id}, or latest" in capsys.readouterr().err
