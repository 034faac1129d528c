"""What a night may bring, in the order in which a run comes to it, and the line that must tell of it."""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fault_injection.kill_points import MIDDLE, START, KillPoint
from fault_injection.survival import Room, find_half_written

LATER = "and give the same command again; the whole story is in "


@dataclass(frozen=True)
class Fault:
    """One act in the midst of a run."""

    act: str
    """As `fault_injection.acts` names it."""
    point: KillPoint
    said: str
    """Regular expression of the one line."""
    exit_code: int = 1
    options: tuple[str, ...] = ()
    """For this run alone."""
    is_in_log: bool = True
    """Whether a stack trace is in the log: none of an interrupt, nor where the log takes no more."""


def ingestion_faults(data: Path) -> list[Fault]:
    """Those of FerExampleGen; `data` is the CSV, which grows."""
    return [
        Fault(
            "file-size=20000", KillPoint("FerExampleGen", START),
            "FerExampleGen: a file may not grow as large as it must .*: raise the limit", is_in_log=False,
        ),
        Fault(
            f"append={data}", KillPoint("FerExampleGen", START),
            "were changed while they were read: wait until they are written whole", exit_code=2, is_in_log=False,
        ),
    ]  # fmt: skip


def training_faults(trainer_s: float) -> list[Fault]:
    """Those of Trainer, which works for `trainer_s` when nothing disturbs it."""
    return [
        # Whatever asks first for what is not there: Python, TensorFlow, a thread; an abort leaves no stack trace.
        Fault(
            "memory=20", KillPoint("Trainer", START),
            "the memory is used up|no further thread could be started|was ended by SIG.* the memory was used up",
            is_in_log=False,
        ),
        Fault(
            "interrupt", KillPoint("Trainer", MIDDLE, trainer_s / 2),
            "fer-tfx: interrupted; the same command resumes training where it stopped", is_in_log=False,
        ),
        Fault("killed-by-kernel", KillPoint("Trainer", MIDDLE, trainer_s / 2), "ended by SIGKILL, most likely because",
              is_in_log=False),
    ]  # fmt: skip


def writing_faults() -> list[Fault]:
    """No room for a checkpoint, nor for the pushed model. A limit on the process hits its log and metadata too."""
    full = "a file may not grow as large as it must|the disk did not take what was written"
    return [
        Fault("file-size=60000", KillPoint("Trainer", START), f"Trainer: ({full})", is_in_log=False),
        Fault("file-size=60000", KillPoint("Pusher", START), full, exit_code=1, is_in_log=False),
    ]


def check_line(done: "subprocess.CompletedProcess[str]", said: str, exit_code: int = 1) -> Iterator[str]:
    """What is wrong with the end of a run that had to fail."""
    if done.returncode != exit_code:
        yield f"ended with {done.returncode} instead of {exit_code}: {done.stderr.strip() or done.stdout[-300:]}"
    if done.stderr.count("\n") != 1 or not done.stderr.startswith("fer-tfx: "):
        yield f"said not one line but {done.stderr!r}"
    if not re.search(said, done.stderr):
        yield f"said {done.stderr.strip()!r} and not {said!r}"


def hit(room: Room, fault: Fault) -> list[str]:
    """Let a fault happen to a run in `room`; a sentence for each thing that should not be so."""
    done = room.run(fault.point, fault.act, fault.options)
    found = [*check_line(done, fault.said, fault.exit_code), *find_half_written(room)]
    newest = max((room.home / "logs").iterdir(), key=lambda path: path.name)
    if fault.is_in_log and "Traceback (most recent call last)" not in newest.read_text("utf-8", "replace"):
        found.append("the log holds no stack trace")
    return [f"{fault.act} at {fault.point}: {each}" for each in found]


def flip_byte(path: Path, *, keep_times: bool) -> None:
    """Change one byte in the middle, as a failing disk does; with `keep_times` the file looks as old as before."""
    state = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x55
    path.write_bytes(bytes(content))
    if keep_times:
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
