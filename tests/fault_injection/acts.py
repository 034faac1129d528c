"""What happens to a run at a chosen moment. An act is named by a word, some with a value: `kill`, `memory=300`."""

import ctypes
import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path


def kill_group(_: str = "") -> None:
    """End this process, its children and whatever watches over it at once, so that nothing puts anything in order."""
    os.killpg(os.getpgid(0), signal.SIGKILL)


def interrupt_group(_: str = "") -> None:
    """What a terminal does at Ctrl-C."""
    os.killpg(os.getpgid(0), signal.SIGINT)


def kill_self(_: str = "") -> None:
    """What the kernel does to the process that uses the memory up."""
    os.kill(os.getpid(), signal.SIGKILL)


def limit_file_size(size_bytes: str) -> None:
    """From now on no file may grow beyond that size."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size_bytes), int(size_bytes)))


def limit_memory(spare_mb: str) -> None:
    """From now on this process may map only so much more memory than it has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + int(spare_mb) * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def append_last_line(path: str) -> None:
    """Write the last line of a file once more, as somebody does who still writes it; its time of change moves too."""
    lines = Path(path).read_bytes().splitlines(keepends=True)
    with Path(path).open("ab") as file:
        file.write(lines[-1])
    later = time.time() + 2  # TFX's fingerprint knows whole seconds
    os.utime(path, (later, later))


def obey_rights(_: str = "") -> None:
    """Give up what makes root exempt from the rights of files; nothing changes for anybody else."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3 of capset(2), this process
    no_capabilities = (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None, use_errno=True).capset(header, no_capabilities):
        raise OSError(ctypes.get_errno(), "capset")


ACTS: dict[str, Callable[[str], None]] = {
    "kill": kill_group,
    "killed-by-kernel": kill_self,
    "interrupt": interrupt_group,
    "file-size": limit_file_size,
    "memory": limit_memory,
    "append": append_last_line,
    "obey-rights": obey_rights,
}


def perform(act: str) -> None:
    """Do what `act` names."""
    name, _, value = act.partition("=")
    ACTS[name](value)
