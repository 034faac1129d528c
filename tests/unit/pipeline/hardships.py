"""Runs commands where the system refuses something: a program; see `main`.

Each command is run once as it should be, and then under each hardship, always in a fork and with files of its own.
"""

import contextlib
import ctypes
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import NoReturn

import numpy as np

from fer_tfx import model_files
from fer_tfx.cli import start
from fer_tfx.contract import IMAGE_SHAPE, LIGHT_MODEL_FILE
from fer_tfx.light import LightModel
from pipeline.commands import export, inspect, schema
from pipeline.replay import command as replay
from pipeline.runners import compilation, local
from reporting.ingestion import IngestionReport

NOBODY = 65534
_CLONE_NEWNS, _MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x20000, 1, 32, 4096, 16384, 1 << 18
LIBC = ctypes.CDLL(None, use_errno=True)


def as_nobody(folder: Path) -> None:
    """Rights hold for everyone but root."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        os.seteuid(NOBODY)


def unreadable_folder(folder: Path) -> None:
    as_nobody(folder)
    for path in folder.iterdir():
        path.chmod(0)


def unwritable_folders(folder: Path) -> None:
    as_nobody(folder)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)


def _mount(source: bytes, target: Path, kind: bytes | None, flags: int, options: bytes | None = None) -> None:
    if LIBC.mount(source, bytes(target), kind, flags, options):
        raise OSError(ctypes.get_errno(), "mount")


def _separate_mounts() -> None:
    if LIBC.unshare(_CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    _mount(b"none", Path("/"), None, _MS_REC | _MS_PRIVATE)


def read_only_disk(folder: Path) -> None:
    _separate_mounts()
    _mount(bytes(folder), folder, None, _MS_BIND)
    _mount(b"none", folder, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY)
    os.chdir(folder)


def full_disk(folder: Path) -> None:
    """Of files and of temporary ones."""
    _separate_mounts()
    kept = folder.with_name("kept")
    shutil.copytree(folder, kept, symlinks=True)
    _mount(b"tmpfs", folder, b"tmpfs", 0, b"size=16m")
    shutil.copytree(kept, folder, symlinks=True, dirs_exist_ok=True)
    with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))
    os.chdir(folder)


def full_output(_: Path) -> None:
    os.dup2(os.open("/dev/full", os.O_WRONLY), 1)


def closed_output(_: Path) -> None:
    os.close(1)


def closed_reader(_: Path) -> None:
    """As `| head` leaves it."""
    reading, writing = os.pipe()
    os.dup2(writing, 1)
    os.close(reading)
    os.close(writing)


def ascii_terminal(_: Path) -> None:
    """Set where the streams are made."""


def gone_folder(folder: Path) -> None:
    gone = folder / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()


HARDSHIPS: dict[str, Callable[[Path], None]] = {
    each.__name__: each
    for each in (
        unreadable_folder, unwritable_folders, read_only_disk, full_disk, full_output, closed_output, closed_reader,
        ascii_terminal, gone_folder,
    )
}  # fmt: skip
NONE, SKIPPED = "none", "skipped: "


def make_folder(template: Path) -> Path:
    """A copy; in a place that everyone may enter, which is not true of pytest's."""
    outer = Path(tempfile.mkdtemp())
    outer.chmod(0o755)
    shutil.copytree(template, outer / "folder", symlinks=True)
    return outer / "folder"


def try_one(words: list[str], name: str, template: Path) -> tuple[list, list[str]]:
    """How the command ended: code, output, error; and the modules that it imported."""
    folder = make_folder(template)
    pipes = [os.pipe() for _ in range(3)]
    child = os.fork()
    if child == 0:
        _work(words, name, folder, [writing for _, writing in pipes])
    for _, writing in pipes:
        os.close(writing)
    said = []
    for reading, _ in pipes:
        with os.fdopen(reading, encoding="utf-8", errors="replace") as stream:
            said.append(stream.read())
    _, status = os.waitpid(child, 0)
    shutil.rmtree(folder.parent, ignore_errors=True)
    out, err, modules = said
    return [os.waitstatus_to_exitcode(status), out, err], modules.split()


def _work(words: list[str], name: str, folder: Path, writings: list[int]) -> NoReturn:
    code = 70
    try:
        signal.alarm(60)
        os.chdir(folder)
        os.environ |= {"HOME": str(folder), "XDG_STATE_HOME": str(folder / "state"), "TMPDIR": str(folder / "tmp"),
                       "PATH": f"{folder}:{os.environ['PATH']}"}  # fmt: skip
        tempfile.tempdir = None
        *outputs, for_modules = writings
        for number, writing in enumerate(outputs, 1):
            os.dup2(writing, number)
            os.close(writing)
        encoding = "ascii" if name == "ascii_terminal" else "utf-8"
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY), encoding="utf-8")
        sys.stdout = os.fdopen(1, "w", encoding=encoding, closefd=False)
        sys.stderr = os.fdopen(2, "w", 1, encoding=encoding, errors="backslashreplace", closefd=False)
        try:
            HARDSHIPS.get(name, lambda _: None)(folder)
        except OSError as error:
            os.write(2, f"{SKIPPED}{error}".encode())
            os._exit(0)
        if name == "closed_output":
            sys.stdout = None  # type: ignore[assignment]
        sys.executable = str(folder / "python")  # beside which commands of other packages are looked for
        sys.argv = ["fer-tfx", *(word.format(folder=folder) for word in words)]
        before = {*sys.modules}
        code = start()
        try:
            sys.stdout.flush()
        except OSError as error:  # what Python does as it leaves
            os.write(2, f"Exception ignored: {error}".encode())
            code = 120
        os.write(for_modules, "\n".join({*sys.modules} - before).encode())
    except SystemExit as leaving:  # Rich leaves where its reader has gone
        code = int(str(leaving.code))
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def play_doubles() -> None:
    """In place of what takes long and is tested elsewhere; TFX is not imported, so that forks are cheap."""
    outcome = SimpleNamespace(is_pushed=True, refusals=[], model_path="/serving/17", report_path="")
    local.run = lambda *_: outcome
    schema._infer = lambda *_: "feature {}\n"
    inspect._ingest = lambda *_: (IngestionReport({"train.csv": 3}, {"train": {"happy": 3}}, {}, {}), "", [])
    compilation.compile_to_text = lambda *_: "pipelineSpec: {}\n"
    replay._run = lambda *_: None
    light = model_files.find_shipped_model(model_files.light_folder("small"))
    pixels = np.zeros((1, *IMAGE_SHAPE), np.uint8)
    model_files.require_known = lambda *_: None
    export._find_light_form = lambda _: light / LIGHT_MODEL_FILE
    export._ask_saved_model = lambda _: (LightModel(light).compute_probabilities(pixels), pixels)
    for name, doubles in (
        ("pipeline.outcome", {"write_summary": lambda _: "summary", "describe_rows": lambda _: [("rows", "3 read")]}),
        ("pipeline.history.acceptance", {"accept_version": lambda *_: None}),
    ):
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(doubles)


def main(cases: Path, template: Path, results: Path) -> None:
    """The cases are lists of words by their line."""
    play_doubles()
    ends: dict[str, dict] = {}
    for line, words in json.loads(cases.read_text("utf-8")).items():
        end, modules = try_one(words, NONE, template)
        for name in modules:  # kept for the forks, which may not be able to read them
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        ends[line] = {NONE: end} | {each: try_one(words, each, template)[0] for each in HARDSHIPS}
    results.write_text(json.dumps(ends), "utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
