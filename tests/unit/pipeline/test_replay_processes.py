"""Commands of containers as processes."""

import threading
import time
from pathlib import Path

import pytest

from pipeline.replay.processes import Processes, read_last_line

PROJECT = Path(__file__).parents[3]


def test_run_python_is_this_one_with_the_packages_of_this_checkout(tmp_path, monkeypatch):
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "__init__.py").write_text("raise ImportError('of the working folder')")
    monkeypatch.chdir(tmp_path)
    code = "import pipeline, sys; print(pipeline.__file__, sys.executable)"
    log = tmp_path / "logs" / "task.log"
    assert Processes().run(["python", "-c", code], log) == 0
    package, python = log.read_text().split()
    assert package == str(PROJECT / "pipeline" / "__init__.py")
    assert Path(python).is_file()


def test_run_output_of_several_commands_is_kept_in_order(tmp_path):
    processes, log = Processes(), tmp_path / "task.log"
    assert processes.run(["sh", "-c", "echo driver"], log) == 0
    assert processes.run(["sh", "-c", "echo out; echo error >&2; exit 5"], log) == 5
    assert log.read_text() == "driver\nout\nerror\n"


def test_stop_ends_a_command_with_its_children_and_lets_none_start(tmp_path):
    processes, log, codes = Processes(), tmp_path / "task.log", []
    thread = threading.Thread(
        target=lambda: codes.append(processes.run(["sh", "-c", "sleep 60 & echo $!; wait"], log))
    )  # fmt: skip
    thread.start()
    while not (log.exists() and log.read_text().endswith("\n")):
        time.sleep(0.02)
    processes.stop()
    thread.join(10)
    assert codes == [-15]
    child = Path(f"/proc/{log.read_text().strip()}/stat")
    while child.exists() and child.read_text().split()[2] != "Z":
        time.sleep(0.02)
    with pytest.raises(InterruptedError):
        processes.run(["sh", "-c", "echo never"], log)


@pytest.mark.parametrize(("text", "expected"), [("a\nb\n\n  \n", "b"), ("", ""), ("one", "one"), ("ä\n\xff", "ÿ")])
def test_read_last_line_that_says_anything(tmp_path, text, expected):
    log = tmp_path / "log"
    log.write_text(text, "utf-8")
    assert read_last_line(log) == expected
