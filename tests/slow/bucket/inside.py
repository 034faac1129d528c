"""python inside.py PID MODULE ARGUMENT...: run MODULE in the network and mount namespaces of process PID."""

import ctypes
import os
import runpy
import sys


def join(process: str) -> None:
    """What `nsenter` does, in a process that has imported its libraries already."""
    library, folder = ctypes.CDLL(None, use_errno=True), os.getcwd()  # noqa: PTH109
    for name in ("net", "mnt"):
        handle = os.open(f"/proc/{process}/ns/{name}", os.O_RDONLY)
        if library.setns(handle, 0):
            raise OSError(ctypes.get_errno(), f"setns {name}")
        os.close(handle)
    os.chdir(folder)


if __name__ == "__main__":
    join(sys.argv[1])
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
