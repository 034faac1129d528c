"""What a person sees of a run, and that TFX still says what the view listens for."""

import ast
import inspect
import io
import logging
import re
import time

import pytest
from rich.console import Console
from tfx.orchestration.local import local_dag_runner
from tfx.orchestration.portable import launcher

from configs.progress import report_progress
from pipeline import view
from pipeline.view import RunView

ABSL = logging.getLogger("absl")


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def clock(monkeypatch) -> list[float]:
    """Seconds that the view reads: set its one item."""
    now = [100.0]
    monkeypatch.setattr(view.time, "monotonic", lambda: now[0])
    return now


def say(*messages: str) -> None:
    for message in messages:
        ABSL.info("%s", message)


def test_run_view_plain_output_has_one_line_for_each_component(clock):
    output = io.StringIO()
    with RunView(["FerExampleGen", "Trainer", "Pusher"], output):
        say("Component FerExampleGen is running.")
        clock[0] += 2.5
        say("Component FerExampleGen is finished.", "Component Trainer is running.")
        report_progress(1, 2, "epoch 1")
        clock[0] += 1234.0
        say("Component Trainer is finished.")
    assert output.getvalue().splitlines() == [
        "FerExampleGen                2.5 s",
        "Trainer                   1234.0 s",
    ]


def test_run_view_cached_component_is_said_to_be_unchanged_and_the_next_is_not():
    output = io.StringIO()
    with RunView(["A", "B"], output):
        say("Component A is running.", "A cached execution 12 is used.", "Component A is finished.")
        say("Component B is running.", "Component B is finished.")
    assert output.getvalue().splitlines() == [f"{'A':24}     0.0 s  unchanged", f"{'B':24}     0.0 s"]


def test_run_view_failing_component_is_named_and_the_error_goes_on(clock):
    output = io.StringIO()

    def run() -> None:
        with RunView(["A", "B"], output):
            say("Component A is running.", "Component A is finished.", "Component B is running.")
            clock[0] += 3
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run()
    assert output.getvalue().splitlines() == [f"{'A':24}     0.0 s", f"{'B':24}     3.0 s  failed"]


def test_run_view_error_between_components_blames_none_that_has_finished():
    output = io.StringIO()

    def run() -> None:
        with RunView(["A", "B"], output):
            say("Component A is running.", "Component A is finished.")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run()
    assert output.getvalue().splitlines() == [f"{'A':24}     0.0 s"]


@pytest.mark.parametrize(
    "message",
    ["Component A is running. Or so", "Running component A is finished.", "Component A and B is running.", "%d", ""],
)
def test_run_view_message_of_another_subject_is_passed_over(message):
    output = io.StringIO()
    with RunView(["A"], output):
        say(message)
    assert output.getvalue() == ""


def test_run_view_progress_before_any_component_does_no_harm():
    output = io.StringIO()
    with RunView(["A"], output):
        report_progress(1, 2, "epoch 1")
    assert output.getvalue() == ""


def test_run_view_component_with_markup_in_its_name_is_printed_as_it_is():
    output = io.StringIO()
    with RunView(["A[red]"], output):
        say("Component A[red] is running.", "Component A[red] is finished.")
    assert output.getvalue().startswith("A[red] ")


def test_run_view_terminal_shows_every_component_its_note_and_its_progress(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    output = Terminal()
    with RunView(["FerExampleGen", "Trainer", "Pusher"], output):
        say(
            "Component FerExampleGen is running.",
            "A cached execution 3 is used.",
            "Component FerExampleGen is finished.",
        )
        say("Component Trainer is running.")
        report_progress(1, 2, "epoch 1, loss 1.21")
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.getvalue())
    first, second, third = [line for line in shown.splitlines() if line.strip()][-3:]
    assert (first.split()[:2], second.split()[:2]) == (["✓", "FerExampleGen"], ["▸", "Trainer"])
    assert third.split()[:2] == ["·", "Pusher"]
    assert first.rstrip().endswith("unchanged")
    assert second.rstrip().endswith("epoch 1, loss 1.21")


def test_run_view_steps_that_wait_are_still_and_the_one_at_work_tells_the_time_left(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with RunView(["A", "B"], Terminal()) as shown:
        waiting = [read_lines(shown), (time.sleep(0.15), read_lines(shown))[1]]
        assert waiting[0] == waiting[1]
        say("Component A is running.")
        for step in range(3):
            report_progress(step, 100, "epoch 1")
            time.sleep(0.02)
        first, second = read_lines(shown)
    assert re.search(r"0:00:0\d left +epoch 1$", re.sub(r"\x1b\[[0-9;]*m", "", first).rstrip())
    assert second.partition("-:--")[0] == waiting[0][1].partition("-:--")[0]


@pytest.mark.parametrize("width", [60, 64, 80, 120])
def test_run_view_step_is_one_line_with_its_times_at_any_width(monkeypatch, width):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    with RunView(["ExampleValidator", "Trainer"], Terminal()) as shown:
        say("Component Trainer is running.")
        for step in range(3):
            report_progress(step, 100, "epoch 12 finished, accuracy on eval 0.7021")
            time.sleep(0.02)
        lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in read_lines(shown, width)]
    assert len(lines) == 2
    assert re.match(r"▸ Trainer +\S+ \d:\d\d:\d\d \d:\d\d:\d\d left epoch 12", lines[1])


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("height", [10, 15, 24])
def test_run_view_low_terminal_shows_the_step_at_work_and_in_the_end_all(monkeypatch, width, height):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("LINES", str(height))
    names = [f"Component{number}OfAll" for number in range(16)]
    output = Terminal()
    with RunView(names, output) as shown:
        for number, name in enumerate(names):
            say(f"Component {name} is running.")
            report_progress(2, 2, "epoch 2 of 2, accuracy on eval 0.7021")
            lines = read_plain_lines(shown, width)
            assert len(lines) == min(16, height), "a step is cut off, or takes two lines"
            assert [line.split()[1] for line in lines if line.startswith("▸")] == [name]
            assert lines[-1].split()[1] == names[min(number + height, 16) - 1]
            say(f"Component {name} is finished.")
        last = read_plain_lines(shown, width)
        assert [line.split()[1] for line in last] == names[-height:]
    printed = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.getvalue()).splitlines()
    assert [line.split()[:2] for line in printed if line.strip()][-16:] == [["✓", name] for name in names]


def read_plain_lines(view: RunView, width: int) -> list[str]:
    return [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in read_lines(view, width)]


def read_lines(view: RunView, width: int = 120) -> list[str]:
    """The lines of the view with their colours."""
    console = Console(width=width, force_terminal=True, color_system="truecolor")
    with console.capture() as captured:
        console.print(view._progress.get_renderable())
    return captured.get().splitlines()


def test_run_view_end_takes_its_listener_off_the_loggers():
    before = list(ABSL.handlers)
    with RunView(["A"], io.StringIO()):
        assert len(ABSL.handlers) == len(before) + 1
    assert ABSL.handlers == before
    assert not any(isinstance(handler, RunView) for handler in logging.getLogger("fer_tfx.progress").handlers)


def find_logged_formats(module) -> list[str]:
    """The format of each `logging.info` in a module's source."""
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Call)]
    return [
        call.args[0].value
        for call in calls
        if ast.unparse(call.func) == "logging.info" and isinstance(call.args[0], ast.Constant)
    ]


@pytest.mark.parametrize(
    ("pattern", "module", "value"),
    [
        (view._STARTED, local_dag_runner, "Trainer"),
        (view.FINISHED, local_dag_runner, "Trainer"),
        (view._CACHED, launcher, 12),
    ],
)
def test_run_view_patterns_match_what_tfx_logs_through_absl(pattern, module, value):
    said = [text % value for text in find_logged_formats(module) if text.count("%") == 1]
    (match,) = [found for text in said if (found := pattern.fullmatch(text))]
    assert match.groups() == (() if module is launcher else ("Trainer",))
    assert module.logging.__name__ == "absl.logging"
