"""Commands of the project in forks of one process that has imported TensorFlow and TFX, which takes 9 CPU s each time.

A fork is a process of its own: its memory, its environment and how it ends are nobody else's. What kills a process in
the midst of its work starts a real one instead.
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


def run_command(
    arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], module: str = "pipeline"
) -> "subprocess.CompletedProcess[str]":
    """`python -m pipeline ARGUMENTS`, with what it printed."""
    server = _start_server()
    with tempfile.TemporaryDirectory() as folder:
        request = {
            "module": module, "arguments": list(arguments), "cwd": str(cwd), "environment": dict(environment),
            "stdout": f"{folder}/stdout", "stderr": f"{folder}/stderr",
        }  # fmt: skip
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        said = [Path(request[stream]).read_text("utf-8") for stream in ("stdout", "stderr")]
    return subprocess.CompletedProcess(request["arguments"], code, *said)


@cache
def _start_server() -> "subprocess.Popen[str]":
    """One for each of pytest's processes; it ends with the pipe to it."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
    environment.pop("PYTHONPATH", None)
    return subprocess.Popen(
        [sys.executable, __file__], cwd="/", env=environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip


def serve() -> None:
    """Fork for each request, a JSON object a line, and answer with the exit code, as `subprocess` counts it."""
    sys.path.remove(str(Path(__file__).parent))
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _work(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), file=replies, flush=True)


def _work(request: dict) -> NoReturn:
    """Be a fresh interpreter as far as the command can tell."""
    code = 1
    try:
        os.setsid()
        for number, path in ((1, request["stdout"]), (2, request["stderr"])):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdin, sys.stdout, sys.stderr = (
            os.fdopen(os.dup(number), mode, encoding="utf-8") for number, mode in enumerate("rww")
        )
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["cwd"])
        sys.argv = ["fer-tfx", *request["arguments"]]
        sys.path[0:0] = [request["cwd"], *request["environment"].get("PYTHONPATH", "").split(os.pathsep)]
        code = _run(request["module"])
        atexit._run_exitfuncs()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def _run(module: str) -> int:
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    serve()
