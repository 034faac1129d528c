"""What a person sees of a replay."""

import io

from components.artifacts import Report
from pipeline.replay.command import REPORT_TYPE
from pipeline.replay.execution import ReplayView


class TerminalDouble(io.StringIO):
    """Says of itself that it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_view_without_terminal_prints_one_plain_line_for_each_task():
    output = io.StringIO()
    view = ReplayView(output)
    with view.status:
        view.start("Trainer")
        view.finish("Trainer", "", 12.34)
        view.finish("[Pusher]", "unchanged")
    assert output.getvalue() == "Trainer                     12.3 s\n[Pusher]                     0.0 s  unchanged\n"


def test_view_in_a_terminal_names_those_that_run():
    output = TerminalDouble()
    view = ReplayView(output)
    with view.status:
        view.start("Trainer")
        view.start("Tuner")
    assert "Trainer, Tuner" in output.getvalue()


def test_report_is_known_by_the_type_that_its_component_gives_it():
    assert REPORT_TYPE == Report.TYPE_NAME
