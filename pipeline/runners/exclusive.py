"""One run at a time in one work folder: two would share metadata, checkpoints and drawn data."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from fer_tfx.errors import ConfigError, DataError

LOCK_FILE = ".lock"


@contextmanager
def only_run_in(home: Path) -> Iterator[None]:
    """Hold the work folder for the time of a run. The kernel lets go of it however the process ends.

    Raises:
        ConfigError: another run holds it.
        DataError: the folder can't be written to.
    """
    path = home / LOCK_FILE
    try:
        home.mkdir(parents=True, exist_ok=True)
        # Not truncated on opening: the file says who holds it.
        holder = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+")
    except OSError as error:
        raise DataError(f"{path}: can't be written: {error.strerror}; mend its rights or set runtime.root") from None
    with holder:
        try:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"{home}: another run is at work in it ({holder.read().strip() or 'it says no more of itself'});"
                " wait for its end, or set another runtime.root or name"
            ) from None
        holder.truncate(0)
        holder.write(f"process {os.getpid()} since {datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC\n")
        holder.flush()
        yield
