"""Commands and scripts in forks of one process that has imported TensorFlow and TFX, which takes 9 CPU s each time.

A fork is a process of its own: its memory, its environment and how it ends are nobody else's.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NoReturn

# What a run imports that isn't this project's, and takes long.
LIBRARIES = (
    "tensorflow", "keras", "tfx.v1", "tfx.orchestration.local.local_dag_runner", "tensorflow_model_analysis",
    "tensorflow_data_validation", "tensorflow_transform", "apache_beam", "ml_metadata", "tfx_bsl.public.beam",
    "matplotlib.figure", "jinja2", "scipy.stats", "rich.table", "pydantic", "typer", "yaml", "PIL.Image",
)  # fmt: skip


class Fork:
    """A program that runs; `wait` gives how it ended and what it printed."""

    def __init__(
        self,
        program: str,
        arguments: Sequence[object],
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it in the background.

        Args:
            program: a module, as after `python -m`, or the path of a script.
            arguments: of the program.
            cwd: None: the folder of this process.
            environment: None: that of this process.
        """
        self._folder = tempfile.TemporaryDirectory()
        self._files = {name: f"{self._folder.name}/{name}" for name in ("stdout", "stderr", "code")}
        os.mkfifo(self._files["code"])
        self._arguments = [str(each) for each in arguments]
        request = {
            "program": program, "arguments": self._arguments, "cwd": str(cwd or Path.cwd()),
            "environment": {**(environment or os.environ), "TF_CPP_MIN_LOG_LEVEL": "3"}, **self._files,
        }  # fmt: skip
        stream = _start_server().stdin
        assert stream is not None
        stream.write(json.dumps(request) + "\n")
        stream.flush()

    def wait(self) -> "subprocess.CompletedProcess[str]":
        """The exit code is as `subprocess` counts it."""
        code = int(Path(self._files["code"]).read_text())
        said = [Path(self._files[stream]).read_text("utf-8") for stream in ("stdout", "stderr")]
        self._folder.cleanup()
        return subprocess.CompletedProcess(self._arguments, code, *said)


def run_fork(
    program: str, arguments: Sequence[object], cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Start it and wait; arguments as `Fork` has them."""
    return Fork(program, arguments, cwd, environment).wait()


def run_command(
    arguments: Sequence[str], cwd: Path, environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """`python -m pipeline ARGUMENTS`."""
    return run_fork("pipeline", arguments, cwd, environment)


@cache
def _start_server() -> "subprocess.Popen[str]":
    """One for each of pytest's processes."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
    environment.pop("PYTHONPATH", None)
    return subprocess.Popen(
        [sys.executable, __file__], cwd="/", env=environment,
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip


def stop_server() -> None:
    """Wait for its end, so that what the forks cost counts as this process's."""
    if _start_server.cache_info().currsize:
        server = _start_server()
        assert server.stdin is not None
        server.stdin.close()
        server.wait()


def serve() -> None:
    """Fork for each request, a JSON object a line, until there are no more."""
    sys.path.remove(str(Path(__file__).parent))
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()
    keepers = []
    for line in sys.stdin:
        keepers.append(os.fork())
        if keepers[-1] == 0:
            _keep(json.loads(line))
    for keeper in keepers:
        os.waitpid(keeper, 0)


def _keep(request: dict) -> NoReturn:
    """Wait for the program, and tell its exit code."""
    child = os.fork()
    if child == 0:
        _work(request)
    _, status = os.waitpid(child, 0)
    Path(request["code"]).write_text(str(os.waitstatus_to_exitcode(status)))
    os._exit(0)


def _work(request: dict) -> NoReturn:
    """Be a fresh interpreter as far as the program can tell."""
    code = 1
    try:
        os.setsid()
        for number, path in ((1, request["stdout"]), (2, request["stderr"])):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdin, sys.stdout, sys.stderr = (
            os.fdopen(number, mode, encoding="utf-8", closefd=False) for number, mode in enumerate("rww")
        )
        sys.stderr.reconfigure(line_buffering=True)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["cwd"])
        code = _run(request["program"], request["arguments"])
        atexit._run_exitfuncs()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def _run(program: str, arguments: list[str]) -> int:
    is_script = program.endswith(".py")
    first = str(Path(program).parent) if is_script else str(Path.cwd())
    sys.path[0:0] = [first, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv = [program, *arguments]
    try:
        if is_script:
            runpy.run_path(program, run_name="__main__")
        else:
            runpy.run_module(program, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    serve()
