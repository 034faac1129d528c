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
from pipeline.failures import last_line

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
    """The pushed version, or the export that was refused. Paths are empty if the run did not get that far."""

    def take_outcome(self, outcome: "Outcome") -> None:
        self.report, self.model, self.reason = outcome.report_path, outcome.model_path, "; ".join(outcome.refusals)
        self.verdict, self.exit_code = (PUSHED, 0) if outcome.is_pushed else (REFUSED, GateError.exit_code)

    def take_error(self, error: BaseException) -> None:
        self.verdict = REFUSED if isinstance(error, GateError) else FAILED
        self.exit_code = error.exit_code if isinstance(error, FerError) else FerError.exit_code
        self.reason = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error) or type(error).__name__


@contextmanager
def telling_end(config: NotifyConfig, run: str) -> Iterator[RunEnd]:
    """Yield what to fill in; at the end notify, if the settings ask for it. A failure to do so changes no exit code."""
    end = RunEnd(run)
    try:
        yield end
    except (Exception, KeyboardInterrupt) as error:
        end.take_error(error)
        raise
    finally:
        if config.command and end.verdict in config.on and (fault := notify(config, end)):
            print(f"fer-tfx: notify.command: {config.command[0]}: {fault}; nobody was notified", file=sys.stderr)


def notify(config: NotifyConfig, end: RunEnd) -> str:
    """Run the program with the end as JSON on its standard input; what went wrong, empty: nothing."""
    try:
        # A pipe would be waited for as long as any child of the program holds it. In its own session a Ctrl-C for the
        # run does not reach it, and its children can be ended with it.
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                config.command, stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True
            )
            try:
                process.communicate(json.dumps(asdict(end)).encode(), config.timeout_s)
            except subprocess.TimeoutExpired:
                return f"was ended after notify.timeout_s, {config.timeout_s:g} s"
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            return f"ended with {process.returncode}{_quote_last_line(output)}" if process.returncode else ""
    except (OSError, ValueError) as error:
        return f"can't be started: {getattr(error, 'strerror', None) or error}"


def _quote_last_line(output: BinaryIO) -> str:
    output.seek(0)
    last = last_line(output.read(10_000).decode("utf-8", errors="replace"))
    return f" ({ascii(last[:200])[1:-1]})" if last else ""
