import io
import os
import sys

import pytest

from fer_tfx.commands.predict import keep_terminal, show_progress


@pytest.mark.parametrize("total", [300, None])
def test_show_progress_draws_from_the_second_batch_on_and_yields_all(total):
    terminal = io.StringIO()
    assert list(show_progress(range(300), total, terminal)) == list(range(300))
    assert f"300/{total or '?'}" in terminal.getvalue()


@pytest.mark.parametrize(("count", "total"), [(128, 128), (5, 5), (0, 0)])
def test_show_progress_of_one_batch_draws_nothing(count, total):
    terminal = io.StringIO()
    assert list(show_progress(range(count), total, terminal)) == list(range(count))
    assert terminal.getvalue() == ""


def test_show_progress_without_a_terminal_imports_nothing_to_draw_with(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    assert list(show_progress(range(300), 300, None)) == list(range(300))


def test_keep_terminal_file_is_no_terminal():
    with keep_terminal() as terminal:
        assert terminal is None


def test_keep_terminal_stream_is_one_of_its_own(monkeypatch, capfd):
    monkeypatch.setattr(sys, "stderr", type("Terminal", (), {"isatty": staticmethod(lambda: True)})())
    with keep_terminal() as terminal:
        assert terminal is not None
        assert terminal.fileno() != 2
        terminal.write("drawn")
    os.fstat(2)  # still open
    assert capfd.readouterr().err == "drawn"
