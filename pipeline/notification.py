"""Tells a program of the user's how a run ended. See docs/notify.md."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, BinaryIO

from configs.spec import FAILED, PUSHED, REFUSED, NotifyConfig
from fer_tfx.errors import FerError, GateError

if TYPE_CHECKING:
    from pipeline.outcome import Outcome


@dataclass
class RunEnd:
    """How a run ended: what the program gets as JSON. Until more is known, it has failed."""

    run: str
    """The run's name."""
    verdict: str = FAILED
    exit_code: int = FerError.exit_code
    reason: str = ""
    """One sentence; empty: the model was pushed."""
    log: str = ""
    report: str = ""
    model: str = ""
    """The pushed version, or the export that was refused. Paths are empty where the run did not come that far."""

    def take_outcome(self, outcome: "Outcome") -> None:
        """The run came to its end."""
        self.report, self.model, self.reason = outcome.report_path, outcome.model_path, "; ".join(outcome.refusals)
        is_pushed = outcome.is_pushed
        self.verdict, self.exit_code = (PUSHED, 0) if is_pushed else (REFUSED, GateError.exit_code)

    def take_error(self, error: BaseException) -> None:
        """The run ended early."""
        self.verdict = REFUSED if isinstance(error, GateError) else FAILED
        self.exit_code = error.exit_code if isinstance(error, FerError) else FerError.exit_code
        self.reason = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error) or type(error).__name__


@contextmanager
def telling_end(config: NotifyConfig, run: str) -> Iterator[RunEnd]:
    """Yield what to fill in; at the end tell of it, if that is asked for. Whatever comes of that, the end stays.

    Args:
        config: whom to tell, and of what.
        run: the run's name.
    """
    end = RunEnd(run)
    try:
        yield end
    except (Exception, KeyboardInterrupt) as error:
        end.take_error(error)
        raise
    finally:
        if config.command and end.verdict in config.on and (fault := notify(config, end)):
            print(f"fer-tfx: notify.command: {config.command[0]}: {fault}; nobody was told", file=sys.stderr)


def notify(config: NotifyConfig, end: RunEnd) -> str:
    """Run the program with the end as JSON on its standard input; what went wrong, empty: nothing."""
    try:
        # What it prints goes to a file: a pipe would be waited for as long as any child of its own holds it.
        with tempfile.TemporaryFile() as output:
            return _run_program(config, json.dumps(asdict(end)).encode(), output)
    except (OSError, ValueError) as error:
        return f"can't be started: {getattr(error, 'strerror', None) or error}"


def _run_program(config: NotifyConfig, told: bytes, output: BinaryIO) -> str:
    process = subprocess.Popen(
        config.command, stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True
    )
    try:
        process.communicate(told, config.timeout_s)
    except subprocess.TimeoutExpired:
        return f"was ended after notify.timeout_s, {config.timeout_s:g} s"
    finally:
        _end_session(process)
    return f"ended with {process.returncode}{_quote_last_line(output)}" if process.returncode else ""


def _end_session(process: "subprocess.Popen[bytes]") -> None:
    """End a program that still works, and its children. It has a session of its own, so a Ctrl-C for the run is none
    for it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _quote_last_line(output: BinaryIO) -> str:
    output.seek(0)
    lines = output.read(10_000).decode("utf-8", errors="replace").split("\n")
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f" ({ascii(said[:200])[1:-1]})" if said else ""
