"""What libraries print goes to the log by every way there is; what a person should see does not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, subprocess, sys
from pathlib import Path
from fer_tfx.quiet import output_in_log

print("before, buffered")
try:
    with output_in_log(Path(sys.argv[1])) as output:
        print("python out")
        print("python error", file=sys.stderr)
        os.write(1, b"native out\\n")
        os.write(2, b"native error\\n")
        subprocess.run([sys.executable, "-c", "print('child out')"], check=True)
        print("for a person: ä", file=output)
        if len(sys.argv) > 2:
            raise ValueError("broken")
except ValueError as error:
    print(f"caught {error}")
print("after")
print("error after", file=sys.stderr)
os.write(1, b"")
"""
HIDDEN = ["python out", "python error", "native out", "native error", "child out"]


def run_script(log: Path, *more: str) -> tuple[list[str], list[str]]:
    """Lines on standard output and standard error, as a terminal would have got them."""
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(log), *more], env=environment, capture_output=True, check=True
    )
    return done.stdout.decode().splitlines(), done.stderr.decode().splitlines()


def test_output_in_log_every_stream_goes_to_the_log_and_the_yielded_one_to_the_terminal(tmp_path):
    log = tmp_path / "new" / "run.log"
    out, error = run_script(log)
    assert out == ["before, buffered", "for a person: ä", "after"]
    assert error == ["error after"]
    assert sorted(log.read_text("utf-8").splitlines()) == sorted(HIDDEN)


def test_output_in_log_error_within_restores_both_streams(tmp_path):
    out, error = run_script(tmp_path / "run.log", "raise")
    assert out == ["before, buffered", "for a person: ä", "caught broken", "after"]
    assert error == ["error after"]


def test_output_in_log_existing_log_is_continued(tmp_path):
    log = tmp_path / "run.log"
    log.write_text("first run\n", "utf-8")
    run_script(log)
    assert log.read_text("utf-8").startswith("first run\n")
    assert len(log.read_text("utf-8").splitlines()) == 1 + len(HIDDEN)


def test_output_in_log_that_takes_no_more_hides_the_rest_and_restores_the_terminal():
    program = (
        "import sys; from pathlib import Path; from fer_tfx.quiet import output_in_log\n"
        "with output_in_log(Path('/dev/full')) as output:\n"
        "    print('lost')\n"
        "    print('for a person', file=output)\n"
        "print('after'); print('error after', file=sys.stderr)\n"
    )
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    done = subprocess.run([sys.executable, "-c", program], env=buffered, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "for a person\nafter\n", "error after\n")


@pytest.mark.parametrize(("given", "expected"), [(None, "3"), ("0", "0")])
def test_hush_libraries_log_level_of_tensorflow_is_set_unless_given(given, expected):
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    if given is not None:
        environment["TF_CPP_MIN_LOG_LEVEL"] = given
    code = "import os; from fer_tfx.quiet import hush_libraries as h; h(); print(os.environ['TF_CPP_MIN_LOG_LEVEL'])"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{expected}\n"
