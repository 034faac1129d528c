"""What a program of the user's is told of a run's end: real little programs, in processes of their own."""

import ast
import dataclasses
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from configs.load import load_config, to_yaml
from configs.spec import NotifyConfig
from fer_tfx.errors import ConfigError, DataError, GateError
from pipeline.notification import RunEnd, notify, telling_end
from pipeline.outcome import Outcome
from pipeline.runners import local
from reporting.ingestion import IngestionReport
from reporting.intervals import Interval

OUTCOME = Outcome(
    rows=IngestionReport({"fer.csv": 3}, {"train": {"sad": 3}}, {}, {}), quarantine_uri="/q", eval_count=3,
    accuracy=0.5, accuracy_interval=Interval(0.2, 0.8), macro_f1=0.4, recalls={"sad": 0.5}, refusals=[],
    model_path="/serving/17", is_in_service=True, predictions_uri="", report_path="/report.html",
)  # fmt: skip
REFUSED_OUTCOME = dataclasses.replace(OUTCOME, refusals=["accuracy is 0.1", "recall is 0"], model_path="/trainer/3")


def write_program(folder: Path, body: str) -> tuple[str, str]:
    """The words of a command that runs a shell script."""
    script = folder / "tell me.sh"
    script.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
    return "/bin/sh", str(script)


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """What the program was given; it is not there unless it was run."""
    return tmp_path / "told.json"


@pytest.fixture
def command(tmp_path: Path, told: Path) -> tuple[str, ...]:
    """Keeps its standard input."""
    return write_program(tmp_path, f"echo chatter; cat > '{told}'")


@pytest.fixture
def run_with(monkeypatch, tmp_path, command):
    """Calls `fer-tfx run`'s command with a double for the runner that gives an outcome, or raises."""
    (tmp_path / "fer.csv").write_text("emotion,pixels\n", "utf-8")

    def run(result: Outcome | BaseException, **values: object) -> int:
        def give(*_):
            if isinstance(result, BaseException):
                raise result
            return result

        monkeypatch.setattr(local, "run", give)
        settings = {"data.path": str(tmp_path / "fer.csv"), "runtime.root": str(tmp_path / "runs")}
        settings |= {"notify.command": list(command)} | {f"notify.{name}": value for name, value in values.items()}
        return local.run_pipeline(load_config(values=settings))

    return run


def find_log(tmp_path: Path) -> str:
    (log,) = (tmp_path / "runs" / "fer" / "logs").iterdir()
    return str(log)


def test_run_refused_model_is_told_with_verdict_reasons_and_paths(run_with, told, tmp_path):
    assert run_with(REFUSED_OUTCOME) == 3
    assert json.loads(told.read_text("utf-8")) == {
        "run": "fer", "verdict": "refused", "exit_code": 3, "reason": "accuracy is 0.1; recall is 0",
        "log": find_log(tmp_path), "report": "/report.html", "model": "/trainer/3",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("error", "raised", "expected"),
    [
        (DataError("a.csv is torn"), DataError, ("failed", 2, "a.csv is torn")),
        (GateError("skewed"), GateError, ("refused", 3, "skewed")),
        (KeyboardInterrupt(), KeyboardInterrupt, ("failed", 1, "interrupted")),
    ],
)
def test_run_that_ended_early_is_told_with_its_exit_code_and_reason(run_with, told, tmp_path, error, raised, expected):
    with pytest.raises(raised):
        run_with(error)
    end = json.loads(told.read_text("utf-8"))
    assert (end["verdict"], end["exit_code"], end["reason"]) == expected
    assert (end["log"], end["report"], end["model"]) == (find_log(tmp_path), "", "")


def test_run_refused_before_it_began_is_told_without_paths(told, tmp_path, command):
    values = {"data.path": str(tmp_path / "none.csv"), "notify.command": list(command)}
    with pytest.raises(DataError):
        local.run_pipeline(load_config(values=values))
    end = json.loads(told.read_text("utf-8"))
    assert (end["run"], end["verdict"], end["exit_code"], end["log"]) == ("fer", "failed", 2, "")
    assert "none.csv: no such file or folder" in end["reason"]


@pytest.mark.parametrize(("on", "is_told"), [(["failed", "refused"], False), (["pushed"], True)])
def test_run_pushed_model_is_told_only_when_asked_for(run_with, told, on, is_told):
    assert run_with(OUTCOME, on=on) == 0
    assert told.exists() == is_told
    if is_told:
        end = json.loads(told.read_text("utf-8"))
        assert (end["verdict"], end["exit_code"], end["reason"], end["model"]) == ("pushed", 0, "", "/serving/17")


def test_run_refused_model_is_not_told_where_failures_alone_are(run_with, told):
    assert run_with(REFUSED_OUTCOME, on=["failed"]) == 3
    assert not told.exists()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "echo first; echo 'no such channel' >&2; exit 7",
            "/bin/sh: ended with 7 (no such channel); nobody was notified",
        ),
        ("printf 'a\\033[31mred\\n'; exit 1", "/bin/sh: ended with 1 (a\\x1b[31mred); nobody was notified"),
        ("kill -9 $$", "/bin/sh: ended with -9; nobody was notified"),
    ],
)
def test_run_program_that_fails_is_one_warning_and_the_exit_code_stays(run_with, capfd, tmp_path, body, said):
    write_program(tmp_path, body)
    assert run_with(REFUSED_OUTCOME) == 3
    lines = capfd.readouterr().err.splitlines()
    assert lines == [
        "fer-tfx: the gate refused the model: accuracy is 0.1; recall is 0", f"fer-tfx: notify.command: {said}"
    ]  # fmt: skip


@pytest.mark.parametrize("word", ["/none/such", "none-such-program"])
def test_notify_missing_program_is_told(word):
    assert notify(NotifyConfig(command=(word,)), RunEnd("fer")) == "can't be started: No such file or directory"


def test_notify_full_disk_is_told(monkeypatch, command):
    def fail() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", fail)
    assert notify(NotifyConfig(command), RunEnd("fer")) == "can't be started: No space left on device"


def test_notify_program_that_hangs_is_ended_with_its_children(tmp_path):
    """The child holds the program's output open; were it waited for, this would take ten minutes."""
    pid_path = tmp_path / "pid"
    command = write_program(tmp_path, f"sleep 600 & echo $! > '{pid_path}'; wait")
    assert notify(NotifyConfig(command, timeout_s=1), RunEnd("fer")) == "was ended after notify.timeout_s, 1 s"
    wait_for_end(int(pid_path.read_text("ascii")))


def wait_for_end(pid: int) -> None:
    """Return when a process works no longer; the kernel takes a moment to end one that was killed."""
    status = Path(f"/proc/{pid}/stat")
    for _ in range(600):
        if not status.exists() or status.read_text("utf-8").rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    pytest.fail(f"process {pid} works still")


def test_notify_program_that_reads_nothing_is_content():
    end = RunEnd("fer", reason="x" * 1_000_000)  # more than a pipe holds
    assert notify(NotifyConfig(command=("/bin/true",)), end) == ""


def test_notify_words_are_read_by_no_shell(tmp_path):
    script = tmp_path / "words.py"
    script.write_text("import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.argv[2])", "utf-8")
    out, word = tmp_path / "out", "$HOME; touch x & `id` *"
    assert notify(NotifyConfig((sys.executable, str(script), str(out), word)), RunEnd("fer")) == ""
    assert out.read_text("utf-8") == word


def test_telling_end_unforeseen_error_is_told_and_goes_on(told, command):
    with pytest.raises(RuntimeError), telling_end(NotifyConfig(command), "fer"):
        raise RuntimeError
    end = json.loads(told.read_text("utf-8"))
    assert (end["verdict"], end["exit_code"], end["reason"]) == ("failed", 1, "RuntimeError")


def test_telling_end_without_a_command_starts_nothing(monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", None)
    with telling_end(NotifyConfig(), "fer"):
        pass


def test_main_interrupted_run_tells_of_it_and_ends_with_1(told, command, tmp_path):
    """Ctrl-C as a terminal sends it: to the whole group of processes; the program has a session of its own."""
    (tmp_path / "fer.csv").write_text("emotion,pixels\n", "utf-8")
    code = (
        "import os, signal, sys\nfrom pipeline.runners import local\nfrom fer_tfx.cli import main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "local.run = lambda *_: os.killpg(0, signal.SIGINT)\nsys.exit(main(sys.argv[1:]))"
    )
    settings = [f"runtime.root={tmp_path / 'runs'}", f"notify.command={json.dumps(command)}"]
    words = ["run", "--data", str(tmp_path / "fer.csv"), *(word for each in settings for word in ("--set", each))]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=Path(__file__).parents[3], env=os.environ | {"PYTHONWARNINGS": ""},
        start_new_session=True, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = "fer-tfx: interrupted; the same command resumes training where it stopped\n"
    assert (done.returncode, done.stderr) == (1, said)
    assert json.loads(told.read_text("utf-8"))["reason"] == "interrupted"


def test_load_config_notify_from_yaml_and_options_is_typed(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("notify:\n  command: [mail, -s, 'a run', me]\n  on: [failed, pushed]\n", "utf-8")
    config = load_config(path, ["notify.timeout_s=5"])
    assert config.notify == NotifyConfig(("mail", "-s", "a run", "me"), ("failed", "pushed"), 5.0)
    printed = tmp_path / "printed.yaml"
    printed.write_text(to_yaml(config), "utf-8")
    assert load_config(printed) == config


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("notify.command=mail me", "--set: notify.command: expected a list, got 'mail me'"),
        ("notify.command=['']", "--set: notify.command: expected a program first, got ('',)"),
        ("notify.on=[fail]", "--set: notify.on: expected 'failed', 'refused' or 'pushed', got 'fail'"),
        ("notify.timeout_s=0", "--set: notify.timeout_s: expected more than 0, got 0"),
        ("notify.timeout_s=.inf", "--set: notify.timeout_s: expected a finite number, got inf"),
    ],
)
def test_load_config_wrong_notify_setting_is_named(override, said):
    with pytest.raises(ConfigError) as raised:
        load_config(overrides=[override])
    assert str(raised.value) == said


def test_document_shows_settings_that_load_and_the_fields_that_are_told(tmp_path):
    text = (Path(__file__).parents[3] / "docs" / "notify.md").read_text("utf-8")
    settings, told, program = re.findall(r"```(?:yaml|json|python)\n(.*?)```", text, re.DOTALL)
    (tmp_path / "own.yaml").write_text(settings, "utf-8")
    shown, default = load_config(tmp_path / "own.yaml").notify, NotifyConfig()
    assert (shown.on, shown.timeout_s) == (default.on, default.timeout_s)
    assert list(json.loads(told)) == [field.name for field in dataclasses.fields(RunEnd)]
    ast.parse(program)
